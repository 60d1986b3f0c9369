"""
The content of a URL for a download: opened at any byte, always in the version seen first.

    open_at(0)  GET [If-Match]         -> 200, its ETag and length are remembered
    open_at(n)  GET Range, If-Match    -> 206 that begins at n, of the same ETag and length
                                       -> 412: `SourceChanged`
                                       -> anything else: `NotResumable`, the file starts over

Two answers are put together only under one strong ETag: https://www.rfc-editor.org/rfc/rfc9110
sections 8.8.1, 13.1.1 and 14. What has none is read in one go or not at all.
"""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, AsyncIterable, Mapping
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager
from dataclasses import replace
from http import HTTPStatus
from typing import Final

import aiohttp
from multidict import CIMultiDict

from ogfd.plugin import Auth, FatalError, HttpError, SourceChanged, TransientError
from ogfd.traffic.attempt import Attempt
from ogfd.traffic.web.http import HttpClient, Request, has_end

_STRONG: Final = re.compile(r'"[^"\x00-\x20\x7f]*"')
_CONTENT_RANGE: Final = re.compile(r"bytes ([0-9]+)-[0-9]+/([0-9]+|\*)", re.IGNORECASE)
_OURS: Final = ("Range", "If-Match", "If-Range")


class NotResumable(TransientError):  # noqa: N818 - named for the state it reports
    """
    What is missing of an object cannot be asked for: only all of it can, from the start.

    Attributes:
        asked: whether a request was made to find that out.
    """

    def __init__(self, message: str, *, asked: bool) -> None:
        super().__init__(message)
        self.asked = asked


class NoEnd(FatalError):  # noqa: N818
    """A body ended with the connection: whoever does not know its length cannot see a cut."""


