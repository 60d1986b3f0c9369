"""The metadata of activities: what else matters of a charge, in the words of FOCUS."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

import pyarrow as pa

from ogfd.plugin import LABELS
from ogfd.plugin.tabular import Combined, Text
from ogfd_azure.exports.charges import is_unused
from ogfd_azure.exports.fields import Family
from ogfd_azure.exports.rows import ExportRows

Pairs = tuple[tuple[str, str], ...]

_FOCUS: Final[Mapping[str, str]] = {
    "charge_class": "charge_class",
    "charge_frequency": "charge_frequency",
    "commitment_discount_status": "commitment_status",
    "meter_category": "meter_category",
    "pricing_category": "pricing_category",
}
_FREQUENCIES: Final[Mapping[str, str]] = {"OneTime": "One-Time", "UsageBased": "Usage-Based"}
_PRICING: Final[Mapping[str, str]] = {
    "OnDemand": "Standard",
    "Reservation": "Committed",
    "SavingsPlan": "Committed",
    "Spot": "Dynamic",
}
"""https://learn.microsoft.com/cloud-computing/finops/focus/mapping, as are the frequencies."""


def metadata(rows: ExportRows, checks: Text) -> pa.Array:
    """
    Return the metadata of *rows*.

    Args:
        rows: of one table.
        checks: ``quantity_check`` of each.
    """
    if rows.family is Family.FOCUS:
        found = Combined([checks, *(rows.text(name) for name in _FOCUS.values())])
        return found.map(
            lambda check, *values: pairs(
                [("quantity_check", check), *zip(_FOCUS, values, strict=True)]
            ),
            LABELS,
        )
    names = ("charge", "charge_frequency", "pricing_model", "meter_category")
    found = Combined([checks, *(rows.text(name) for name in names)])
    return found.map(_details, LABELS)


def pairs(found: Iterable[tuple[str, str | None]]) -> Pairs | None:
    """Return the pairs that have a value, sorted; None if there are none."""
    return tuple(sorted((key, value) for key, value in found if value)) or None


def _details(
    check: str | None,
    charge: str | None,
    frequency: str | None,
    model: str | None,
    category: str | None,
) -> Pairs | None:
    pricing = _PRICING.get(model or "", model)
    committed = pricing == "Committed" and charge == "Usage"
    return pairs(
        [
            ("charge_class", "Correction" if charge == "Refund" else None),
            ("charge_frequency", _FREQUENCIES.get(frequency or "", frequency)),
            (
                "commitment_discount_status",
                "Unused" if is_unused(charge) else "Used" if committed else None,
            ),
            ("meter_category", category),
            ("pricing_category", pricing),
            ("quantity_check", check),
        ]
    )
