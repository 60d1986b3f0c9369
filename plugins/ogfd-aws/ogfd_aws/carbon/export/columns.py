"""
The columns of a carbon export, and which of them a file has.

An export's query is frozen when it is made: older ones have the market-based total alone.
https://docs.aws.amazon.com/cur/latest/userguide/carbon-emissions-columns.html
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from ogfd.plugin import FatalError
from ogfd.plugin.tabular import Selection

PAYER: Final = "payer_account_id"
ACCOUNT: Final = "usage_account_id"
START: Final = "usage_period_start"
MODEL: Final = "model_version"
REGION: Final = "region_code"
PLACE: Final = "location"
PRODUCT: Final = "product_code"

MEASURES: Final[Mapping[str, str]] = {
    "location_based_kg": "total_lbm_emissions",
    "market_based_kg": "total_mbm_emissions",
    "scope1_kg": "total_scope_1_emissions",
    "scope2_location_kg": "total_scope_2_lbm_emissions",
    "scope2_market_kg": "total_scope_2_mbm_emissions",
    "scope3_kg": "total_scope_3_lbm_emissions",
    "scope3_market_kg": "total_scope_3_mbm_emissions",
}
"""Kilograms to what the columns of the amount and of its unit begin with."""

_TEXTS: Final = (PAYER, ACCOUNT, START, MODEL, REGION, PLACE, PRODUCT)
_NOT_READ: Final = frozenset({"last_refresh_timestamp", "usage_period_end"})
REQUIRED: Final = (
    PAYER, ACCOUNT, START, "total_mbm_emissions_value", "total_mbm_emissions_unit",
)  # fmt: skip
"""Exports of all ages have these."""


def value_of(measure: str) -> str:
    """Return the column of the amount of *measure*."""
    return f"{MEASURES[measure]}_value"


def unit_of(measure: str) -> str:
    """Return the column of the unit of *measure*."""
    return f"{MEASURES[measure]}_unit"


def select(headers: Sequence[str], file: str) -> Selection:
    """
    Find the columns in the header of *file*; their names there are those of AWS, in any case.

    Raises:
        FatalError: if a required column or the unit of an amount is missing, or one comes twice.
    """
    names = [header.casefold() for header in headers]
    found = {name: place for place, name in enumerate(names)}
    if len(found) != len(names):
        twice = sorted({name for name in names if names.count(name) > 1})
        raise FatalError(f"{file}: the header has {', '.join(twice)} more than once")
    values = [value_of(measure) for measure in MEASURES]
    units = [unit_of(measure) for measure in MEASURES if value_of(measure) in found]
    if missing := [name for name in dict.fromkeys((*REQUIRED, *units)) if name not in found]:
        raise FatalError(
            f"{file}: the header lacks {', '.join(missing)}",
            hint="the file is no carbon export of AWS, its header is damaged, or the export's query "
            "leaves these columns out",
        )
    known = {*_TEXTS, *values, *units, *_NOT_READ}
    return Selection(
        headers=tuple(headers),
        places={name: found[name] for name in (*_TEXTS, *values, *units) if name in found},
        numbers=frozenset(values),
        unknown=tuple(
            header for header, name in zip(headers, names, strict=True) if name not in known
        ),
    )
