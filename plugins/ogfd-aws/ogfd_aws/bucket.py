"""An S3 bucket as this connector reads it. Keys are taken literally, never normalised."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import aiohttp
from botocore import exceptions as sdk

from ogfd.plugin import Context, FatalError, SourceChanged, TransientError
from ogfd_aws.faults import code_of

_CHUNK: Final = 1 << 20
_TIMEOUT: Final = timedelta(seconds=30)
_NEVER: Final = datetime.min.replace(tzinfo=UTC)
_CHANGED: Final = ("PreconditionFailed", "412")
_MAX_PAGES: Final = 10_000  # ten million names; a prefix with more is a wrong prefix
PAGE: Final = 1000  # the most that S3 gives
_ELSE: Final = "a proxy may have answered in its place; check endpoint_url"
GONE: Final = ("NoSuchKey", "NotFound", "404")


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """One level under a prefix: *folders* end with ``/``; *objects* are keys to their ETags."""

    folders: tuple[str, ...] = ()
    objects: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """An object in a listing: its *etag*, and when it was *modified*, if the store says so."""

    etag: str
    modified: datetime | None

    @property
    def written(self) -> datetime:
        """When it was modified, for sorting: before all others if the store does not say."""
        return self.modified or _NEVER


@dataclass(frozen=True, slots=True, kw_only=True)
class Small:
    """A small object: its *body*, and when it was *modified*, if the store says so."""

    body: bytes
    modified: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """A spooled object: the local *path*, its *etag*, and when it was *modified*, if known."""

    path: Path
    etag: str
    modified: datetime | None


class Bucket:
    """Listings and pinned reads of one bucket, every request under the policy of *ctx*."""

    def __init__(
        self, ctx: Context, client: Any, name: str, *, requester_pays: bool = False
    ) -> None:
        self._ctx = ctx
        self._client = client
        self.name = name
        self._common = {"Bucket": name} | ({"RequestPayer": "requester"} if requester_pays else {})

    async def level(self, prefix: str) -> Level:
        """
        List what lies directly under *prefix*, all pages of it.

        Raises:
            SourceError: if the bucket cannot be listed.
        """
        folders: list[str] = []
        objects: dict[str, str] = {}

        async def page(token: str | None) -> dict[str, Any]:
            return await self._list(prefix, "/", token)

        async for answer in self._ctx.pages(page, next_token=_next, max_pages=_MAX_PAGES):
            folders += [found["Prefix"] for found in answer.get("CommonPrefixes", ())]
            objects |= {found["Key"]: _bare(found["ETag"]) for found in answer.get("Contents", ())}
        return Level(folders=tuple(folders), objects=objects)

    async def below(self, prefix: str) -> dict[str, Listed]:
        """
        List all objects whose keys begin with *prefix*, however deep, all pages of it.

        Raises:
            SourceError: if the bucket cannot be listed.
        """
        objects: dict[str, Listed] = {}

        async def page(token: str | None) -> dict[str, Any]:
            return await self._list(prefix, "", token)

        async for answer in self._ctx.pages(page, next_token=_next, max_pages=_MAX_PAGES):
            objects |= {found["Key"]: _listed(found) for found in answer.get("Contents", ())}
        return objects

    async def listed(self, key: str) -> Listed | None:
        """
        Return what a listing says of *key*; None if there is no such object.

        Raises:
            SourceError: if the bucket cannot be listed.
        """
        answer = await self._list(key, "/", None)
        for found in answer.get("Contents", ()):
            if found["Key"] == key:
                return _listed(found)
        return None

    async def etag(self, key: str) -> str | None:
        """Return the ETag of *key* from a listing, see `listed`."""
        found = await self.listed(key)
        return None if found is None else found.etag

    async def small(self, key: str, *, etag: str, limit: int) -> Small | None:
        """
        Read an object whole, at most *limit* + 1 bytes of it; None if it is not *etag* any more.

        Raises:
            SourceError: if the object cannot be read.
        """

        async def read() -> Small | None:
            try:
                answer = await self._client.get_object(**self._common, Key=key, IfMatch=f'"{etag}"')
            except sdk.ClientError as exc:
                if code_of(exc) in (*_CHANGED, *GONE):
                    return None
                raise
            parts: list[bytes] = []
            size = 0
            async with answer["Body"] as body:
                if _bare(_etag(key, answer)) != etag:
                    return None  # not every store knows If-Match
                async for chunk in body.iter_chunks(_CHUNK):
                    parts.append(chunk)
                    size += len(chunk)
                    if size > limit:
                        break
                else:
                    _check_length(key, size, answer)
            return Small(body=b"".join(parts), modified=answer.get("LastModified"))

        found: Small | None = await self._ctx.call(
            "s3:GetObject", read, timeout=_TIMEOUT, scope=self.name
        )
        return found

    async def download(self, key: str) -> Fetched:
        """
        Spool an object to local disk, all of it in one version.

        Raises:
            SourceChanged: if the object was replaced in the middle of the transfer.
            NotFoundError: if there is no such object.
            SourceError: if the object cannot be read.
        """
        pinned = _Pinned(self, key)
        path = await self._ctx.download("s3:GetObject", pinned.open_at, name=key, scope=self.name)
        return Fetched(path=path, etag=_bare(pinned.etag or ""), modified=pinned.modified)

    async def get(self, key: str, offset: int, etag: str | None) -> dict[str, Any]:
        """Ask for *key* from byte *offset* on, if it still is *etag*."""
        ask = {**self._common, "Key": key}
        if etag is not None:
            ask["IfMatch"] = etag
        if offset:
            ask["Range"] = f"bytes={offset}-"
        answer: dict[str, Any] = await self._client.get_object(**ask)
        return answer

    async def _list(self, prefix: str, delimiter: str, token: str | None) -> dict[str, Any]:
        ask: dict[str, Any] = {
            **self._common,
            "Prefix": prefix,
            "MaxKeys": PAGE,
        }
        if delimiter:
            ask["Delimiter"] = delimiter
        if token is not None:
            ask["ContinuationToken"] = token

        async def ask_once() -> Any:
            return await self._client.list_objects_v2(**ask)

        answer: dict[str, Any] = await self._ctx.call(
            "s3:ListObjectsV2", ask_once, timeout=_TIMEOUT, scope=self.name
        )
        if "KeyCount" not in answer and "Contents" not in answer and "Name" not in answer:
            raise TransientError(
                f"the answer to a listing of s3://{self.name}/{prefix} is not one of S3",
                hint=_ELSE,
            )
        if answer.get("IsTruncated") and not answer.get("NextContinuationToken"):
            raise FatalError(
                f"a listing of s3://{self.name}/{prefix} breaks off: the store says that there is "
                "more, and not where to go on"
            )
        return answer


class _Pinned:
    """Opens one object again and again, always in the version that the first opening saw."""

    def __init__(self, bucket: Bucket, key: str) -> None:
        self._bucket = bucket
        self._key = key
        self.etag: str | None = None
        self.modified: datetime | None = None

    def open_at(self, offset: int) -> AbstractAsyncContextManager[AsyncIterable[bytes]]:
        return self._open(offset)

    @asynccontextmanager
    async def _open(self, offset: int) -> AsyncGenerator[AsyncIterable[bytes]]:
        try:
            answer = await self._bucket.get(self._key, offset, self.etag)
        except sdk.ClientError as exc:
            if code_of(exc) in _CHANGED:
                raise SourceChanged(f"{self._key} was replaced while it was read") from exc
            raise
        async with answer["Body"] as body:
            if offset and not answer.get("ContentRange", "").startswith(f"bytes {offset}-"):
                raise TransientError(f"{self._key}: the store ignores byte ranges")
            found = _etag(self._key, answer)
            if self.etag not in {None, found}:  # not every store knows If-Match
                raise SourceChanged(f"{self._key} was replaced while it was read")
            self.etag = found
            self.modified = answer.get("LastModified")
            yield _whole(self._key, body, answer)


async def _whole(key: str, body: Any, answer: dict[str, Any]) -> AsyncGenerator[bytes]:
    size = 0
    try:
        async for chunk in body.iter_chunks(_CHUNK):
            size += len(chunk)
            yield chunk
    except (aiohttp.ClientError, sdk.HTTPClientError) as exc:
        expected = answer.get("ContentLength", "?")
        raise TransientError(f"{key} broke off after {size} of {expected} bytes") from exc
    _check_length(key, size, answer)


def _check_length(key: str, size: int, answer: dict[str, Any]) -> None:
    expected = answer.get("ContentLength")
    if expected is not None and size != expected:
        raise TransientError(f"{key}: {size} of {expected} bytes came")


def _next(answer: dict[str, Any]) -> str | None:
    token = answer.get("NextContinuationToken") if answer.get("IsTruncated", True) else None
    return str(token) if token else None


def _etag(key: str, answer: dict[str, Any]) -> str:
    if "ETag" not in answer:
        raise TransientError(f"the answer for {key} is not one of S3", hint=_ELSE)
    return str(answer["ETag"])


def _listed(found: dict[str, Any]) -> Listed:
    return Listed(etag=_bare(found["ETag"]), modified=found.get("LastModified"))


def _bare(etag: str) -> str:
    return etag.strip('"')
