"""A `Context` without a daemon: no waiting, no limits, everything on record."""

from __future__ import annotations

import inspect
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final, TypeVar

import anyio
from anyio import to_thread

from ogfd.plugin import (
    Auth,
    AuthError,
    BadRequestError,
    Classify,
    ErrorClass,
    FatalError,
    NotFoundError,
    OgfdError,
    OpenAt,
    Response,
    SourceError,
    Throttled,
    TransientError,
    UnknownError,
    error_of,
)

T = TypeVar("T")

_BY_STATUS: Final[Mapping[int, type[SourceError]]] = {
    401: AuthError,
    403: AuthError,
    404: NotFoundError,
    408: TransientError,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A request as the connector made it; *headers* hold those of ``auth`` too."""

    method: str
    url: str
    operation: str
    params: Mapping[str, str]
    headers: Mapping[str, str]
    json: Any = None
    data: bytes | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One use of the context: *kind* is ``request``, ``call`` or ``download``."""

    kind: str
    operation: str


Respond = Callable[[Request], Response | Awaitable[Response]]
Before = Callable[[Call], Awaitable[None]]


class FakeContext:
    """
    Implements `ogfd.plugin.Context` for tests of a connector.

    There is one attempt per call: what fails, fails at once.

    Attributes:
        connector: the name of the connector.
        log: logs to ``ogfd.testing``.
        calls: every use so far, in order.
        requests: every request so far, in order.
        reported: the arguments of every `progress`.
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
    ) -> None:
        """
        Args:
            respond: answers `request`. A status of 300 or more becomes the error of its class;
                ``Retry-After`` is taken in seconds.
            spool: an empty directory for `download`.
            classify: the connector's own; translates what `call` and `download` raise.
            connector: a name.
            now: what `now` returns, always.
            before: see the class.
        """
        self.connector = connector
        self.log = logging.LoggerAdapter(logging.getLogger("ogfd.testing"))
        self.calls: list[Call] = []
        self.requests: list[Request] = []
        self.reported: list[tuple[int, int | None, str]] = []
        self.before = before
        self._respond = respond
        self._spool = spool
        self._classify = classify
        self._now = now

    def now(self) -> datetime:
        return self._now

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
        idempotent: bool | None = None,  # noqa: ARG002
        max_bytes: int = 64 << 20,
    ) -> Response:
        await self._use("request", operation)
        sent = dict(headers or {})
        if auth is not None:
            sent.update(await auth())
        request = Request(
            method=method,
            url=url,
            operation=operation,
            params=dict(params or {}),
            headers=sent,
            json=json,
            data=data,
        )
        self.requests.append(request)
        if self._respond is None:
            raise AssertionError(
                f"no answer to {method} {url}: give FakeContext a respond function"
            )
        answer = self._respond(request)
        response = await answer if inspect.isawaitable(answer) else answer
        if response.status >= 300:
            raise _refusal(response, operation)
        if len(response.body) > max_bytes:
            raise FatalError(f"{operation}: the answer is longer than {max_bytes} bytes")
        return response

    async def call(
        self,
        operation: str,
        func: Callable[..., Any],
        *args: Any,
        timeout: timedelta | None = None,  # noqa: ARG002
        idempotent: bool = True,  # noqa: ARG002
        **kwargs: Any,
    ) -> Any:
        await self._use("call", operation)
        try:
            if inspect.iscoroutinefunction(func):
                return await func(*args, **kwargs)
            result = await to_thread.run_sync(lambda: func(*args, **kwargs))
            return await result if inspect.isawaitable(result) else result
        except Exception as exc:
            raise self._translated(exc, operation) from exc

    async def download(
        self, operation: str, open_at: OpenAt, *, size: int | None = None, name: str = "object"
    ) -> Path:
        await self._use("download", operation)
        if self._spool is None:
            raise AssertionError(f"{operation}: give FakeContext a spool directory")
        path = self._spool / f"{len(self.calls):06d}"
        try:
            async with open_at(0) as chunks, await anyio.open_file(path, "wb") as file:
                async for chunk in chunks:
                    await file.write(chunk)
        except Exception as exc:
            path.unlink(missing_ok=True)
            raise self._translated(exc, operation) from exc
        except BaseException:
            path.unlink(missing_ok=True)
            raise
        found = path.stat().st_size
        if size is not None and found != size:
            raise TransientError(f"{operation}: {name} has {found} bytes, not {size}")
        return path

    def pages(
        self,
        first: Callable[[str | None], Awaitable[T]],
        *,
        next_token: Callable[[T], str | None],
        max_pages: int = 1000,
    ) -> AsyncIterator[T]:
        return _Pages(first, next_token, max_pages)

    def progress(self, done: int, total: int | None, unit: str) -> None:
        self.reported.append((done, total, unit))

    async def _use(self, kind: str, operation: str) -> None:
        call = Call(kind=kind, operation=operation)
        self.calls.append(call)
        await anyio.lowlevel.checkpoint()
        if self.before is not None:
            await self.before(call)

    def _translated(self, exc: Exception, operation: str) -> Exception:
        if isinstance(exc, OgfdError):
            return exc
        known = self._classify(exc) if self._classify is not None else None
        if known is None:
            return exc
        if isinstance(known, ErrorClass):
            return error_of(known)(str(exc), operation=operation)
        if known.throttled:
            return Throttled(known.message or str(exc), retry_after=known.retry_after)
        return error_of(known.error_class)(
            known.message or str(exc),
            hint=known.hint,
            operation=operation,
            code=known.code,
            status=known.status,
            attempts=1,
        )


def _refusal(response: Response, operation: str) -> SourceError:
    message = f"{operation}: HTTP {response.status}"
    if response.status == 429:
        wait = response.headers.get("Retry-After", "")
        return Throttled(message, retry_after=timedelta(seconds=int(wait)) if wait else None)
    return _class_of(response.status)(
        message, operation=operation, status=response.status, attempts=1
    )


def _class_of(status: int) -> type[SourceError]:
    if status in _BY_STATUS:
        return _BY_STATUS[status]
    if status >= 500:
        return TransientError
    return BadRequestError if status >= 400 else UnknownError


class _Pages(AsyncIterator[T]):
    """Pages until there is no further token; a token that comes twice is an error."""

    def __init__(
        self,
        fetch: Callable[[str | None], Awaitable[T]],
        next_token: Callable[[T], str | None],
        max_pages: int,
    ) -> None:
        self._fetch = fetch
        self._next_token = next_token
        self._left = max_pages
        self._seen: set[str] = set()
        self._token: str | None = None
        self._ended = False

    async def __anext__(self) -> T:
        if self._ended:
            raise StopAsyncIteration
        if not self._left:
            raise FatalError("there are more pages than max_pages")
        self._left -= 1
        page = await self._fetch(self._token)
        self._token = self._next_token(page) or None
        self._ended = self._token is None
        if self._token is not None:
            if self._token in self._seen:
                raise FatalError("a page token came twice")
            self._seen.add(self._token)
        return page
