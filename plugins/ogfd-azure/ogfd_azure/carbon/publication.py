"""When Azure publishes the emissions of a month, and for how long it keeps them."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

PUBLISHED_ON: Final = 19
"""The day by which the previous month is there (page *Export emissions data*)."""

PUBLISH_LAG: Final = timedelta(days=PUBLISHED_ON)
"""This ends with the day by which the previous month is there."""

HISTORY: Final = timedelta(days=13 * 31)
"""The twelve months that Azure keeps, before and after it publishes another."""

REFRESH: Final = timedelta(hours=20)
"""Less than the day of the default schedule, whose jitter must not make it skip a day."""
