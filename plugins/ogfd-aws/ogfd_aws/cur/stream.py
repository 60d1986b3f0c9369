"""
The stream ``cost``: a legacy Cost and Usage Report, or a CUR 2.0 or FOCUS export, month by month.

A month is read as its manifest lists it, in the version that the listing showed:

    list folders -> ETag of each manifest        partitions()
    get manifest If-Match ETag -> get each file -> ETags of the files and of the manifest
    again, still the same        read()

AWS replaces whole months; a file that is replaced or vanishes after it was read, or a manifest that
changes, starts the slice again. A file that was replaced before it was read, while its manifest is
still the old one, ends the read until the next run (`ogfd_aws.cur.delivery`).
https://docs.aws.amazon.com/cur/latest/userguide/understanding-report-versions.html
https://docs.aws.amazon.com/cur/latest/userguide/dataexports-export-delivery.html
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import anyio
from anyio import to_thread
from anyio.abc import ObjectSendStream

from ogfd.plugin import (
    Context,
    FatalError,
    NotFoundError,
    NotPublished,
    Output,
    Partition,
    PartitionState,
    Period,
    SourceChanged,
    single_error,
)
from ogfd.plugin.tabular import feed
from ogfd_aws.bucket import GONE, Bucket, Fetched, Listed
from ogfd_aws.config import CostConfig
from ogfd_aws.cur.columns import Columns, choose
from ogfd_aws.cur.delivery import Delivery
from ogfd_aws.cur.fields import Family
from ogfd_aws.cur.manifest import MAX_BYTES, Manifest, parse
from ogfd_aws.cur.mapping import Mapper
from ogfd_aws.cur.reports import Layout, Month, find_report, months

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


class MissingFileError(FatalError):
    """A file that the manifest lists is not in the bucket."""


class CostStream:
    """Reads the report that *config* names from *bucket*."""

    name = "cost"

    def __init__(self, ctx: Context, bucket: Bucket, config: CostConfig) -> None:
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
        by_age = sorted(found, key=lambda month: (_age(found[month]), month.folder))
        newest = {month.key: month for month in by_age}
        return [(month, found[month]) for month in listed if newest.get(month.key) == month]

    async def read(self, partition: Partition, out: Output) -> None:
        """
        Read the month's files, two in flight at most: one is parsed, the next one comes.

        Raises:
            SourceChanged: if manifest or files are replaced meanwhile.
            NotPublished: if a newer delivery is being written.
            SourceError: if the report cannot be read, or cannot be trusted.
        """
        month = await self._month(partition)
        version = partition.version or ""
        found = await self._bucket.small(month.manifest, etag=version, limit=MAX_BYTES)
        if found is None:
            raise SourceChanged(f"{month.manifest} changed since it was listed")
        manifest = await to_thread.run_sync(parse, found.body, month)
        copied = self._copied(manifest, month)
        delivery = Delivery(self._bucket, month, None if copied else found.modified)
        mapper = Mapper(SOURCES[month.layout], out.wanted.tags)
        try:
            await self._files(manifest, delivery, mapper, out)
        except (MissingFileError, NotPublished):
            await self._check(month, version)  # a newer delivery explains it
            raise
        await delivery.check()
        await self._check(month, version)
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

    async def _check(self, month: Month, version: str) -> None:
        """Make sure that the manifest still is *version*."""
        if await self._bucket.etag(month.manifest) != version:
            raise SourceChanged(f"{month.manifest} changed while its files were read")

    def _copied(self, manifest: Manifest, month: Month) -> bool:
        """Tell whether the report was copied here from the bucket that AWS delivers to."""
        copied = manifest.bucket not in {"", self._bucket.name}
        if copied:
            self._ctx.log.info("%s: a copy of the report in %s", month.key, manifest.bucket)
        return copied

    async def _files(
        self, manifest: Manifest, delivery: Delivery, mapper: Mapper, out: Output
    ) -> None:
        # A queue without room: the next file is fetched while one is parsed, and waits at most.
        send, receive = anyio.create_memory_object_stream[tuple[str, Path]](0)
        total = len(manifest.files)
        done = 0
        with single_error():
            async with anyio.create_task_group() as tasks, receive:
                tasks.start_soon(self._fetch, manifest.files, delivery, send)
                async for key, path in receive:
                    try:
                        await self._file(key, path, mapper, out)
                    finally:
                        path.unlink(missing_ok=True)
                    done += 1
                    self._ctx.progress(done, total, "files")

    async def _fetch(
        self,
        keys: Sequence[str],
        delivery: Delivery,
        send: ObjectSendStream[tuple[str, Path]],
    ) -> None:
        async with send:
            for key in keys:
                fetched = await self._download(key)
                try:
                    delivery.add(key, fetched)
                    await send.send((key, fetched.path))
                except BaseException:
                    fetched.path.unlink(missing_ok=True)
                    raise

    async def _download(self, key: str) -> Fetched:
        try:
            return await self._bucket.download(key)
        except NotFoundError as exc:
            if exc.code not in GONE:
                raise
            raise MissingFileError(
                f"the manifest lists {key}, which is missing",
                hint="someone may have deleted it; AWS writes the report anew within a day",
            ) from exc

    async def _file(self, key: str, path: Path, mapper: Mapper, out: Output) -> None:
        def choice(headers: Sequence[str], file: str) -> Columns:
            return choose(headers, out.wanted, file)

        await feed(path, key, out, choose=choice, map=mapper.map)

    def _state(self, period: Period) -> PartitionState:
        now = self._ctx.now()
        if now < period.end:
            return PartitionState.OPEN
        return PartitionState.CLOSING if now < period.end + _CLOSING else PartitionState.CLOSED


def _age(listed: Listed) -> datetime:
    return listed.modified or datetime.min.replace(tzinfo=UTC)
