"""
The stream ``cost``: a legacy Cost and Usage Report, or a CUR 2.0 or FOCUS export, month by month.

A month is read as its manifest lists it, in the version that the listing showed:

    list folders -> ETag of each manifest        partitions()
    manifest -> files -> still the same?         read(), see `ogfd_aws.exports.reading`

AWS replaces whole months.
https://docs.aws.amazon.com/cur/latest/userguide/understanding-report-versions.html
https://docs.aws.amazon.com/cur/latest/userguide/dataexports-export-delivery.html
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Final

import anyio

from ogfd.plugin import (
    Context,
    Output,
    Partition,
    PartitionState,
    Period,
    SourceChanged,
    Totals,
    single_error,
)
from ogfd.plugin.tabular import feed
from ogfd_aws.bucket import Bucket, Listed
from ogfd_aws.config import CostConfig
from ogfd_aws.cur.columns import Columns, choose
from ogfd_aws.cur.fields import Family
from ogfd_aws.cur.manifest import parse
from ogfd_aws.cur.mapping import Mapper
from ogfd_aws.cur.reports import Layout, Month, find_report, months
from ogfd_aws.exports.reading import Reader

SOURCES: Final[Mapping[Layout, Mapping[Family, str]]] = {
    Layout.REPORT: {Family.CUR: "aws_cur", Family.FOCUS: "aws_focus"},
    Layout.EXPORT: {Family.CUR: "aws_cur2", Family.FOCUS: "aws_focus"},
}
"""What rows say they are from: Parquet files of legacy reports spell columns as CUR 2.0 does."""

_LISTINGS: Final = 4
_CLOSING: Final = timedelta(days=14)
"""
AWS may update a month during the first two weeks after it.

https://docs.aws.amazon.com/cur/latest/userguide/dataexports-export-delivery.html
"""


class CostStream:
    """
    Reads the report that *config* names from *bucket*.

    Attributes:
        totals: asks for the totals of a billing period; None if there is nobody to ask.
    """

    name = "cost"

    def __init__(
        self,
        ctx: Context,
        bucket: Bucket,
        config: CostConfig,
        *,
        totals: Callable[[str], Awaitable[Totals | None]] | None = None,
    ) -> None:
        self.totals = totals
        self._ctx = ctx
        self._bucket = bucket
        self._config = config
        self._months: dict[str, Month] = {}

    async def partitions(self, window: Period) -> Sequence[Partition]:
        """List the billing periods in *window*, one request each and one or more for the report."""
        report = await find_report(self._bucket, self._config)
        found = await self._published(months(report, window))
        self._months |= {month.key: month for month, _ in found}
        source = f"s3://{self._bucket.name}/{report.root.rstrip('/')}"
        return [
            Partition(
                key=month.key,
                period=month.period,
                version=listed.etag,
                state=self._state(month.period),
                source=source,
            )
            for month, listed in found
        ]

    async def _published(self, listed: Sequence[Month]) -> list[tuple[Month, Listed]]:
        """Return the months that have a manifest: AWS writes it last; of one month the newest."""
        found: dict[Month, Listed] = {}
        limiter = anyio.CapacityLimiter(_LISTINGS)

        async def ask(month: Month) -> None:
            async with limiter:
                manifest = await self._bucket.listed(month.manifest)
            if manifest is not None:
                found[month] = manifest

        with single_error():
            async with anyio.create_task_group() as tasks:
                for month in listed:
                    tasks.start_soon(ask, month)
        by_age = sorted(found, key=lambda month: (found[month].written, month.folder))
        newest = {month.key: month for month in by_age}
        return [(month, found[month]) for month in listed if newest.get(month.key) == month]

    async def read(self, partition: Partition, out: Output) -> None:
        """
        Read the month's files.

        Raises:
            SourceChanged: if manifest or files are replaced meanwhile.
            NotPublished: if a newer delivery is being written.
            SourceError: if the report cannot be read, or cannot be trusted.
        """
        month = await self._month(partition)
        mapper = Mapper(SOURCES[month.layout], out.wanted.tags)

        def choice(headers: Sequence[str], file: str) -> Columns:
            return choose(headers, out.wanted, file)

        async def take(key: str, path: Path) -> None:
            await feed(path, key, out, choose=choice, map=mapper.map)

        await Reader(ctx=self._ctx, bucket=self._bucket).read(
            month, partition.version or "", parse=partial(parse, month=month), take=take
        )
        if mapper.unamortised:
            self._ctx.log.warning(
                "%s: %d lines have no effective cost", month.key, mapper.unamortised
            )

    async def _month(self, partition: Partition) -> Month:
        if partition.key not in self._months:
            await self.partitions(partition.period)
        if partition.key not in self._months:
            raise SourceChanged(f"the billing period {partition.key} is gone from the report")
        return self._months[partition.key]

    def _state(self, period: Period) -> PartitionState:
        now = self._ctx.now()
        if now < period.end:
            return PartitionState.OPEN
        return PartitionState.CLOSING if now < period.end + _CLOSING else PartitionState.CLOSED
