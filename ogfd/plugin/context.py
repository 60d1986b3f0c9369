"""All that a connector may use of the daemon."""

from __future__ import annotations

import json
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from logging import LoggerAdapter
from pathlib import Path
from typing import Any, Protocol, TypeVar

from ogfd.plugin.errors import TransientError

T = TypeVar("T")

Auth = Callable[[], Awaitable[Mapping[str, str]]]
"""
Returns the headers that authorise a request; called anew for each attempt.

If the object also has an async method ``refresh()``, that is awaited once after a 401 (or a fault
that ``classify`` calls expired), before the request is tried once more: drop the token there.
"""

OpenAt = Callable[[int], AbstractAsyncContextManager[AsyncIterable[bytes]]]
"""``open_at(offset)``: opens the same version of an object from a byte offset on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """A whole HTTP answer with a status below 300, unless it hangs on an `HttpError`."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    url: str

    def json(self) -> Any:
        """
        Parse the body to its end.

        Raises:
            TransientError: if the body is not one JSON document, as when a proxy answers with
                HTML or the body was cut.
        """
        try:
            return json.loads(self.body)
        except ValueError:
            kind = self.headers.get("Content-Type", "no content type")
            raise TransientError(
                f"an answer of {len(self.body)} bytes ({kind}) is not JSON", status=self.status
            ) from None


class HttpError(Exception):
    """
    What ``classify`` gets when ``ctx.request`` was answered with a status of 300 or more.

    It never leaves ``ctx.request``, which raises a `SourceError` instead.

    Attributes:
        response: the answer; its body is cut at 64 KiB.
        retry_after: the wait that the server asked for, in whichever form.
    """

    def __init__(
        self, message: str, *, response: Response, retry_after: timedelta | None = None
    ) -> None:
        super().__init__(message)
        self.response = response
        self.retry_after = retry_after


class Context(Protocol):
    """
    One connector's door to the daemon, for one run.

    Every provider request goes through `request`, `call` or `download`: these take the token,
    retry by class, classify, count and time it. No SDK may retry on its own.
    """

    connector: str
    log: LoggerAdapter[Any]

    def now(self) -> datetime:
        """Return the time in UTC."""
        ...

    async def request(
        self,
        method: str,
        url: str,
        *,
        operation: str,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        json: Any = None,
        data: bytes | None = None,
        auth: Auth | None = None,
        timeout: timedelta | None = None,
        idempotent: bool | None = None,
        max_bytes: int = 64 << 20,
    ) -> Response:
        """
        Make an HTTP request under the policy and return the whole answer.

        Args:
            method: GET, HEAD, OPTIONS, PUT and DELETE count as idempotent unless told otherwise.
            url: ``https``, on one of the connector's allowed hosts; redirects are not followed.
            operation: name for metrics and errors, ``group:Name``; the group picks the limit.
            params: query, appended to *url*; None leaves *url* byte for byte.
            headers: must not hold secrets: those come from *auth*.
            json: body, sent as JSON.
            data: body, sent as it is.
            auth: called for each attempt.
            timeout: of one attempt.
            idempotent: whether the request may be repeated once bytes were sent.
            max_bytes: a longer answer is an error.

        Raises:
            SourceError: the last attempt's error, by class.
            Parked: if the server wants a wait of more than 60 s.
            ValueError: if the host is not allowed.
        """
        ...

    async def call(
        self,
        operation: str,
        func: Callable[..., Any],
        *args: Any,
        timeout: timedelta | None = None,
        idempotent: bool = True,
        **kwargs: Any,
    ) -> Any:
        """
        Call an SDK under the policy.

        Args:
            operation: name for metrics and errors, ``group:Name``; the group picks the limit.
            func: a coroutine function, or a sync function, which runs in a thread; give the
                latter its SDK's own timeout, as a thread cannot be cancelled.
            args: for *func*.
            timeout: of one attempt.
            idempotent: whether the call may be repeated after an attempt failed.
            kwargs: for *func*.

        Raises:
            SourceError: the last attempt's error, by class.
            Parked: if the server wants a wait of more than 60 s.
        """
        ...

    async def download(
        self, operation: str, open_at: OpenAt, *, size: int | None = None, name: str = "object"
    ) -> Path:
        """
        Spool an object to local disk and return the file.

        A broken transfer goes on at the byte it broke off. A transfer that stalls or drips is an
        error. The file is gone at the end of the slice; unlink it earlier to give back its room.

        Args:
            operation: name for metrics and errors, ``group:Name``.
            open_at: reopens the same version, so that a resumed file is never a mix. Raises
                `SourceChanged` (or an exception that ``classify`` knows) if that version is gone.
            size: the length to expect; a file of another length is an error.
            name: for messages only, never used as a path.

        Raises:
            SourceError: if the transfer failed for good, or the spool is full.
            SourceChanged: if *open_at* raised it.
            Parked: if the server wants a wait of more than 60 s.
        """
        ...

    def pages(
        self,
        first: Callable[[str | None], Awaitable[T]],
        *,
        next_token: Callable[[T], str | None],
        max_pages: int = 1000,
    ) -> AsyncIterator[T]:
        """
        Iterate over a paged answer.

        Args:
            first: fetches a page; called with None, then with each token or link as it came.
            next_token: the token or link in a page; None or empty at the end.
            max_pages: reaching it is an error, never a silent cut.

        Raises:
            FatalError: if a token comes twice, or after *max_pages* pages.
        """
        ...

    def progress(self, done: int, total: int | None, unit: str) -> None:
        """Report how far a read has come; cheap, may be called often."""
        ...
