"""When the Emissions Impact Dashboard has the emissions of a month, and how far back it goes."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

PUBLISH_LAG: Final = timedelta(days=19)
"""Taken to be that of Carbon optimization, which has the same source."""

HISTORY: Final = timedelta(days=3653)
"""Longer than the dashboard exists (2020); the stream finds where its data begin."""

REFRESH: Final = timedelta(hours=20)
"""Less than the day of the default schedule, whose jitter must not make it skip a day."""
