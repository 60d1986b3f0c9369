"""
How long a server wants to be left alone, in every form that servers say it.

``Retry-After`` is RFC 9110 section 10.2.3. ``retry-after-ms`` and ``x-ms-retry-after-ms`` are
milliseconds, read so by azure-core; ``x-amz-retry-after`` is milliseconds, read so by botocore.
Azure's cost APIs add a family ``x-ms-ratelimit-*-retry-after`` in seconds, one per quota
(https://learn.microsoft.com/en-us/azure/cost-management-billing/costs/manage-automation).
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Final

LONGEST: Final = timedelta(hours=24)
"""A longer wait is taken as this: a faulty header must not silence a slice for years."""

_MILLISECONDS: Final = frozenset({"retry-after-ms", "x-ms-retry-after-ms", "x-amz-retry-after"})
_SECONDS: Final = re.compile(r"x-ms-ratelimit-(.+-)?retry-after")
_NUMBER: Final = re.compile(r"\d{1,15}(\.\d{0,15})?|\.\d{1,15}", re.ASCII)


def retry_after(headers: Mapping[str, str], now: datetime | None = None) -> timedelta | None:
    """
    Return the longest wait that any header asks for, at most `LONGEST`; None if none does.

    Args:
        headers: of the answer; names in any case. What cannot be read is ignored.
        now: in UTC; dates are taken relative to the answer's own ``Date``, and to this if it has
            none, so a clock that is off does not matter.
    """
    fields = [(name.lower(), value.strip()) for name, value in headers.items()]
    dates = [_date(value) for name, value in fields if name == "date"]
    sent = next((date for date in dates if date is not None), now)
    waits = [_wait(name, value, sent) for name, value in fields]
    return max((wait for wait in waits if wait is not None), default=None)


def _wait(name: str, value: str, sent: datetime | None) -> timedelta | None:
    if name in _MILLISECONDS:
        return _span(value, 1e-3)
    if name != "retry-after" and not _SECONDS.fullmatch(name):
        return None
    wait = _span(value, 1.0)
    if wait is not None or sent is None:
        return wait
    date = _date(value)
    return None if date is None else min(max(date - sent, timedelta(0)), LONGEST)


def _span(value: str, unit_seconds: float) -> timedelta | None:
    if not _NUMBER.fullmatch(value):
        return None
    seconds = float(value) * unit_seconds
    return timedelta(seconds=min(math.ceil(seconds * 1e6) / 1e6, LONGEST.total_seconds()))


def _date(value: str) -> datetime | None:
    try:
        date = parsedate_to_datetime(value)
    except (ValueError, OverflowError):
        return None
    return date.replace(tzinfo=UTC) if date.tzinfo is None else date
