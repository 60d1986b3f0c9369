"""
The stream ``carbon_export``: emissions that AWS delivers to S3, one partition a month.

    list manifests and folders of data -> of each month the newest model    partitions()
    manifest -> files -> still the same?      read(), see `ogfd_aws.exports.reading`

With a new model AWS delivers the history again, beside that by the old one: the month is the same
slice in another version. When the old one is taken away nothing changes, as it was not read any more.
https://docs.aws.amazon.com/cur/latest/userguide/table-dictionary-carbon-emissions.html
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from ogfd.plugin import Context, NotPublished, Output, Partition, Period, SourceChanged
from ogfd.plugin.tabular import feed
from ogfd_aws.bucket import Bucket
from ogfd_aws.carbon.export.choice import Choice, choose
from ogfd_aws.carbon.export.columns import select
from ogfd_aws.carbon.export.mapping import Mapper
from ogfd_aws.carbon.export.months import Month, catalogue, find_export
from ogfd_aws.carbon.publication import months_over, promise, state_of
from ogfd_aws.config import CarbonExportConfig
from ogfd_aws.exports.manifest import parse
from ogfd_aws.exports.reading import Reader


class CarbonExportStream:
    """Reads the export that *config* names from *bucket*."""

    name = "carbon_export"

    def __init__(self, ctx: Context, bucket: Bucket, config: CarbonExportConfig) -> None:
        self._ctx = ctx
        self._bucket = bucket
        self._config = config
        self._months: dict[str, Month] = {}
        self._pending: dict[str, str] = {}

    async def partitions(self, window: Period) -> Sequence[Partition]:
        """
        List the months in *window*, in a few requests.

        Those without a manifest are listed too: those that AWS has begun to deliver, and those that
        are over and newer than all that it has delivered, of an empty export the last one alone.
        """
        export = await find_export(self._bucket, self._config)
        choice = choose(await catalogue(self._bucket, export), self._config.model_version)
        self._months = dict(choice.months)
        self._pending = {**self._expected(choice, window), **choice.pending}
        source = f"s3://{self._bucket.name}/{export.root.rstrip('/')}"
        keys = sorted(self._months.keys() | self._pending.keys())
        periods = {key: Period.month(key) for key in keys}
        return [
            Partition(
                key=key,
                period=period,
                version=self._months[key].version if key in self._months else None,
                state=state_of(period, self._ctx.now()),
                source=source,
            )
            for key, period in periods.items()
            if period.overlaps(window)
        ]

    async def read(self, partition: Partition, out: Output) -> None:
        """
        Read the month's files.

        Raises:
            NotPublished: if AWS has not delivered the month, or is delivering it anew.
            SourceChanged: if manifest or files are replaced meanwhile.
            SourceError: if the export cannot be read, or cannot be trusted.
        """
        month = await self._month(partition)
        mapper = Mapper(month.period, month.model)

        async def take(key: str, path: Path) -> None:
            await feed(path, key, out, choose=select, map=mapper.map)

        await Reader(ctx=self._ctx, bucket=self._bucket).read(
            month, month.etag, parse=partial(parse, month=month), take=take
        )

    async def _month(self, partition: Partition) -> Month:
        if partition.key not in self._months.keys() | self._pending.keys():
            await self.partitions(partition.period)
        if partition.version is None and partition.key in self._pending:
            raise NotPublished(self._pending[partition.key])
        month = self._months.get(partition.key)
        if month is None or month.version != partition.version:
            raise SourceChanged(f"{partition.key} is another one in the export than was listed")
        return month

    def _expected(self, choice: Choice, window: Period) -> dict[str, str]:
        """Return why months of *window* that are over are not there yet."""
        known = choice.months.keys() | choice.pending.keys()
        newest = max(known, default=None)
        over = list(months_over(window, self._ctx.now()))
        late = [month for month in over if newest is None or str(month) > newest]
        return {
            str(month): promise(month, self._ctx.now())
            or f"AWS has delivered nothing after {newest} yet"
            for month in (late[-1:] if newest is None else late)
        }
