"""
The stream ``cost``: exports of Cost Management in blob storage, month by month.

    one listing -> every manifest -> of each month the newest run     partitions()
    its blobs -> still the same?                                      read(), see `Delivery`

A run has all of its days, so it replaces the month. One that has fewer days than another one of the
month, as a one-time export of some days has, is read and then held: see `Output.doubt`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

import anyio
import pyarrow as pa
from anyio import to_thread

from ogfd.plugin import (
    Context,
    Output,
    Partition,
    Period,
    SourceChanged,
    Totals,
    TransientError,
    single_error,
)
from ogfd.plugin.tabular import Mapped, feed
from ogfd_azure.blob import Container, Listed
from ogfd_azure.config import CostConfig
from ogfd_azure.exports.charges import Dataset, dataset_of
from ogfd_azure.exports.choice import Month, months, one_dataset
from ogfd_azure.exports.columns import Columns, choose
from ogfd_azure.exports.delivery import Delivery
from ogfd_azure.exports.manifest import MAX_BYTES, NAMES, Run, parse
from ogfd_azure.exports.mapping import Mapper

AskTotals = Callable[[str, Dataset | None], Awaitable[Totals | None]]
"""Asks for the totals of a month, as far as a dataset has the costs."""

_LISTINGS: Final = 3
_AT_ONCE: Final = 8  # manifests are small: what they cost is the way there


class CostStream:
    """
    Reads the exports that *config* names.

    Args:
        ctx: of the run.
        container: where they lie.
        config: of the stream.
        totals: knows the totals of months; None if there is nobody to ask.

    Attributes:
        totals: asks for the totals of a billing period; None if there is nobody to ask.
    """

    name = "cost"

    def __init__(
        self,
        ctx: Context,
        container: Container,
        config: CostConfig,
        *,
        totals: AskTotals | None = None,
    ) -> None:
        self._ctx = ctx
        self._container = container
        self._config = config
        self._folder = config.folder
        self._ask = totals
        self.totals: Callable[[str], Awaitable[Totals | None]] | None = (
            None if totals is None else self._totals
        )
        self._months: dict[str, tuple[Month, Delivery]] = {}

    async def partitions(self, window: Period) -> Sequence[Partition]:
        """
        List the months in *window*: the listing, and a small request for each manifest.

        Raises:
            SourceError, Parked: if the container cannot be read, or has no such export.
        """
        blobs, runs = await self._steady()
        place = f"{self._container.name}/{self._folder}"
        chosen = months(one_dataset(runs, self._config, place), window)
        found = [(month, self._delivery(month, blobs)) for month in chosen]
        self._months |= {month.key: (month, delivery) for month, delivery in found}
        return [self._partition(month, delivery) for month, delivery in found]

    async def read(self, partition: Partition, out: Output) -> None:
        """
        Read the month as its newest run has it.

        Raises:
            SourceChanged: if another run took its place, or blobs of it are replaced meanwhile.
            SourceError, Parked: if the run cannot be read, or cannot be trusted.
        """
        month, delivery = await self._month(partition.key, partition.period)
        if self._partition(month, delivery).version != partition.version:
            raise SourceChanged(f"another run of {partition.key} took the place of the one listed")
        month.check()
        mapper = Mapper(
            out.wanted,
            self._dataset(month.run),
            in_units=self._config.quantities_in_units,
        )
        for doubt in month.doubts:
            out.doubt(doubt)

        async def take(name: str, path: Path) -> int:
            counted = 0

            def chosen(headers: Sequence[str], file: str) -> Columns:
                return choose(headers, out.wanted, file)

            def mapped(table: pa.Table, columns: Columns, file: str, first_row: int) -> Mapped:
                nonlocal counted
                counted += table.num_rows
                return mapper.map(table, columns, file, first_row)

            await feed(path, name, out, choose=chosen, map=mapped, plain=True)
            return counted

        await delivery.read(take)

    async def _totals(self, billing_period: str) -> Totals | None:
        """Return the sums of a month of what its newest run has; None without such a run."""
        if self._ask is None:
            return None
        try:
            month, _ = await self._month(billing_period, Period.month(billing_period))
        except SourceChanged:
            return None
        return await self._ask(billing_period, self._dataset(month.run))

    async def _steady(self) -> tuple[Mapping[str, Listed], list[Run]]:
        """Return a listing and the runs in it, all of one moment."""
        changed: SourceChanged | None = None
        for _ in range(_LISTINGS):
            blobs = await self._container.below(self._folder)
            try:
                return blobs, await self._runs(blobs)
            except SourceChanged as exc:  # a run took the place of another one
                changed = exc
        raise TransientError(f"{changed}; so it went {_LISTINGS} times") from changed

    async def _runs(self, blobs: Mapping[str, Listed]) -> list[Run]:
        """Read every manifest there is, in the version of the listing."""
        found: list[Run] = []
        limiter = anyio.CapacityLimiter(_AT_ONCE)

        async def ask(name: str) -> None:
            async with limiter:
                body = await self._container.small(name, blobs[name], limit=MAX_BYTES)
                found.append(await to_thread.run_sync(parse, body, name, blobs[name].modified))

        with single_error():
            async with anyio.create_task_group() as tasks:
                for name in blobs:
                    if name.rpartition("/")[2] in NAMES:
                        tasks.start_soon(ask, name)
        return sorted(found, key=lambda run: run.manifest)

    def _delivery(self, month: Month, blobs: Mapping[str, Listed]) -> Delivery:
        run = month.run
        return Delivery(
            ctx=self._ctx,
            container=self._container,
            run=run,
            manifest=blobs[run.manifest],
            blobs={part.name: blobs[part.name] for part in run.parts if part.name in blobs},
        )

    def _partition(self, month: Month, delivery: Delivery) -> Partition:
        run = month.run
        etag = delivery.manifest.etag.strip('"')
        return Partition(
            key=month.key,
            period=month.period,
            version=f"{run.id} {etag}",
            state=month.state(self._ctx.now()),
            source=f"{self._container.name}: {run.export.costs}",
            size_bytes=sum(blob.size for blob in delivery.blobs.values()),
            requests=len(run.parts) + 1,
        )

    async def _month(self, key: str, period: Period) -> tuple[Month, Delivery]:
        if key not in self._months:
            await self.partitions(period)
        if key not in self._months:
            raise SourceChanged(f"the month {key} is gone from {self._container.name}")
        return self._months[key]

    def _dataset(self, run: Run) -> Dataset | None:
        return dataset_of(run.export.kind, self._config.dataset, run.manifest)
