"""
Times as cost exports write them.

    2024-09-01T00:00Z            FOCUS 1.0; 1.0r2 and later have seconds
    2024-02-03T18:33:03.1032074  seven digits of a second's fraction, no zone: UTC
    2024-02-03                   pay-as-you-go
    02/03/2024, 2/3/2024         month first: other details; without zeros once Excel has saved them
    20240203                     Cost Management's queries
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Final

_YEARS: Final = range(2000, 2200)  # of bills; some programs write an empty date as one of year 1
_MONTH_FIRST: Final = re.compile(
    r"(\d{1,2})/(\d{1,2})/(\d{4})(?: 0?0:00(?::00)?| 12:00(?::00)? AM)?"
)


def instant(text: str) -> datetime | None:
    """Read a time, in UTC; None if *text* is none. A time without zone is UTC."""
    text = text.strip()
    try:
        if found := _MONTH_FIRST.fullmatch(text):
            month, day, year = map(int, found.groups())
            time = datetime(year, month, day, tzinfo=UTC)
        else:
            time = datetime.fromisoformat(text)
    except ValueError:
        return None
    if time.year not in _YEARS:
        return None
    return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
