"""Half-open UTC periods, the only way ogfd speaks about time spans."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime

_MONTH = re.compile(r"(\d{4})-(0[1-9]|1[0-2])")


@dataclass(frozen=True, slots=True, order=True)
class Period:
    """
    A half-open span of time, ``start`` inclusive, ``end`` exclusive, both in UTC.

    Raises:
        ValueError: if a bound has no time zone or another one than UTC, or if *end* is not
            after *start*.
    """

    start: datetime
    end: datetime

    def __post_init__(self) -> None:
        for bound in (self.start, self.end):
            if bound.utcoffset() is None or bound.utcoffset() != UTC.utcoffset(None):
                raise ValueError(f"a period is bounded by UTC times, not by {bound!r}")
        if self.end <= self.start:
            raise ValueError(f"a period ends after it starts: {self.start} .. {self.end}")

    @classmethod
    def month(cls, text: str) -> Period:
        """
        Return the calendar month written ``YYYY-MM``.

        Raises:
            ValueError: if *text* is not a month of the years 1 to 9999 written that way.
        """
        found = _MONTH.fullmatch(text)
        if found is None or found[1] == "0000":
            raise ValueError(f"{text!r} is not a month; write it as YYYY-MM, for example 2026-10")
        year, month = int(found[1]), int(found[2])
        return cls(_month_start(year, month), _month_start(year + month // 12, month % 12 + 1))

    @classmethod
    def months(cls, first: str, last: str) -> Period:
        """Return the span from month *first* to month *last*, both included."""
        return cls(cls.month(first).start, cls.month(last).end)

    def overlaps(self, other: Period) -> bool:
        """Tell whether the two periods share an instant."""
        return self.start < other.end and other.start < self.end

    def __contains__(self, instant: datetime) -> bool:
        return self.start <= instant < self.end

    def __str__(self) -> str:
        month = f"{self.start:%Y-%m}"
        if Period.month(month) == self:
            return month
        return f"{self.start:%Y-%m-%dT%H:%M:%SZ}/{self.end:%Y-%m-%dT%H:%M:%SZ}"


def _month_start(year: int, month: int) -> datetime:
    return datetime(year, month, 1, tzinfo=UTC)
