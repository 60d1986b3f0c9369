"""Days of export: which of them may have rows of a month."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

from ogfd.plugin import Period

DAY: Final = timedelta(days=1)
_LATE: Final = timedelta(days=62)
"""
How long after a month its rows are looked for: corrections come with the invoice of a later month.

https://cloud.google.com/billing/docs/how-to/export-data-bigquery-tables#data-load-frequency
"""


def reaching(window: Period, now: datetime) -> Period:
    """Return the days on which rows of *window* may have been exported."""
    end = min(window.end + _LATE, tomorrow(now))
    return Period(window.start, max(end, window.start + DAY))


def tomorrow(now: datetime) -> datetime:
    """Return the end of the day of *now*."""
    return datetime.combine(now.date(), datetime.min.time(), UTC) + DAY
