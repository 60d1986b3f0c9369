"""
Reads one delivery of a month: what its manifest names, in the version that was listed.

    get manifest If-Match ETag -> get each file -> ETags of the files and of the manifest
                                                   again, still the same

A file that is replaced or vanishes after it was read, or a manifest that changes, starts the slice
again. A file that was replaced before it was read, while its manifest is still the old one, ends the
read until the next run (`ogfd_aws.exports.delivery`).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from anyio import to_thread

from ogfd.plugin import (
    Context,
    FatalError,
    NotFoundError,
    NotPublished,
    SourceChanged,
)
from ogfd.plugin.tabular import fetch_ahead
from ogfd_aws.bucket import GONE, Bucket, Fetched
from ogfd_aws.exports.delivery import Delivery
from ogfd_aws.exports.manifest import MAX_BYTES, Delivered, Manifest

Take = Callable[[str, Path], Awaitable[None]]
"""Takes the rows out of a file, given its key and the local copy, which is removed afterwards."""


class MissingFileError(FatalError):
    """A file that the manifest lists is not in the bucket."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """Reads deliveries from *bucket*, every request under the policy of *ctx*."""

    ctx: Context
    bucket: Bucket

    async def read(
        self,
        month: Delivered,
        etag: str,
        *,
        parse: Callable[[bytes], Manifest],
        take: Take,
    ) -> None:
        """
        Hand the month's files to *take*, two in flight at most: one is parsed, the next one comes.

        Args:
            month: whose files.
            etag: of the manifest.
            parse: reads the manifest; called in a thread.
            take: called for one file at a time, in the order of the manifest.

        Raises:
            SourceChanged: if manifest or files are replaced meanwhile.
            NotPublished: if a newer delivery is being written.
            SourceError: if the delivery cannot be read, or cannot be trusted.
        """
        found = await self.bucket.small(month.manifest, etag=etag, limit=MAX_BYTES)
        if found is None:
            raise SourceChanged(f"{month.manifest} changed since it was listed")
        manifest = await to_thread.run_sync(parse, found.body)
        copied = self._copied(manifest, month)
        delivery = Delivery(self.bucket, month, None if copied else found.modified)
        try:
            await self._files(manifest, delivery, take)
        except (MissingFileError, NotPublished):
            await self._check(month, etag)  # a newer delivery explains it
            raise
        await delivery.check()
        await self._check(month, etag)

    async def _check(self, month: Delivered, etag: str) -> None:
        """Make sure that the manifest still is the one of *etag*."""
        if await self.bucket.etag(month.manifest) != etag:
            raise SourceChanged(f"{month.manifest} changed while its files were read")

    def _copied(self, manifest: Manifest, month: Delivered) -> bool:
        """Tell whether the report was copied here from the bucket that AWS delivers to."""
        copied = manifest.bucket not in {"", self.bucket.name}
        if copied:
            self.ctx.log.info("%s: a copy of the report in %s", month.key, manifest.bucket)
        return copied

    async def _files(self, manifest: Manifest, delivery: Delivery, take: Take) -> None:
        async def fetch(key: str) -> Path:
            fetched = await self._download(key)
            try:
                delivery.add(key, fetched)
            except BaseException:
                fetched.path.unlink(missing_ok=True)
                raise
            return fetched.path

        await fetch_ahead(manifest.files, fetch, take, progress=self.ctx.progress)

    async def _download(self, key: str) -> Fetched:
        try:
            return await self.bucket.download(key)
        except NotFoundError as exc:
            if exc.code not in GONE:
                raise
            raise MissingFileError(
                f"the manifest lists {key}, which is missing",
                hint="someone may have deleted it; the next delivery of AWS brings the month anew",
            ) from exc
