"""
Which months Cost Explorer has, and when each is read again.

    the month runs, and 14 days after it    no version: read at each run, at most once a REFRESH
    up to 60 days after it                  "settled": read once
    later                                   "final": read once

Cost Explorer has no version of a month, and asking costs money, so the calendar gives the versions
of months that are over. AWS updates a month in the two weeks after it, and may still add refunds,
credits and support fees later: those of the first 60 days are found by the last read, later ones
by ``ogfd sync --force`` alone.
https://docs.aws.amazon.com/cur/latest/userguide/dataexports-export-delivery.html
https://docs.aws.amazon.com/cur/latest/userguide/troubleshooting-cur.html
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

from ogfd.plugin import PartitionState, Period

HISTORY: Final = timedelta(days=13 * 31)
"""At least the thirteen months that Cost Explorer keeps beside the current one."""

REFRESH: Final = timedelta(hours=20)
"""Less than the day of the default schedule, whose jitter must not make it skip a day."""

_KEPT: Final = 13
"""
Months before the current one.

https://docs.aws.amazon.com/cost-management/latest/userguide/ce-api-best-practices.html, 2026
"""

_SETTLED: Final = timedelta(days=14)
_FINAL: Final = timedelta(days=60)


def kept(window: Period, now: datetime) -> Iterator[Period]:
    """Yield the months in *window* that Cost Explorer has, the current one included."""
    years, first = divmod(now.year * 12 + now.month - 1 - _KEPT, 12)
    month = Period.month(f"{years:04}-{first + 1:02}")
    while month.start <= now:
        if month.overlaps(window):
            yield month
        month = Period.month(f"{month.end:%Y-%m}")


def version_of(month: Period, now: datetime) -> str | None:
    """Return the version of *month*; None while it moves."""
    if now < month.end + _SETTLED:
        return None
    return "settled" if now < month.end + _FINAL else "final"


def state_of(month: Period, now: datetime) -> PartitionState:
    """Return how final *month* is."""
    if now < month.end:
        return PartitionState.OPEN
    return PartitionState.CLOSING if now < month.end + _FINAL else PartitionState.CLOSED
