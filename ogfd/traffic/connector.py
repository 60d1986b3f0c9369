"""One connector's way out: what `ogfd.plugin.Context` promises about provider requests."""

from __future__ import annotations

import functools
import inspect
import random
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from logging import LoggerAdapter
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self, TypeVar

import anyio

from ogfd.plugin import (
    Auth,
    Classify,
    ErrorClass,
    Fault,
    Limit,
    OpenAt,
    Position,
    Price,
    Quotas,
    Refresh,
    Response,
)
from ogfd.traffic.attempt import Attempt
from ogfd.traffic.backoff import RetrySettings
from ogfd.traffic.downloads.download import Downloader, DownloadSettings
from ogfd.traffic.downloads.spool import Spool
from ogfd.traffic.faults.classify import classify
from ogfd.traffic.fees import Fees, Purse
from ogfd.traffic.limits.gate import Gate
from ogfd.traffic.limits.lanes import Denial, Lane, LaneKey, Lanes
from ogfd.traffic.observe import Observer
from ogfd.traffic.paging import Pages
from ogfd.traffic.quotas import QuotaReader, Send
from ogfd.traffic.renewal import Renewal
from ogfd.traffic.retry import Policy
from ogfd.traffic.threads import Threads
from ogfd.traffic.web.content import Content
from ogfd.traffic.web.hosts import Pins
from ogfd.traffic.web.http import HttpClient
from ogfd.traffic.web.network import Network

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
        limits: by operation group, one or several; ``""`` stands for all others.
        rate: the operator's ceiling in requests per second: it replaces the rate of ``""`` and
            caps that of every other group.
        burst: the same for bursts.
        prices: of an attempt, by operation; what is not there is free.
        quotas: reads what is left of the provider's quotas out of the headers of answers.
        classify: the connector's own table.
        overrides: provider code or HTTP status to class, from ``[retry.classify]``.
        allowed_hosts: names and ``*.`` patterns that `Traffic.request` may reach over TLS.
        allowed_origins: URLs of endpoints that the operator named; plain HTTP is allowed there.
        attempt_timeout: of one attempt.
        retry: how often and how long to try.
        download: when a download counts as stuck.
        threads: how many sync SDK functions may run at once.
        network: proxies, certificates and private networks.
    """

    connector: str
    provider: str
    principal: str
    limits: Mapping[str, Limit | Sequence[Limit]] = field(default_factory=dict)
    rate: float | None = None
    burst: float | None = None
    prices: Mapping[str, Price] = field(default_factory=dict)
    quotas: Quotas | None = None
    classify: Classify | None = None
    overrides: Mapping[str, ErrorClass] = field(default_factory=dict)
    allowed_hosts: Sequence[str] = ()
    allowed_origins: Sequence[str] = ()
    attempt_timeout: timedelta = timedelta(seconds=30)
    retry: RetrySettings = field(default_factory=RetrySettings)
    download: DownloadSettings = field(default_factory=DownloadSettings)
    threads: int = 8
    network: Network = field(default_factory=Network)

    @property
    def groups(self) -> Sequence[str]:
        """The operation groups that have limits of their own, and ``""`` for all others."""
        return ["", *(group for group in self.limits if group)]

    def group(self, operation: str) -> str:
        """Return the group whose limits hold for *operation*."""
        named = operation.partition(":")[0]
        return named if named in self.limits else ""

    def key(self, group: str) -> LaneKey:
        """Return what the lane of *group* is shared by."""
        return LaneKey(self.provider, self.principal, group)

    def limits_of(self, group: str) -> Sequence[Limit]:
        """Return the limits of *group* with the operator's ceiling."""
        announced = self.limits.get(group, FALLBACK)
        limits = (announced,) if isinstance(announced, Limit) else announced
        if group == "" and len(limits) == 1:
            only = limits[0]
            return (replace(only, rate=self.rate or only.rate, burst=self.burst or only.burst),)
        return tuple(
            replace(
                limit,
                rate=min(limit.rate, self.rate or limit.rate),
                burst=min(limit.burst, self.burst or limit.burst),
            )
            for limit in limits
        )


