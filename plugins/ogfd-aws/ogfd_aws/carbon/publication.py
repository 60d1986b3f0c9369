"""When AWS publishes the emissions of a month, in its API and to exports alike."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

from ogfd.plugin import PartitionState, Period

FIRST_MONTH: Final = Period.month("2022-01")
"""AWS has no data of earlier months (page *key concepts* of its user guide)."""

PUBLISH_LAG: Final = timedelta(days=21)
"""
New data comes "by the 21st of the month following the usage"; this ends with that day.

https://docs.aws.amazon.com/sustainability/latest/userguide/key-concepts.html
"""

REFRESH: Final = timedelta(hours=20)
"""Less than the day of the default schedule, whose jitter must not make it skip a day."""


def months_over(window: Period, now: datetime) -> Iterator[Period]:
    """Yield the months in *window* that are over and that AWS has data of."""
    start = max(window.start, FIRST_MONTH.start)
    month = Period.month(f"{start:%Y-%m}")
    while month.start < window.end and month.end <= now:
        yield month
        month = Period.month(f"{month.end:%Y-%m}")


def state_of(month: Period, now: datetime) -> PartitionState:
    """Return how final *month* is; AWS may restate it in any state, with a new model."""
    if now < month.end:
        return PartitionState.OPEN
    late = now >= month.end + PUBLISH_LAG
    return PartitionState.CLOSED if late else PartitionState.CLOSING


def promise(month: Period, now: datetime) -> str | None:
    """Return by when AWS publishes *month*; None if it should have."""
    due = month.end + PUBLISH_LAG
    if now >= due:
        return None
    return f"AWS publishes {month} by {due - timedelta(days=1):%Y-%m-%d}"
