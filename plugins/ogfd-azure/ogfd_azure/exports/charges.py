"""
What the rows of a table charge: the kind of charge, its billed and its effective cost.

    FocusCost       both costs in each row. A commitment that is bought has no effective cost, as
                    the usage that it pays for bears it; Microsoft's 1.0 has the price there.
    ActualCost      the billed cost alone. Usage that a commitment pays for is free in it.
    AmortizedCost   the effective cost alone. Usage bears its share of a commitment, unused shares
                    are rows of their own, the purchases are left out.

A cost that a dataset does not have is null, also where it could be told: a sum over a column that
is filled in part would pass for a whole.

https://focus.finops.org/focus-specification/v1-2/#effectivecost
https://learn.microsoft.com/azure/cost-management-billing/automate/understand-usage-details-fields
https://learn.microsoft.com/cloud-computing/finops/focus/mapping
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from ogfd.plugin import MONEY, FatalError
from ogfd.plugin.tabular import Combined, Mask
from ogfd_azure.exports.fields import Family
from ogfd_azure.exports.rows import ExportRows

UNKNOWN: Final = "adjustment"
"""The category of a kind of charge that Azure has added since: its money counts, it is reported."""

_FOCUS: Final[Mapping[str | None, str]] = {
    "Usage": "usage",
    "Purchase": "purchase",
    "Tax": "tax",
    "Credit": "credit",
    "Adjustment": "adjustment",
}
_DETAILS: Final[Mapping[str | None, str]] = {
    None: "usage",  # pay-as-you-go has usage alone, and does not say so
    "usage": "usage",
    "unusedreservation": "usage",
    "unusedsavingsplan": "usage",
    "purchase": "purchase",
    "refund": "purchase",
    "tax": "tax",
    "credit": "credit",
    "roundingadjustment": "adjustment",
}
_UNUSED: Final = "unused"


class Dataset(Enum):
    """
    Which costs an export has; the value is its type in a manifest.

    ``Usage`` is the name of actual costs for pay-as-you-go.
    """

    FOCUS = "FocusCost"
    ACTUAL = "ActualCost"
    AMORTISED = "AmortizedCost"
    USAGE = "Usage"


_CONFIGURED: Final[Mapping[str, Dataset]] = {
    "actual": Dataset.ACTUAL,
    "amortized": Dataset.AMORTISED,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Charges:
    """
    The charges of a table.

    Attributes:
        columns: ``charge_category``, ``billed_cost``, ``effective_cost``.
        cost: the one of these that is filled, for messages.
        usage: rows of physical usage; unused commitments are charged as usage and are none.
    """

    columns: Mapping[str, pa.Array]
    cost: pa.Array
    usage: Mask


def dataset_of(kind: str | None, configured: str | None, manifest: str) -> Dataset | None:
    """
    Return the dataset of an export; None if nobody names it.

    Args:
        kind: ``exportConfig.type`` of the manifest, which older ones do not have.
        configured: ``actual`` or ``amortized``, as the operator says of such.
        manifest: for messages.

    Raises:
        FatalError: if the export is not of costs.
    """
    if kind:
        known = {dataset.value.casefold(): dataset for dataset in Dataset}
        if kind.casefold() not in known:
            raise FatalError(
                f"{manifest} is of an export of type {kind}, which has no costs",
                hint="name another export, or another prefix, in the table of the stream",
            )
        return known[kind.casefold()]
    return _CONFIGURED[configured] if configured else None


def charges(rows: ExportRows, dataset: Dataset | None, file: str) -> Charges:
    """
    Return what *rows* charge; numbers that cannot be read become problems of them.

    Args:
        rows: of one table.
        dataset: as the manifest names it; None if it does not, then details are actual costs.
        file: for messages.

    Raises:
        FatalError: if the rows are of another dataset.
    """
    focus = rows.family is Family.FOCUS
    if dataset is not None and focus is not (dataset is Dataset.FOCUS):
        raise FatalError(
            f"{file} has the columns of {'FOCUS' if focus else 'cost details'}, "
            f"but is told to be of type {dataset.value}",
            hint="the manifest and its files are of different exports; have the month exported anew",
        )
    return _focus(rows) if focus else _details(rows, dataset, file)


def _focus(rows: ExportRows) -> Charges:
    kinds = rows.combined("charge", "commitment_status")
    categories = _categories(rows, kinds, [_FOCUS.get(kind) for kind, _ in kinds.rows])
    billed = rows.number("billed", MONEY).values
    rows.empty("billed")
    spread = rows.number("effective", MONEY).values
    rows.empty("effective")
    bought = kinds.where(lambda kind, _: kind == "Purchase") & ~rows.text("commitment").empty
    if bought.any():
        spread = pc.if_else(pa.array(bought), pa.scalar(Decimal(0), MONEY), spread)
    return Charges(
        columns={"charge_category": categories, "billed_cost": billed, "effective_cost": spread},
        cost=billed,
        usage=kinds.where(lambda kind, status: kind == "Usage" and not is_unused(status)),
    )


def _details(rows: ExportRows, dataset: Dataset | None, file: str) -> Charges:
    kinds = rows.combined("charge")
    meant = [_DETAILS.get(kind and kind.casefold()) for (kind,) in kinds.rows]
    categories = _categories(rows, kinds, meant)
    amortised = dataset is Dataset.AMORTISED
    if not amortised and any(is_unused(kind) for (kind,) in kinds.rows):
        raise FatalError(
            f"{file} is read as actual cost, but has unused commitments, as amortised cost alone has",
            hint='if the export\'s manifest does not name its type, set dataset = "amortized" in the '
            "table of the stream",
        )
    cost = rows.number("cost", MONEY).values
    rows.empty("cost")
    none = pa.nulls(rows.count, MONEY)
    return Charges(
        columns={
            "charge_category": categories,
            "billed_cost": none if amortised else cost,
            "effective_cost": cost if amortised else none,
        },
        cost=cost,
        usage=kinds.flags(
            [
                category == "usage" and not is_unused(kind)
                for category, (kind,) in zip(meant, kinds.rows, strict=True)
            ]
        ),
    )


def is_unused(kind: str | None) -> bool:
    """Tell whether a charge type or the status of a commitment stands for what nobody used."""
    return kind is not None and kind.casefold().startswith(_UNUSED)


def _categories(rows: ExportRows, kinds: Combined, meant: Sequence[str | None]) -> pa.Array:
    strange = [None if known else row[0] for row, known in zip(kinds.rows, meant, strict=True)]
    rows.strange("charge_category", kinds, strange)
    return kinds.column([known or UNKNOWN for known in meant])
