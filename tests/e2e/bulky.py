"""A connector as a stranger would write it: one month, as many rows as the configuration says."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from typing import Annotated, Any

import numpy as np
import pyarrow as pa

from ogfd.plugin import (
    SHAPES_ROWS,
    ConnectorSpec,
    Context,
    Kind,
    Output,
    Partition,
    Period,
    PluginConfig,
    Stream,
    StreamSpec,
    hookimpl,
)

MONTH = "2026-10"
CHUNK_ROWS = 10_000


class CostConfig(PluginConfig):
    rows: Annotated[int, SHAPES_ROWS]


class BulkyConfig(PluginConfig):
    cost: CostConfig | None = None


class Cost:
    """Rows that differ in their resource, so that no aggregation makes them fewer."""

    name = "cost"

    def __init__(self, rows: int) -> None:
        self._rows = rows

    async def partitions(self, window: Period) -> Sequence[Partition]:
        month = Period.month(MONTH)
        return [Partition(key=MONTH, period=month, version=f"v{self._rows}")]

    async def read(self, partition: Partition, out: Output) -> None:
        for first in range(0, self._rows, CHUNK_ROWS):
            await out.write(self._batch(first, min(CHUNK_ROWS, self._rows - first)))

    def _batch(self, first: int, count: int) -> pa.RecordBatch:
        month = Period.month(MONTH)
        columns = {
            "source": pa.repeat("bulky", count),
            "billing_account_id": pa.repeat("1", count),
            "account_id": pa.repeat("1", count),
            "billing_period": pa.repeat(MONTH, count),
            "service": pa.repeat("disk", count),
            "charge_category": pa.repeat("usage", count),
            "resource_id": pa.array([f"resource-{n:040}" for n in range(first, first + count)]),
            "period_start": pa.repeat(pa.scalar(month.start, pa.timestamp("us", "UTC")), count),
            "period_end": pa.repeat(pa.scalar(month.end, pa.timestamp("us", "UTC")), count),
            "billed_cost": pa.array(np.ones(count)),
            "currency": pa.repeat("USD", count),
            "data_quality": pa.repeat("reported", count),
        }
        return pa.RecordBatch.from_pydict(columns)


@asynccontextmanager
async def _open(config: Any, ctx: Context) -> AsyncGenerator[dict[str, Stream]]:
    yield {"cost": Cost(config.cost.rows)}


@hookimpl
def ogfd_connector() -> ConnectorSpec:
    return ConnectorSpec(
        name="bulky",
        provider="bulky",
        config=BulkyConfig,
        streams={"cost": StreamSpec(config=CostConfig, kind=Kind.COST)},
        open=_open,
        mapping_version=1,
    )
