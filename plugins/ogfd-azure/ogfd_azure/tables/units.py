"""Units of measure of Azure's prices: ``10K`` is a block of 10,000 units, ``10 Hours`` one of hours."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from ogfd_azure.tables.reading import listed, rows_of


@dataclass(frozen=True, slots=True)
class Unit:
    """A price is for *block* of *unit*."""

    block: int
    unit: str


def unit_of(unit_of_measure: str) -> Unit | None:
    """Return what a unit of measure, such as ``10 Hours``, means; None if no table knows it."""
    exact, folded = _units()
    return exact.get(unit_of_measure) or folded.get(unit_of_measure.strip().casefold())


@cache
def _units() -> tuple[Mapping[str, Unit], Mapping[str, Unit]]:
    exact = {
        spelling: Unit(int(row["block"]), row["unit"])
        for row in rows_of("units.csv")
        for spelling in listed(row["spellings"])
    }
    return exact, {spelling.casefold(): unit for spelling, unit in exact.items()}
