"""Calendar months, which cost and emissions are reported by."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from ogfd.plugin import Period

CLOSES: Final = timedelta(days=5)
"""
How long after its end a month may change: invoices are closed up to 72 hours after it, and changes
come until the fifth day.

https://learn.microsoft.com/azure/cost-management-billing/costs/understand-cost-mgt-data
"""


def months_over(window: Period, now: datetime) -> list[Period]:
    """Return the months in *window*, also in a part of it, that are over, in order."""
    found = []
    month = month_of(window.start)
    while month.start < window.end and month.end <= now:
        found.append(month)
        month = month_of(month.end)
    return found


def month_before(month: Period, count: int = 1) -> Period:
    """Return the month that lies *count* months before *month*."""
    year, number = divmod(month.start.year * 12 + month.start.month - 1 - count, 12)
    return Period.month(f"{year:04}-{number + 1:02}")


def month_of(moment: datetime) -> Period:
    """Return the month of *moment*."""
    return Period.month(f"{moment:%Y-%m}")
