"""
Which days of its period a slice has rows of, whatever the grain they are kept in.

Rows longer than a day, such as fees of a whole month, and rows outside of the period say nothing
about how far an export has come.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ogfd.plugin import INSTANT, Period

Span = tuple[str, str]
"""The first and the last day, ``YYYY-MM-DD`` in UTC."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_DAY: Final = 86_400_000_000


class Days:
    """Gathers the days of *period* that rows are of."""

    def __init__(self, period: Period) -> None:
        self._from = (period.start - _EPOCH) // _MICROSECOND
        self._until = (period.end - _EPOCH) // _MICROSECOND
        self._first: int | None = None
        self._last: int | None = None

    def add(self, starts: pa.Array, ends: pa.Array) -> None:
        """Take in the half-open periods of some rows: times, or texts of such."""
        start, end = _micros(starts), _micros(ends)
        inside = (end - start <= _DAY) & (start >= self._from) & (start < self._until)
        if not inside.any():
            return
        first = int(start[inside].min())
        last = min(int(end[inside].max()), self._until) - 1
        self._first = first if self._first is None else min(first, self._first)
        self._last = last if self._last is None else max(last, self._last)

    @property
    def span(self) -> Span | None:
        """Return the first and the last day with rows; None if there are none."""
        if self._first is None or self._last is None:
            return None
        return str(_day(self._first)), str(_day(self._last))


def _day(micros: int) -> date:
    return (_EPOCH + timedelta(microseconds=micros)).date()


def _micros(times: pa.Array) -> npt.NDArray[np.int64]:
    micros: npt.NDArray[np.int64] = (
        times.cast(INSTANT).cast(pa.int64()).to_numpy(zero_copy_only=False)
    )
    return micros
