"""One connector's way out: what `ogfd.plugin.Context` promises about provider requests."""

from __future__ import annotations

import functools
import inspect
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from logging import LoggerAdapter
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self, TypeVar

import anyio

from ogfd.plugin import Auth, Classify, ErrorClass, Fault, Limit, OpenAt, Response
from ogfd.traffic.backoff import RetrySettings
from ogfd.traffic.bucket import TokenBucket
from ogfd.traffic.buckets import BucketKey, Buckets
from ogfd.traffic.classify import classify
from ogfd.traffic.download import Downloader, DownloadSettings
from ogfd.traffic.hosts import Network, Pins
from ogfd.traffic.http import HttpClient
from ogfd.traffic.observe import Observer
from ogfd.traffic.paging import Pages
from ogfd.traffic.retry import Attempt, Policy
from ogfd.traffic.spool import Spool
from ogfd.traffic.threads import Threads

T = TypeVar("T")

FALLBACK: Final = Limit(rate=5, burst=20)
"""The limit of operations for which a connector announces none."""

_IDEMPOTENT: Final = frozenset({"GET", "HEAD", "OPTIONS", "PUT", "DELETE"})
_CLEANUP_SECONDS: Final = 5


@dataclass(frozen=True, kw_only=True)
class TrafficSettings:
    """
    What a connector announced and the operator configured about its requests.

    Attributes:
        connector: name of the connector.
        provider: such as ``aws``.
        principal: whose limits they are; connectors with the same share buckets.
        limits: by operation group; ``""`` stands for all others.
        rate: the operator's ceiling in requests per second: it replaces the rate of ``""`` and
            caps that of every other group.
        burst: the same for bursts.
        classify: the connector's own table.
        overrides: provider code or HTTP status to class, from ``[retry.classify]``.
        allowed_hosts: names and ``*.`` patterns that `Traffic.request` may reach over TLS.
        allowed_origins: URLs of endpoints that the operator named; plain HTTP is allowed there.
        attempt_timeout: of one attempt.
        retry: how often and how long to try.
        download: when a download counts as stuck.
        threads: how many sync SDK functions may run at once.
        network: proxy and certificates.
    """

    connector: str
    provider: str
    principal: str
    limits: Mapping[str, Limit] = field(default_factory=dict)
    rate: float | None = None
    burst: float | None = None
    classify: Classify | None = None
    overrides: Mapping[str, ErrorClass] = field(default_factory=dict)
    allowed_hosts: Sequence[str] = ()
    allowed_origins: Sequence[str] = ()
    attempt_timeout: timedelta = timedelta(seconds=30)
    retry: RetrySettings = field(default_factory=RetrySettings)
    download: DownloadSettings = field(default_factory=DownloadSettings)
    threads: int = 8
    network: Network = field(default_factory=Network)

    def limit(self, group: str) -> Limit:
        """Return the limit of *group* with the operator's ceiling."""
        announced = self.limits.get(group, FALLBACK)
        if group == "":
            return Limit(rate=self.rate or announced.rate, burst=self.burst or announced.burst)
        return Limit(
            rate=min(announced.rate, self.rate or announced.rate),
            burst=min(announced.burst, self.burst or announced.burst),
        )


