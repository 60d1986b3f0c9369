"""When Google exports the footprint of a month, and how far back the export goes."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

PUBLISH_LAG: Final = timedelta(days=16)
"""
The export of a month is written on the 15th of the next one.

https://cloud.google.com/carbon-footprint/docs/export
"""
HISTORY: Final = timedelta(days=10 * 366)
"""As far back as an export goes: Google has figures from 2021-01 on."""
