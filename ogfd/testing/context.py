"""A `Context` without a daemon: no waiting, no limits, everything on record."""

from __future__ import annotations

import inspect
import logging
from collections.abc import AsyncGenerator, AsyncIterable, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from pathlib import Path
from typing import Any, TypeVar

import anyio
from anyio import to_thread

from ogfd.plugin import (
    Auth,
    Classify,
    ErrorClass,
    FatalError,
    Fault,
    HttpError,
    OgfdError,
    OpenAt,
    Position,
    Refresh,
    Response,
    SourceChanged,
    SourceError,
    TransientError,
    retry_after,
)
from ogfd.traffic import Pages, Pins, classify
from ogfd.traffic.downloads.digest import Digest
from ogfd.traffic.faults.classify import single_error
from ogfd.traffic.faults.failure import fail
from ogfd.traffic.web.documents import parsed

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """
    A request as the connector made it; *headers* hold those of ``auth`` too.

    One that a download makes through `FakeContext.content` has an empty *operation*: it is that of
    the download.
    """

    method: str
    url: str
    operation: str
    params: Mapping[str, str]
    headers: Mapping[str, str]
    json: Any = None
    data: bytes | None = None
    scope: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One use of the context: *kind* is ``request``, ``call`` or ``download``."""

    kind: str
    operation: str
    scope: str = ""


@dataclass(frozen=True, slots=True)
class _Content:
    auth: Auth | None
    open: OpenAt

    def __call__(self, offset: int) -> AbstractAsyncContextManager[AsyncIterable[bytes]]:
        return self.open(offset)


Respond = Callable[[Request], Response | Awaitable[Response]]
Before = Callable[[Call], Awaitable[None]]


class FakeContext:
    """
    Implements `ogfd.plugin.Context` for tests of a connector.

    What fails is classified and raised as the daemon would, but there is one attempt per call, so
    it fails at once; only after credentials were refreshed is there another, as `on_expired` and
    ``auth.refresh`` have it.

    Attributes:
        connector: the name of the connector.
        log: logs to ``ogfd.testing``.
        calls: every use so far, in order.
        requests: every request so far, in order, those of each attempt and of `content` included.
        reported: the arguments of every `progress`.
        pages_read: how many pages all listings gave so far, which the daemon reports by itself.
        refresh: what the connector gave to `on_expired`.
        refreshes: how often credentials were refreshed.
        identities: what was given to `signed_in`, in order; the last one counts.
        before: awaited before each use; raise in it to inject a fault.
    """

    def __init__(
        self,
        *,
        respond: Respond | None = None,
        spool: Path | None = None,
        classify: Classify | None = None,
        connector: str = "test",
        now: datetime = datetime(2026, 11, 15, 12, tzinfo=UTC),
        before: Before | None = None,
        allowed_hosts: Sequence[str] | None = None,
        selects: Callable[[str], bool] = lambda _: True,
        starts: Mapping[str, str] | None = None,
    ) -> None:
        """
        Args:
            respond: answers `request` and `content`. A status of 300 or more becomes the error of
                its class.
            spool: an empty directory for `download`.
            classify: the connector's own table, asked before that of the daemon.
            connector: a name.
            now: what `now` returns, always.
            before: see the class.
            allowed_hosts: where requests and links may go, as the connector's spec says; None
                lets them go anywhere.
            selects: tells whether the operator wants the rows of an account.
            starts: month from which on the operator wants a stream, by its name.
        """
        self.connector = connector
        self.log = logging.LoggerAdapter(logging.getLogger("ogfd.testing"))
        self.calls: list[Call] = []
        self.requests: list[Request] = []
        self.reported: list[tuple[int, int | None, str]] = []
        self.pages_read = 0
        self.refresh: Refresh | None = None
        self.refreshes = 0
        self.identities: list[str] = []
        self.before = before
        self._respond = respond
        self._spool = spool
        self._classify = classify
        self._now = now
        self._selects = selects
        self._starts = dict(starts or {})
        self._pins = None if allowed_hosts is None else Pins(allowed_hosts)

    def now(self) -> datetime:
        return self._now

    def selects(self, account: str) -> bool:
        return self._selects(account)

    def start(self, stream: str) -> str | None:
        return self._starts.get(stream)

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
        timeout: timedelta | None = None,  # noqa: ARG002 - nothing here takes time
        idempotent: bool | None = None,
        max_bytes: int = 64 << 20,
        scope: str = "",
        expects_json: bool = False,
    ) -> Response:
        self._check(url)
        wanted = {"Accept": "application/json"} if expects_json else {}

        async def attempt() -> Response:
            request = Request(
                method=method,
                url=url,
                operation=operation,
                params=dict(params or {}),
                headers=await _with(auth, wanted | dict(headers or {})),
                json=json,
                data=data,
                scope=scope,
            )
            response = self._checked(request, await self._answer(request))
            if len(response.body) > max_bytes:
                raise FatalError(f"the answer is longer than {max_bytes} bytes")
            if expects_json:
                return await parsed(response, f"the answer to {request.method} {request.url}")
            return response

        if idempotent is None:
            idempotent = method.upper() not in {"POST", "PATCH"}
        return await self._use(
            Call(kind="request", operation=operation, scope=scope),
            attempt,
            getattr(auth, "refresh", self.refresh) if idempotent else None,
        )

    async def call(
        self,
        operation: str,
        func: Callable[..., Any],
        *args: Any,
        timeout: timedelta | None = None,  # noqa: ARG002
        idempotent: bool = True,
        scope: str = "",
        **kwargs: Any,
    ) -> Any:
        async def attempt() -> Any:
            if inspect.iscoroutinefunction(func):
                return await func(*args, **kwargs)
            result = await to_thread.run_sync(lambda: func(*args, **kwargs))
            return await result if inspect.isawaitable(result) else result

        return await self._use(
            Call(kind="call", operation=operation, scope=scope),
            attempt,
            self.refresh if idempotent else None,
        )

    def on_expired(self, refresh: Refresh) -> None:
        self.refresh = refresh

    def signed_in(self, identity: str) -> None:
        self.identities.append(identity)

    def content(
        self,
        url: str,
        *,
        auth: Auth | None = None,
        headers: Mapping[str, str] | None = None,
        etag: str | None = None,
    ) -> OpenAt:
        """Ask ``respond`` for *url*; of a whole answer it gives what comes from the offset on."""
        self._check(url)

        @asynccontextmanager
        async def open_at(offset: int) -> AsyncGenerator[AsyncIterable[bytes]]:
            sent = await _with(auth, headers)
            sent |= {"If-Match": etag} if etag else {}
            sent |= {"Range": f"bytes={offset}-"} if offset else {}
            request = Request(method="GET", url=url, operation="", params={}, headers=sent)
            response = await self._answer(request)
            replaced = etag and response.headers.get("ETag", etag) != etag
            if replaced or response.status == HTTPStatus.PRECONDITION_FAILED:
                raise SourceChanged("the object was replaced")
            self._checked(request, response)
            partial = response.status == HTTPStatus.PARTIAL_CONTENT
            yield _chunks(response.body if partial else response.body[offset:])

        return _Content(auth, open_at)

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
        if self._spool is None:
            raise AssertionError(f"{operation}: give FakeContext a spool directory")
        path = self._spool / f"{len(self.calls):06d}"

        async def attempt() -> Path:
            expected = Digest(digest) if digest else None
            async with open_at(0) as chunks, await anyio.open_file(path, "wb") as file:
                async for chunk in chunks:
                    await file.write(chunk)
                    if expected is not None:
                        expected.add(chunk)
            found = path.stat().st_size
            if size is not None and found != size:
                raise TransientError(f"{name} has {found} bytes, not {size}")
            if expected is not None:
                expected.check(name)
            return path

        try:
            call = Call(kind="download", operation=operation, scope=scope)
            auth = getattr(open_at, "auth", None)
            return await self._use(call, attempt, getattr(auth, "refresh", self.refresh))
        except BaseException:
            path.unlink(missing_ok=True)
            raise

    def pages(
        self,
        first: Callable[[Any], Awaitable[T]],
        *,
        next_token: Callable[[T], str | None] | None = None,
        next_link: Callable[[T], str | None] | None = None,
        offset: Callable[[T], int] | None = None,
        max_pages: int = 1000,
        start: Position = None,
    ) -> Pages[T]:
        return Pages(
            first,
            next_token=next_token,
            next_link=next_link,
            offset=offset,
            max_pages=max_pages,
            start=start,
            check=self._check,
            on_page=self._page_read,
        )

    def progress(self, done: int, total: int | None, unit: str) -> None:
        self.reported.append((done, total, unit))

    async def _use(
        self, call: Call, attempt: Callable[[], Awaitable[T]], refresh: Refresh | None
    ) -> T:
        self.calls.append(call)
        await anyio.lowlevel.checkpoint()
        if self.before is not None:
            await self.before(call)
        return await self._attempt(call.operation, attempt, refresh)

    async def _attempt(
        self,
        operation: str,
        attempt: Callable[[], Awaitable[T]],
        refresh: Refresh | None,
        number: int = 1,
    ) -> T:
        try:
            return await attempt()
        except Exception as raised:  # noqa: BLE001 - classified, as the policy does it
            exc = single_error(raised)
        fault = self._fault(exc)
        if fault is None:
            raise exc
        renewable = fault.error_class in {ErrorClass.AUTH, ErrorClass.TRANSIENT}
        if refresh is None or not (fault.expired and renewable):
            fail(operation, number, exc, fault)
        self.refreshes += 1
        await refresh()
        return await self._attempt(operation, attempt, None, number + 1)

    def _fault(self, exc: Exception) -> Fault | None:
        """Return what is known of *exc*; None for a bug, and for a signal to the daemon."""
        if isinstance(exc, OgfdError) and not isinstance(exc, SourceError):
            return None
        return classify(exc, self._classify, now=self._now)

    def _page_read(self, _: int) -> None:
        self.pages_read += 1

    async def _answer(self, request: Request) -> Response:
        self.requests.append(request)
        if self._respond is None:
            raise AssertionError(
                f"no answer to {request.method} {request.url}: give FakeContext a respond function"
            )
        answer = self._respond(request)
        return await answer if inspect.isawaitable(answer) else answer

    def _checked(self, request: Request, response: Response) -> Response:
        if response.status >= HTTPStatus.MULTIPLE_CHOICES:
            raise HttpError(
                f"{request.method} {request.url} answered {response.status}",
                response=response,
                retry_after=retry_after(response.headers, self._now),
            )
        return response

    def _check(self, url: str) -> None:
        if self._pins is not None:
            self._pins.check(url)


async def _with(auth: Auth | None, headers: Mapping[str, str] | None) -> dict[str, str]:
    return dict(headers or {}) | dict({} if auth is None else await auth())


async def _chunks(body: bytes) -> AsyncGenerator[bytes]:
    yield body
