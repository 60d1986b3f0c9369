"""Bad rows of a table: which, why, and what they said."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

import numpy as np
import pyarrow as pa

from ogfd.plugin.tabular.text import Codes, Mask

_NAMED: Final = 100
"""So many rows of one table and reason are named one by one; the rest is counted together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejected:
    """What `Output.reject` is told of one or more rows."""

    where: str
    reason: str
    raw: str = ""
    cost: Decimal | None = None
    rows: int = 1


@dataclass(frozen=True, slots=True)
class _Found:
    places: Codes
    reason: str
    cells: pa.Array


class Problems:
    """Gathers the bad rows of a table of *count* rows; a row is bad for the first reason found."""

    def __init__(self, count: int) -> None:
        self.bad: Mask = np.zeros(count, dtype=np.bool_)
        self._found: list[_Found] = []

    def add(self, rows: Mask, reason: str, cells: pa.Array) -> None:
        """Add the *rows* that no other reason has named; *cells* is the column they are bad in."""
        fresh = rows & ~self.bad
        if fresh.any():
            self._found.append(_Found(np.flatnonzero(fresh), reason, cells))
            self.bad |= fresh

    def rejected(
        self, file: str, first_row: int, costs: pa.Array, counted: Mask
    ) -> tuple[Rejected, ...]:
        """
        Return the bad rows that count.

        Args:
            file: key of the file, for messages.
            first_row: data row of the table's first row.
            costs: the money of each row; null where it is unknown.
            counted: which rows are not left out anyway.
        """
        told: list[Rejected] = []
        for found in self._found:
            places = found.places[counted[found.places]].tolist()
            told += [
                Rejected(
                    where=f"{file}, data row {first_row + place}",
                    reason=found.reason,
                    raw=_raw(found.cells[place]),
                    cost=costs[place].as_py(),
                )
                for place in places[:_NAMED]
            ]
            if rest := places[_NAMED:]:
                told.append(_together(file, first_row, found.reason, rest, costs))
        return tuple(told)


def _together(
    file: str, first_row: int, reason: str, places: Sequence[int], costs: pa.Array
) -> Rejected:
    # Costs of opposite sign must not cancel out: many rows cost nothing only if each does.
    free = all(cost == 0 for cost in costs.take(pa.array(places)).to_pylist())
    return Rejected(
        where=f"{file}, data rows {first_row + places[0]} to {first_row + places[-1]}",
        reason=reason,
        cost=Decimal(0) if free else None,
        rows=len(places),
    )


def _raw(cell: pa.Scalar) -> str:
    value = cell.as_py()
    if isinstance(value, bytes):
        return value.decode("utf-8", "backslashreplace")
    return "" if value is None else str(value)
