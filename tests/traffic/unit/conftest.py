"""
The client's own logic, with answers that aioresponses makes up: nothing is sent.

A mock takes the place of ``ClientSession._request``, so what happens below cannot be tested with
it honestly: truncation, resets, gzip, slow drips, redirects of a real server, proxies, TLS, and
the bytes of a URL, whose query it sorts and decodes. All that is tested on sockets, in
``test_http``, ``test_content``, ``test_proxy``, ``test_resolver`` and ``tests/faults``.
"""

from types import SimpleNamespace
from typing import Any

import aioresponses
import anyio
import pytest
from mocking import HOST, NOW, MockedResponse

from ogfd.traffic import Lanes, Network, Traffic, TrafficSettings


@pytest.fixture
def mocked(monkeypatch: Any) -> Any:
    monkeypatch.setattr(aioresponses.core, "ClientResponse", MockedResponse)
    # Nobody is trusted here; reading the system's certificates takes longer than a test.
    monkeypatch.setattr(Network, "trust", lambda _: True)
    with aioresponses.aioresponses() as mock:
        yield mock


@pytest.fixture
def sent(mocked: Any) -> Any:
    """What was asked for so far: method, URL, and what aiohttp was given with them."""

    def requests() -> Any:
        return [
            SimpleNamespace(method=method, url=url, **call.kwargs)
            for (method, url), calls in mocked.requests.items()
            for call in calls
        ]

    return requests


@pytest.fixture
def slept() -> list[float]:
    """How long the policy has waited so far, each time."""
    return []


@pytest.fixture
def make(recorder: Any, log: Any, spool: Any, slept: Any) -> Any:
    """Makes a Traffic whose waits take no time but move its clock; full jitter is in full."""

    def traffic(**settings: Any) -> Traffic:
        def clock() -> float:
            return anyio.current_time() + sum(slept)

        async def sleep(seconds: float) -> None:
            slept.append(seconds)

        chosen = {"allowed_hosts": ["api.example"], "rate": 1000.0, "burst": 1000.0} | settings
        return Traffic(
            TrafficSettings(connector="c", provider="p", principal="1", **chosen),
            lanes=Lanes(clock, rng=lambda: 0.5),
            spool=spool,
            log=log,
            now=lambda: NOW,
            observer=recorder,
            monotonic=clock,
            rng=lambda: 1.0,
            sleep=sleep,
        )

    return traffic


@pytest.fixture
def ask(make: Any) -> Any:
    """Makes one request and returns the answer; *settings* are those of the Traffic."""

    async def request(
        method: str = "GET", url: str = f"{HOST}/x", settings: Any = None, **options: Any
    ) -> Any:
        async with make(**settings or {}) as traffic:
            return await traffic.request(method, url, operation="api:Get", **options)

    return request