class Traffic:
    """
    The provider requests of one connector, for one run.

    Implements ``request``, ``call``, ``download`` and ``pages`` of `ogfd.plugin.Context`, where
    they are documented. Use it as an async context manager: leaving it closes the session and
    removes files that were downloaded outside of a slice.

    Args:
        settings: what was announced and configured.
        buckets: shared by all connectors of the process.
        spool: room for downloads, shared by all connectors of the process.
        log: gets one debug line per attempt.
        now: the time in UTC.
        observer: is told of every attempt.
        refresh: renews the connector's credentials when they have run out; awaited at most once
            in a call.
        monotonic: a clock in seconds, the one of *buckets*.
        rng: returns a float in [0, 1), for the jitter.
        sleep: waits a number of seconds.
    """

    def __init__(
        self,
        settings: TrafficSettings,
        *,
        buckets: Buckets,
        spool: Spool,
        log: LoggerAdapter[Any],
        now: Callable[[], datetime],
        observer: Observer | None = None,
        refresh: Callable[[], Awaitable[None]] | None = None,
        monotonic: Callable[[], float] = time.monotonic,
        rng: Callable[[], float] = random.random,  # noqa: S311 - jitter is no secret
        sleep: Callable[[float], Awaitable[None]] = anyio.sleep,
    ) -> None:
        self._settings = settings
        self._buckets = buckets
        self._refresh = refresh
        self._now = now
        self._policy = Policy(
            self._classify,
            settings=settings.retry,
            observer=observer,
            log=log,
            now=now,
            monotonic=monotonic,
            rng=rng,
            sleep=sleep,
        )
        pins = Pins(settings.allowed_hosts, settings.allowed_origins)
        self._http = HttpClient(pins, settings.network, now=now)
        self._downloads = Downloader(self._policy, spool, settings.download, monotonic=monotonic)
        self._threads = Threads(settings.threads)

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
        """Make an HTTP request under the policy and return the whole answer."""
        request = self._http.prepare(
            method,
            url,
            params=params,
            headers=headers,
            json=json,
            data=data,
            auth=auth,
            max_bytes=max_bytes,
        )
        group, bucket = self._bucket(operation)
        return await self._policy.run(
            operation,
            functools.partial(self._http.send, request),
            bucket=bucket,
            group=group,
            timeout=timeout or self._settings.attempt_timeout,
            idempotent=request.method in _IDEMPOTENT if idempotent is None else idempotent,
            refresh=self._renewal(auth),
        )

    async def call(
        self,
        operation: str,
        func: Callable[..., Any],
        *args: Any,
        timeout: timedelta | None = None,
        idempotent: bool = True,
        **kwargs: Any,
    ) -> Any:
        """Call an SDK under the policy."""
        bound = functools.partial(func, *args, **kwargs)

        async def attempt(_: Attempt) -> Any:
            if inspect.iscoroutinefunction(bound):
                return await bound()
            answer = await self._threads.run(bound)
            # Methods of aiobotocore clients are sync functions that return a coroutine.
            return await answer if inspect.isawaitable(answer) else answer

        group, bucket = self._bucket(operation)
        return await self._policy.run(
            operation,
            attempt,
            bucket=bucket,
            group=group,
            timeout=timeout or self._settings.attempt_timeout,
            idempotent=idempotent,
            refresh=self._refresh or _nothing,
        )

    async def download(
        self, operation: str, open_at: OpenAt, *, size: int | None = None, name: str = "object"
    ) -> Path:
        """Spool an object to local disk and return the file."""
        group, bucket = self._bucket(operation)
        return await self._downloads.fetch(
            operation, open_at, bucket=bucket, group=group, size=size, name=name
        )

    def pages(
        self,
        first: Callable[[str | None], Awaitable[T]],
        *,
        next_token: Callable[[T], str | None],
        max_pages: int = 1000,
    ) -> AsyncIterator[T]:
        """Iterate over a paged answer."""
        return Pages(first, next_token=next_token, max_pages=max_pages)

    async def aclose(self) -> None:
        """Close the session, let go of the threads and remove files. May be called again."""
        self._threads.close()
        with anyio.move_on_after(_CLEANUP_SECONDS, shield=True):
            await self._http.aclose()
            await self._downloads.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.aclose()

    def _classify(self, exc: Exception) -> Fault | None:
        settings = self._settings
        return classify(exc, settings.classify, settings.overrides, now=self._now())

    def _bucket(self, operation: str) -> tuple[str, TokenBucket]:
        named = operation.partition(":")[0]
        group = named if named in self._settings.limits else ""
        key = BucketKey(self._settings.provider, self._settings.principal, group)
        return group, self._buckets.bucket(key, self._settings.limit(group))

    def _renewal(self, auth: Auth | None) -> Callable[[], Awaitable[None]] | None:
        """Return what to do about a 401; without *auth* there is nothing that could help."""
        own = getattr(auth, "refresh", None)
        if own is not None:
            return own  # type: ignore[no-any-return]
        return self._refresh if auth is None else self._refresh or _nothing


async def _nothing() -> None:
    """Stand in for a refresh: *auth* or the SDK gets its credentials anew for each attempt."""
