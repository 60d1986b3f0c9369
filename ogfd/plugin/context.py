"""All that a connector may use of the daemon."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from logging import LoggerAdapter
from pathlib import Path
from typing import Any, Protocol, TypeVar, overload

from ogfd.plugin.documents import document_of
from ogfd.plugin.errors import TransientError

T = TypeVar("T")
Item_co = TypeVar("Item_co", covariant=True)

Auth = Callable[[], Awaitable[Mapping[str, str]]]
"""
Returns the headers that authorise a request; called anew for each attempt.

If the object also has an async method ``refresh()``, that is awaited once after a 401 (or a fault
that ``classify`` calls expired), before the request is tried once more: drop the token there.
"""

Refresh = Callable[[], Awaitable[None]]
"""Drops credentials that ran out, so that the next attempt gets new ones."""

OpenAt = Callable[[int], AbstractAsyncContextManager[AsyncIterable[bytes]]]
"""``open_at(offset)``: opens the same version of an object from a byte offset on."""


Position = str | int | None
"""Where a page is: its token or link, the number of items before it, or None for the first."""


class Listing(Protocol[Item_co]):
    """The pages of a listing, to be iterated over with ``async for``."""

    @property
    def position(self) -> Position:
        """
        Where the next step will ask: the ``start`` of a listing that goes on from here.

        After the end it is the position of the last page.
        """
        ...

    def __aiter__(self) -> AsyncIterator[Item_co]: ...

    async def __anext__(self) -> Item_co:
        """Return the next page."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """
    A whole HTTP answer with a status below 300, unless it hangs on an `HttpError`.

    Attributes:
        parsed: the JSON document, as the one item of a tuple, if the request ``expects_json``.
    """

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    url: str = field(repr=False)
    parsed: tuple[Any] | tuple[()] = field(default=(), repr=False, compare=False)

    def json(self) -> Any:
        """
        Return the body, parsed to its end; its fractions are `decimal.Decimal`, digit by digit.

        Of a request that ``expects_json`` it was parsed when it came: every call returns the same
        object then. Otherwise every call parses it anew.

        Raises:
            TransientError: if the body is not one JSON document, as when a proxy answers with
                HTML or the body was cut; ``NaN`` and ``Infinity`` are no JSON either.
        """
        if self.parsed:
            return self.parsed[0]
        try:
            return document_of(self.body)
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

    def selects(self, account: str) -> bool:
        """
        Tell whether the operator wants the rows of *account*, by ``accounts`` of its table.

        What is not wanted is left out in any case; a connector that reads account by account need
        not ask for it, nor mind that it may not.
        """
        ...

    def start(self, stream: str) -> str | None:
        """
        Return the month from which on the operator wants *stream*, ``YYYY-MM``; None if none is set.

        It is there for ``check``, which says what the provider no longer has; ``partitions`` gets
        it as its window.
        """
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
        scope: str = "",
        expects_json: bool = False,
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
            timeout: of one attempt, to the last byte of its answer, so that a drip ends too.
            idempotent: whether the request may be repeated once bytes were sent.
            max_bytes: a longer answer is an error; it is held in memory. See `download`.
            scope: what the request is about, such as a subscription or a bucket, if the provider
                limits requests for each: see `Limit.scoped`.
            expects_json: whether the answer must be one JSON document, which `Response.json` then
                returns. Any other body, such as a proxy's HTML or one that was cut, is transient
                and the request is made again. A 204, a 205 and an empty 202 have none. Sends
                ``Accept: application/json`` unless *headers* say otherwise.

        Raises:
            SourceError: the last attempt's error, by class.
            Parked: if the server wants a wait of more than 60 s, or is not asked at present, or
                the month's budget for *operation* is spent: see `Price`.
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
        scope: str = "",
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
            scope: as in `request`.
            kwargs: for *func*.

        Raises:
            SourceError: the last attempt's error, by class.
            Parked: as in `request`.
        """
        ...

    def on_expired(self, refresh: Refresh) -> None:
        """
        Say how to drop credentials that ran out, so that the next attempt gets new ones.

        *refresh* is awaited after a fault that is ``expired``, and the attempt repeated at once;
        not a second time in a call, but for a download that has got on meanwhile. Calls that fail
        together refresh together. It goes for `call` and `download`, and for a `request` whose
        *auth* has no ``refresh`` of its own.
        """
        ...

    def signed_in(self, identity: str) -> None:
        """
        Say as whom the connector is signed in, once that is known; ``ogfd status`` shows it.

        Cheap; may be called any number of times and from any thread. What was said last counts,
        also after a restart. It is shown as one line, cut if it is long, and without what looks
        like a secret; an empty one says nothing.

        Args:
            identity: such as the e-mail of a service account, an ARN or a client id; never a
                secret.
        """
        ...

    def content(
        self,
        url: str,
        *,
        auth: Auth | None = None,
        headers: Mapping[str, str] | None = None,
        etag: str | None = None,
    ) -> OpenAt:
        """
        Return what opens the content of *url* for `download`, pinned to one version of it.

        It is asked for in ranges with ``If-Match``, so that a resumed file is never a mix. Where
        the server cannot do that, a file that broke off starts over. It comes as the server has
        it: one with a ``Content-Encoding`` is refused, unless *headers* accept that.

        Args:
            url: as in `request`.
            auth: as in `request`.
            headers: must not hold secrets: those come from *auth*.
            etag: the version to read, quoted as the server gave it; None for the one that is
                there at the first attempt.

        Raises:
            ValueError: if the host is not allowed.
        """
        ...

    async def download(
        self,
        operation: str,
        open_at: OpenAt,
        *,
        size: int | None = None,
        digest: str | None = None,
        name: str = "object",
        scope: str = "",
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
            digest: the checksum to expect, ``algorithm:hex``, such as ``md5:`` and 32 digits;
                any algorithm of `hashlib` will do.
            name: for messages only, never used as a path.
            scope: as in `request`.

        Raises:
            SourceError: if the transfer failed for good, or the spool is full.
            SourceChanged: if *open_at* raised it.
            Parked: as in `request`.
        """
        ...

    @overload
    def pages(
        self,
        first: Callable[[str | None], Awaitable[T]],
        *,
        next_token: Callable[[T], str | None],
        max_pages: int = 1000,
        start: str | None = None,
    ) -> Listing[T]: ...
    @overload
    def pages(
        self,
        first: Callable[[str | None], Awaitable[T]],
        *,
        next_link: Callable[[T], str | None],
        max_pages: int = 1000,
        start: str | None = None,
    ) -> Listing[T]: ...
    @overload
    def pages(
        self,
        first: Callable[[int], Awaitable[T]],
        *,
        offset: Callable[[T], int],
        max_pages: int = 1000,
        start: int | None = None,
    ) -> Listing[T]: ...
    def pages(
        self,
        first: Callable[[Any], Awaitable[T]],
        *,
        next_token: Callable[[T], str | None] | None = None,
        next_link: Callable[[T], str | None] | None = None,
        offset: Callable[[T], int] | None = None,
        max_pages: int = 1000,
        start: Position = None,
    ) -> Listing[T]:
        """
        Iterate over a paged answer. Each page reports progress.

        A step that failed or was cancelled may be repeated: it asks for the same page again.

        Args:
            first: fetches a page; called with None, then with each token or link as it came; or
                with the number of items that came before.
            next_token: the token in a page; None or empty at the end.
            next_link: the URL in a page; None or empty at the end. It must lead to an allowed
                host, and is handed on byte for byte.
            offset: how many items a page has; the listing ends with a page that has none.
            max_pages: more pages than this are an error, never a silent cut.
            start: where to go on with a listing: a `Listing.position` of an earlier one.

        Raises:
            FatalError: if a token or link comes twice, a link leads to another host, or after
                *max_pages* pages.
            TypeError: unless exactly one of *next_token*, *next_link* and *offset* is given.
        """
        ...

    def progress(self, done: int, total: int | None, unit: str) -> None:
        """Report how far a read has come; cheap, may be called often."""
        ...
