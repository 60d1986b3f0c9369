"""
Has Azure restated a month while it was read? Each month's report says what the month before was.

Reports are read from the newest month back. What one said of the month before is compared with
what that month's own report says next; where they differ, the newer month was read too early, and
the next run reads it again. Only the figures of one month are kept, as numbers.
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import numpy.typing as npt

Ids = npt.NDArray[np.int64]
Amounts = npt.NDArray[np.float64]

_SAME: Final = 1e-6  # of an amount: what two ways of rounding one may differ by


@dataclass(slots=True)
class Figures:
    """The figures of a report, side by side. Amounts are kilograms; NaN where it has none."""

    ids: array[int] = field(default_factory=lambda: array("q"))
    kg: array[float] = field(default_factory=lambda: array("d"))
    previous_kg: array[float] = field(default_factory=lambda: array("d"))

    def add(self, identity: int, kg: float, previous_kg: float) -> None:
        """Add one resource, known by a hash of what it is."""
        self.ids.append(identity)
        self.kg.append(kg)
        self.previous_kg.append(previous_kg)


@dataclass(frozen=True, slots=True)
class _Told:
    """What a report said of *month*: NaN where it said nothing."""

    month: str
    ids: Ids
    kg: Amounts


class Restatements:
    """Compares the reports of one run with each other."""

    def __init__(self) -> None:
        self._told: dict[tuple[str, int], _Told] = {}

    def differing(self, group: str, scope: int, month: str, before: str, figures: Figures) -> int:
        """
        Return how many resources differ from what the report of the following month said.

        Args:
            group: which subscriptions were asked for.
            scope: which emissions.
            month: of the report.
            before: the month before it.
            figures: of the whole report.
        """
        ids = np.array(figures.ids, dtype=np.int64)
        told = self._told.pop((group, scope), None)
        self._told[group, scope] = _Told(before, ids, np.array(figures.previous_kg))
        if told is None or told.month != month:
            return 0
        _, own, other = np.intersect1d(ids, told.ids, return_indices=True)
        kg, said = np.array(figures.kg)[own], told.kg[other]
        apart = np.abs(kg - said) > _SAME * np.maximum(np.abs(kg), np.abs(said))
        return int(np.count_nonzero(apart))