class Traffic:
    """
    The provider requests of one connector, for one run.

    Implements ``request``, ``call``, ``download`` and ``pages`` of `ogfd.plugin.Context`, where
    they are documented. Use it as an async context manager: leaving it closes the session and
    removes files that were downloaded outside of a slice.

    Args:
        settings: what was announced and configured.
        lanes: shared by all connectors of the process.
        spool: room for downloads, shared by all connectors of the process.
        log: gets one debug line per attempt.
        now: the time in UTC.
        purse: keeps what requests cost; needed if any has a price.
        observer: is told of every attempt.
        on_page: gets the number of pages of a listing so far, after each of them.
        monotonic: a clock in seconds, the one of *lanes*.
        rng: returns a float in [0, 1), for the jitter.
        sleep: waits a number of seconds.

    Raises:
        ValueError: if requests have a price and there is no purse.
    """

    def __init__(
        self,
        settings: TrafficSettings,
        *,
        lanes: Lanes,
        spool: Spool,
        log: LoggerAdapter[Any],
        now: Callable[[], datetime],
        purse: Purse | None = None,
        observer: Observer | None = None,
        on_page: Callable[[int], None] | None = None,
        monotonic: Callable[[], float] = time.monotonic,
        rng: Callable[[], float] = random.random,  # noqa: S311 - jitter is no secret
        sleep: Callable[[float], Awaitable[None]] = anyio.sleep,
    ) -> None:
        self._settings = settings
        self._lanes = lanes
        self._monotonic = monotonic
        self._ways: dict[tuple[str, str], tuple[Lane, Gate]] = {}
        self._on_expired: Renewal | None = None
        self._anew = Renewal(_nothing, monotonic)
        self._renewals: dict[int, tuple[Auth, Renewal]] = {}
        self._now = now
        self._policy = Policy(
            self._classify,
            settings=settings.retry,
            fees=Fees(settings.connector, settings.prices, purse, now=now),
            observer=observer,
            log=log,
            now=now,
            monotonic=monotonic,
            rng=rng,
            sleep=sleep,
        )
        self._quotas = (
            None
            if settings.quotas is None or observer is None
            else QuotaReader(settings.quotas, observer, log)
        )
        networks = settings.network.private_networks
        self._pins = Pins(settings.allowed_hosts, settings.allowed_origins, networks)
        self._on_page = on_page
        self._http = HttpClient(self._pins, settings.network, now=now)
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
        scope: str = "",
        expects_json: bool = False,
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
            expects_json=expects_json,
        )
        lane, gate = self._way(operation, scope)
        send: Send = functools.partial(self._http.send, request)
        return await self._policy.run(
            operation,
            send if self._quotas is None else self._quotas.listening(operation, send),
            lane=lane,
            gate=gate,
            timeout=timeout or self._settings.attempt_timeout,
            idempotent=request.method in _IDEMPOTENT if idempotent is None else idempotent,
            renewal=self._renewal_of(auth),
        )

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
        """Call an SDK under the policy."""
        bound = functools.partial(func, *args, **kwargs)

        async def attempt(_: Attempt) -> Any:
            if inspect.iscoroutinefunction(bound):
                return await bound()
            answer = await self._threads.run(bound)
            # Methods of aiobotocore clients are sync functions that return a coroutine.
            return await answer if inspect.isawaitable(answer) else answer

        lane, gate = self._way(operation, scope)
        return await self._policy.run(
            operation,
            attempt,
            lane=lane,
            gate=gate,
            timeout=timeout or self._settings.attempt_timeout,
            idempotent=idempotent,
            renewal=self._on_expired or self._anew,
        )

    def on_expired(self, refresh: Refresh) -> None:
        """Say how to drop credentials that ran out."""
        self._on_expired = Renewal(refresh, self._monotonic)

    def content(
        self,
        url: str,
        *,
        auth: Auth | None = None,
        headers: Mapping[str, str] | None = None,
        etag: str | None = None,
    ) -> OpenAt:
        """Return what opens the content of *url* for `download`."""
        return Content(self._http, url, auth=auth, headers=headers, etag=etag)

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
        """Spool an object to local disk and return the file."""
        lane, gate = self._way(operation, scope)
        return await self._downloads.fetch(
            operation,
            open_at,
            lane=lane,
            gate=gate,
            renewal=self._renewal_of(getattr(open_at, "auth", None)) or self._anew,
            size=size,
            digest=digest,
            name=name,
        )

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
        """Iterate over a paged answer; its `Pages.position` tells where to go on."""
        return Pages(
            first,
            next_token=next_token,
            next_link=next_link,
            offset=offset,
            max_pages=max_pages,
            start=start,
            check=self._pins.check,
            on_page=self._on_page,
        )

    async def aclose(self) -> None:
        """Close the session, let go of the threads and remove files. May be called again."""
        self._lanes.forget(self._settings.connector)
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

    def _way(self, operation: str, scope: str) -> tuple[Lane, Gate]:
        if (operation, scope) not in self._ways:
            settings, lanes = self._settings, self._lanes
            group = settings.group(operation)
            lane = lanes.lane(settings.key(group), settings.limits_of(group), scope)
            denial = Denial(settings.connector, operation, scope)
            gate = Gate(
                outage=lane.breaker,
                credential=lanes.credential(settings.connector),
                permission=lanes.permission(denial),
            )
            self._ways[operation, scope] = lane, gate
        return self._ways[operation, scope]

    def _renewal_of(self, auth: Auth | None) -> Renewal | None:
        """Return what to do about a 401; without *auth* there is nothing that could help."""
        if auth is None:
            return self._on_expired
        refresh: Refresh | None = getattr(auth, "refresh", None)
        if refresh is None:
            return self._on_expired or self._anew
        # One for each token, so that calls which fail together refresh it once.
        own = auth, Renewal(refresh, self._monotonic)
        return self._renewals.setdefault(id(auth), own)[1]


async def _nothing() -> None:
    """Stand in for a refresh: *auth* or the SDK gets its credentials anew for each attempt."""
