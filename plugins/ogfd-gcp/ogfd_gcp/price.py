"""
What queries cost on demand, for ``ogfd plan``.

https://cloud.google.com/bigquery/pricing#on_demand_pricing (2026): for each TiB of the columns and
partitions that are read, at least 10 MB a table. The first TiB of a month is free for a billing
account, and reserved slots are paid for in another way; neither is known here.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from ogfd.plugin import Money

_TIB: Final = 1 << 40
_LEAST_BILLED: Final = 10 << 20
_MICRO_USD: Final = Decimal("0.000001")


@dataclass(frozen=True, slots=True)
class QueryPrice:
    """The list price of a TiB."""

    usd_per_tib: Decimal

    def of(self, size_bytes: int) -> Money:
        """Return what it costs to read so many bytes of one table."""
        billed = Decimal(max(size_bytes, _LEAST_BILLED))
        return Money(amount=(self.usd_per_tib * billed / _TIB).quantize(_MICRO_USD), currency="USD")