class Content:
    """
    Opens one URL again and again, always in the same version: an ``OpenAt``.

    May be opened at any time, but not at the same time.

    Args:
        client: sends the requests.
        url: must be allowed by the client.
        auth: called for each opening.
        headers: sent with each; an encoding that ``Accept-Encoding`` names is left as it is.
        etag: the version to read; None for the one that is there at the first opening.

    Attributes:
        auth: as it was given.

    Raises:
        ValueError: if the host is not allowed, *etag* is not quoted, or *headers* ask for a part.
    """

    def __init__(
        self,
        client: HttpClient,
        url: str,
        *,
        auth: Auth | None = None,
        headers: Mapping[str, str] | None = None,
        etag: str | None = None,
    ) -> None:
        if etag is not None and not _STRONG.fullmatch(etag.removeprefix("W/")):
            raise ValueError("an ETag is quoted, as the server gave it")
        self.auth = auth
        self._client = client
        self._request = client.prepare("GET", url, headers=headers, auth=auth)
        if taken := [name for name in _OURS if name in self._request.headers]:
            raise ValueError(f"{taken[0]} is not for the caller to set")
        self._version = etag
        self._size: int | None = None
        self._in_one_go = False

    def __call__(self, offset: int) -> AbstractAsyncContextManager[AsyncIterable[bytes]]:
        """
        Open the content from byte *offset* on.

        Raises:
            SourceChanged: if the version is gone.
            NotResumable: if *offset* is not 0 and the rest alone cannot be had.
            FatalError: if the answer is no content, or encoded.
            HttpError: if the answer has a status of 300 or more.
            TransientError: if the body is cut, while it is read.
        """
        return self._open(offset)

    @asynccontextmanager
    async def _open(self, offset: int) -> AsyncGenerator[AsyncIterable[bytes]]:
        if offset and offset == self._size:
            # Whoever has all of it and wants more expects another length: that answer was wrong.
            raise NotResumable(f"{self._request.shown} ended after {offset} bytes", asked=False)
        request = self._ask(offset)
        try:
            async with self._client.stream(request, Attempt(number=1)) as answer:
                self._check_kind(answer)
                self._check_version(answer, offset)
                self._check_place(answer, offset)
                async with aclosing(self._body(answer, offset)) as chunks:
                    yield chunks
        except HttpError as exc:
            self._judge(exc, offset)
            raise

    @property
    def _pinned(self) -> bool:
        """Whether ``If-Match`` can hold the server to the version: a weak ETag never matches."""
        return self._version is not None and bool(_STRONG.fullmatch(self._version))

    def _ask(self, offset: int) -> Request:
        headers = CIMultiDict(self._request.headers)
        if self._pinned:
            headers["If-Match"] = self._version or ""
        elif offset:
            raise self._not_resumable("has no strong ETag", asked=False)
        if offset:
            if self._in_one_go:
                raise self._not_resumable("cannot be had alone", asked=False)
            headers["Range"] = f"bytes={offset}-"
        return replace(self._request, headers=headers)

    def _judge(self, exc: HttpError, offset: int) -> None:
        status = exc.response.status
        if status == HTTPStatus.PRECONDITION_FAILED and self._pinned:
            raise self._changed() from exc
        if status == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE and offset:
            raise self._not_resumable("has no bytes there") from exc

    def _check_kind(self, answer: aiohttp.ClientResponse) -> None:
        if answer.status not in (HTTPStatus.OK, HTTPStatus.PARTIAL_CONTENT):
            raise FatalError(
                f"{self._request.shown} answered {answer.status}, which is no content",
                status=answer.status,
            )
        encoding = answer.headers.get("Content-Encoding", "").strip().lower()
        asked = self._request.headers["Accept-Encoding"].lower().split(",")
        if encoding not in {"", "identity", *(name.partition(";")[0].strip() for name in asked)}:
            raise FatalError(
                f"the answer to {self._request.shown} is encoded as {encoding}, which was not "
                "asked for",
                status=answer.status,
            )

    def _check_version(self, answer: aiohttp.ClientResponse, offset: int) -> None:
        found = answer.headers.get("ETag")
        if self._version is None:
            self._version = found
        elif found is None and offset:
            raise self._not_resumable("does not say which version it is of")
        elif found is None:
            raise FatalError(
                f"the answer to {self._request.shown} does not say which version it is"
            )
        elif found != self._version:
            raise self._changed()

    def _check_place(self, answer: aiohttp.ClientResponse, offset: int) -> None:
        """Learn the length of the whole object, and see that the answer begins at *offset*."""
        if answer.status == HTTPStatus.PARTIAL_CONTENT:
            self._join(answer.headers.get("Content-Range", ""), offset)
        elif offset:
            raise self._not_resumable("comes with all the rest: the server ignores ranges")
        else:
            self._size = answer.content_length

    def _join(self, told: str, offset: int) -> None:
        found = _CONTENT_RANGE.fullmatch(told.strip())
        if found is None or int(found[1]) != offset:
            raise self._not_resumable(f"came with the wrong range, {told[:50]!r}")
        if found[2] == "*":
            if self._size is None:
                raise self._not_resumable("does not say how long it is")
        elif self._size not in (None, int(found[2])):
            raise self._changed()
        else:
            self._size = int(found[2])

    async def _body(self, answer: aiohttp.ClientResponse, offset: int) -> AsyncGenerator[bytes]:
        size, position = self._size, offset
        while chunk := await answer.content.readany():
            position += len(chunk)
            if size is not None and position > size:
                raise self._not_resumable(f"is longer than an object of {size} bytes can have")
            yield chunk
        if size is not None and position < size:
            raise TransientError(f"{self._request.shown} ended after {position} of {size} bytes")
        if size is None and not has_end(answer):
            raise NoEnd(
                f"the answer to {self._request.shown} has no length, so a cut could not be seen"
            )

    def _changed(self) -> SourceChanged:
        return SourceChanged(f"{self._request.shown} was replaced since it was listed or begun")

    def _not_resumable(self, why: str, *, asked: bool = True) -> NotResumable:
        self._in_one_go = True
        return NotResumable(f"the rest of {self._request.shown} {why}", asked=asked)
