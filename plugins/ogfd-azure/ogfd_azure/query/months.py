"""
Which months a query reaches, and when each is read again.

    the month runs, and 5 days after it     no version: read at most once a REFRESH
    up to 60 days after it                  "settled": read once
    later                                   "final": read once

There is no version of a month to ask for, and a scope may be asked four times a minute, so the
calendar gives the versions of months that are over. Bills of Enterprise Agreements are corrected
later too: what comes in the first 60 days is found by the last read, the rest by
``ogfd sync --force`` alone.
https://learn.microsoft.com/azure/cost-management-billing/costs/understand-cost-mgt-data
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

from ogfd.plugin import PartitionState, Period
from ogfd_azure.calendar import CLOSES

REFRESH: Final = timedelta(hours=20)
"""Less than the day of the default schedule, whose jitter must not make it skip a day."""

KEPT: Final = 37
"""
Months that can be asked for, the current one included.

https://github.com/microsoft/azure-skills, skills/azure-cost/cost-query, 2026, MIT
"""

_FINAL: Final = timedelta(days=60)


def kept(window: Period, now: datetime) -> Iterator[Period]:
    """Yield the months in *window* that can be asked for, the current one included."""
    month = first(now)
    while month.start <= now:
        if month.overlaps(window):
            yield month
        month = Period.month(f"{month.end:%Y-%m}")


def first(now: datetime) -> Period:
    """Return the first month that can be asked for."""
    years, months = divmod(now.year * 12 + now.month - KEPT, 12)
    return Period.month(f"{years:04}-{months + 1:02}")


def version_of(month: Period, now: datetime) -> str | None:
    """Return the version of *month*; None while it moves."""
    if now < month.end + CLOSES:
        return None
    return "settled" if now < month.end + _FINAL else "final"


def state_of(month: Period, now: datetime) -> PartitionState:
    """Return how final *month* is."""
    if now < month.end:
        return PartitionState.OPEN
    return PartitionState.CLOSING if now < month.end + _FINAL else PartitionState.CLOSED
