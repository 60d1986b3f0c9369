"""Which days of its month a package has rows of."""

from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest

from ogfd.packages import Days
from ogfd.plugin import INSTANT, Period

OCTOBER = Period.month("2026-10")
DAY = timedelta(days=1)
HOUR = timedelta(hours=1)


def at(day: int, hour: int = 0, month: int = 10) -> datetime:
    return datetime(2026, month, day, hour, tzinfo=UTC)


@pytest.mark.parametrize(
    ("rows", "span"),
    [
        ([(at(3), DAY), (at(9), DAY)], ("2026-10-03", "2026-10-09")),
        ([(at(3, 23), HOUR), (at(9, 0), HOUR)], ("2026-10-03", "2026-10-09")),
        ([(at(1), 31 * DAY), (at(4), DAY)], ("2026-10-04", "2026-10-04")),
        ([(at(1), 31 * DAY)], None),
        ([(at(30, month=9), DAY), (at(1, month=11), DAY)], None),
        ([(at(31, 12), DAY)], ("2026-10-31", "2026-10-31")),
        ([], None),
    ],
)
def test_the_first_and_the_last_day_count(rows, span):
    """Of rows within the month that are no longer than a day."""
    days = Days(OCTOBER)
    starts = [start for start, _ in rows]
    ends = [start + length for start, length in rows]
    days.add(pa.array(starts, INSTANT), pa.array(ends, INSTANT))

    assert span == days.span


def test_batches_add_up_in_any_order():
    """Texts of times, as a sink may keep them, are as good as times."""
    days = Days(OCTOBER)
    for day in (7, 2, 5):
        texts = [f"{time:%Y-%m-%dT%H:%M:%SZ}" for time in (at(day), at(day + 1))]
        days.add(pa.array(texts[:1]), pa.array(texts[1:]))

    assert ("2026-10-02", "2026-10-07") == days.span
