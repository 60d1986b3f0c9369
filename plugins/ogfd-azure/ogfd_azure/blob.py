"""
A container of blob storage as this connector reads it. Names are taken literally, never normalised.

https://learn.microsoft.com/rest/api/storageservices/list-blobs and .../get-blob
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from pathlib import Path
from typing import Final
from urllib.parse import quote, unquote
from xml.etree import ElementTree as ET

from anyio import to_thread

from ogfd.plugin import (
    Auth,
    BadRequestError,
    Context,
    FatalError,
    NotFoundError,
    Response,
    SourceChanged,
    TransientError,
)
from ogfd_azure.clouds import STORAGE_SCOPE
from ogfd_azure.config import AzureConfig, CostConfig
from ogfd_azure.tokens import Tokens

_HEADERS: Final[Mapping[str, str]] = {"x-ms-version": "2023-11-03"}
# A blob may be stored with the encoding gzip, whoever asks for it: then it is what is wanted.
_AS_STORED: Final[Mapping[str, str]] = {**_HEADERS, "Accept-Encoding": "identity, gzip"}
_MAX_PAGES: Final = 1000  # five million names; a prefix with more is a wrong prefix
_NEVER: Final = datetime.min.replace(tzinfo=UTC)
_GONE: Final = "BlobNotFound"
_ELSE: Final = "a proxy may have answered in its place; check the network and blob_endpoint"


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """
    A blob in a listing.

    Attributes:
        etag: of its version, quoted.
        size: in bytes.
        modified: when, in UTC.
        md5: of the content, as hex digits, if whoever wrote it told.
    """

    etag: str
    size: int
    modified: datetime
    md5: str | None = None


def open_container(
    ctx: Context, tokens: Tokens, config: AzureConfig, cost: CostConfig
) -> Container:
    """Return the container that *cost* names, in the cloud of *config*."""
    return Container(
        ctx,
        tokens.auth(STORAGE_SCOPE),
        endpoint=cost.blob_endpoint
        or f"https://{cost.account}.blob.{config.endpoints.blob_suffix}",
        account=cost.account,
        name=cost.container,
    )


class Container:
    """
    Listings and pinned reads, every request under the policy of *ctx*.

    Args:
        ctx: of the run.
        auth: authorises requests to blob storage.
        endpoint: of the storage account, such as ``https://ACCOUNT.blob.core.windows.net``.
        account: its name.
        name: of the container.
    """

    def __init__(self, ctx: Context, auth: Auth, *, endpoint: str, account: str, name: str) -> None:
        self._ctx = ctx
        self._auth = auth
        self._url = f"{endpoint}/{quote(name, safe='$')}"
        self.name = f"{account}/{name}"

    async def below(self, prefix: str) -> dict[str, Listed]:
        """
        List all blobs whose names begin with *prefix*, all pages of it.

        Raises:
            SourceError, Parked: if the container cannot be listed.
        """
        found: dict[str, Listed] = {}

        async def page(marker: str | None) -> tuple[dict[str, Listed], str | None]:
            return await self._list(prefix, marker)

        async for blobs, _ in self._ctx.pages(
            page, next_token=lambda answer: answer[1], max_pages=_MAX_PAGES
        ):
            found |= blobs
        return found

    async def small(self, name: str, listed: Listed, *, limit: int) -> bytes:
        """
        Read a blob of at most *limit* bytes whole.

        Raises:
            SourceChanged: if it no longer is the one that was *listed*.
            SourceError, Parked: if it cannot be read.
        """
        if listed.size > limit:
            raise FatalError(
                f"{self.name}/{name} has {listed.size} bytes; at most {limit} are read"
            )
        answer = await self._pinned("GET", name, listed, "blob:GetBlob")
        if len(answer.body) != listed.size:
            raise TransientError(
                f"{self.name}/{name}: {len(answer.body)} of {listed.size} bytes came", hint=_ELSE
            )
        return answer.body

    async def check(self, name: str, listed: Listed) -> None:
        """
        Make sure that a blob still is the one that was *listed*.

        Raises:
            SourceChanged: if it is not.
            SourceError, Parked: if nobody can tell.
        """
        answer = await self._pinned("HEAD", name, listed, "blob:GetBlobProperties")
        if answer.headers.get("ETag", listed.etag) != listed.etag:
            raise self._changed(name)  # not every store knows If-Match

    async def download(self, name: str, listed: Listed) -> Path:
        """
        Spool a blob to local disk, in the version that was *listed*.

        Raises:
            SourceChanged: if it was replaced or deleted since.
            SourceError, Parked: if it cannot be read.
        """
        content = self._ctx.content(
            self._at(name), auth=self._auth, headers=_AS_STORED, etag=listed.etag
        )
        try:
            return await self._ctx.download(
                "blob:GetBlob",
                content,
                size=listed.size,
                digest=f"md5:{listed.md5}" if listed.md5 else None,
                name=name,
            )
        except NotFoundError as exc:
            if exc.code != _GONE:
                raise
            raise self._changed(name) from exc

    async def _pinned(self, method: str, name: str, listed: Listed, operation: str) -> Response:
        try:
            return await self._ctx.request(
                method,
                self._at(name),
                operation=operation,
                headers={**_HEADERS, "If-Match": listed.etag},
                auth=self._auth,
            )
        except (BadRequestError, NotFoundError) as exc:
            if exc.status != HTTPStatus.PRECONDITION_FAILED and exc.code != _GONE:
                raise
            raise self._changed(name) from exc

    async def _list(self, prefix: str, marker: str | None) -> tuple[dict[str, Listed], str | None]:
        asked = {"restype": "container", "comp": "list", "prefix": prefix, "marker": marker}
        answer = await self._ctx.request(
            "GET",
            self._url,
            operation="blob:ListBlobs",
            params={name: value for name, value in asked.items() if value},
            headers=_HEADERS,
            auth=self._auth,
        )
        try:
            return await to_thread.run_sync(_listing, answer.body)
        except (ET.ParseError, ValueError) as exc:
            raise TransientError(
                f"the answer to a listing of {self.name} is not one of blob storage: {exc}",
                hint=_ELSE,
                status=answer.status,
            ) from None

    def _at(self, name: str) -> str:
        return f"{self._url}/{quote(name)}"

    def _changed(self, name: str) -> SourceChanged:
        return SourceChanged(f"{self.name}/{name} was replaced or deleted since it was listed")


def _listing(body: bytes) -> tuple[dict[str, Listed], str | None]:
    """
    Return the blobs of a page of a listing, and the marker of the next page.

    Raises:
        ValueError, ElementTree.ParseError: if it is no such page.
    """
    text = body.decode("utf-8-sig")
    if "<!DOCTYPE" in text:  # where entities would be declared that grow when they are read
        raise ValueError("it declares a document type")
    root = ET.fromstring(text)  # noqa: S314 - without a declaration there is nothing to expand
    if root.tag != "EnumerationResults" or root.find("Blobs") is None:
        raise ValueError(f"it is a document of {root.tag}")
    found = dict(map(_blob, root.iterfind("Blobs/Blob")))
    return found, root.findtext("NextMarker") or None


def _blob(element: ET.Element) -> tuple[str, Listed]:
    name = element.find("Name")
    if name is None or not name.text:
        raise ValueError("a blob has no name")
    told = {each.tag: (each.text or "") for each in element.iterfind("Properties/*")}
    if missing := {"Etag", "Content-Length"} - told.keys():
        raise ValueError(f"a blob lacks {' and '.join(sorted(missing))}")
    # Names with letters that XML does not have come percent-encoded, and say so.
    literal = unquote(name.text) if name.get("Encoded") == "true" else name.text
    return literal, Listed(
        etag=_quoted(told["Etag"]),
        size=int(told["Content-Length"]),
        modified=_instant(told.get("Last-Modified", "")),
        md5=_digits(told.get("Content-MD5", "")),
    )


def _quoted(etag: str) -> str:
    """Return an ETag as headers have it: listings leave the quotes out."""
    return etag if etag.endswith('"') else f'"{etag}"'


def _instant(text: str) -> datetime:
    """Return a time of RFC 1123; before all others if there is none."""
    if not text:
        return _NEVER
    return parsedate_to_datetime(text).astimezone(UTC)


def _digits(digest: str) -> str | None:
    try:
        return base64.b64decode(digest, validate=True).hex() or None
    except binascii.Error:
        return None
