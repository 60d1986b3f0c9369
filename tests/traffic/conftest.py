"""Virtual time, raw servers and a policy that records what it does."""

import asyncio
import logging
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import anyio
import pytest

from benchmarks.virtual import VirtualLoop
from ogfd.traffic import (
    Breaker,
    DownloadSettings,
    Lane,
    LaneKey,
    Lanes,
    Policy,
    RetrySettings,
    Spool,
    TokenBucket,
    Traffic,
    TrafficSettings,
    classify,
)
from ogfd.traffic.limits.breaker import OUTAGE

START = datetime(2026, 10, 1, tzinfo=UTC)


@pytest.fixture
def anyio_backend(request: Any) -> Any:
    """Modules that say VIRTUAL_TIME run on a loop that never really sleeps."""
    if getattr(request.module, "VIRTUAL_TIME", False):
        return "asyncio", {"loop_factory": VirtualLoop}
    return "asyncio"


@dataclass
class Recorder:
    """An observer that remembers."""

    attempts: list[Any] = field(default_factory=list)
    retries: list[Any] = field(default_factory=list)
    fees: list[Any] = field(default_factory=list)
    quotas: list[Any] = field(default_factory=list)

    def attempt(
        self, operation: Any, *, result: Any, error_class: Any, seconds: Any, wait_seconds: Any
    ) -> Any:
        self.attempts.append((operation, result, error_class, seconds, wait_seconds))

    def retry(self, operation: Any, *, error_class: Any, wait_seconds: Any) -> Any:
        self.retries.append((error_class, wait_seconds))

    def paid(self, operation: Any, *, usd: Any) -> Any:
        self.fees.append((operation, usd))

    def quota(self, operation: Any, *, remaining: Any) -> Any:
        self.quotas.append((operation, remaining))

    @property
    def results(self) -> Any:
        return [result for _, result, *_ in self.attempts]


@pytest.fixture
def recorder() -> Any:
    return Recorder()


@pytest.fixture
def log() -> Any:
    return logging.LoggerAdapter(logging.getLogger("tests.traffic"), {"connector": "c"})


@pytest.fixture
def spool(tmp_path: Any) -> Any:
    return Spool(tmp_path / "spool", 10 << 20)


@pytest.fixture
def make_traffic(recorder: Any, log: Any, spool: Any) -> Any:
    """Makes a Traffic whose backoff is too short to notice; keywords go to the settings."""

    def make(
        *,
        lanes: Any = None,
        refresh: Any = None,
        own_spool: Any = None,
        purse: Any = None,
        now: Any = lambda: START,
        **settings: Any,
    ) -> Any:
        chosen: dict[str, Any] = {
            "connector": "c",
            "provider": "p",
            "principal": "1",
            "rate": 1000.0,
            "burst": 1000.0,
            "attempt_timeout": timedelta(seconds=5),
            "retry": RetrySettings(first_backoff=timedelta(milliseconds=1)),
            "download": DownloadSettings(),
        } | settings
        traffic = Traffic(
            TrafficSettings(**chosen),
            lanes=lanes or Lanes(anyio.current_time),
            spool=own_spool or spool,
            log=log,
            now=now,
            purse=purse,
            observer=recorder,
            monotonic=anyio.current_time,
        )
        if refresh is not None:
            traffic.on_expired(refresh)
        return traffic

    return make


class RawServer:
    """Answers each request with the next of its scripted answers, the last one for ever."""

    def __init__(self, answers: Any) -> None:
        self.answers = answers
        self.requests: list[bytes] = []
        self.url = ""

    async def handle(self, reader: Any, writer: Any) -> Any:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = 0
                for line in head.split(b"\r\n"):
                    if line.lower().startswith(b"content-length:"):
                        length = int(line.split(b":")[1])
                body = await reader.readexactly(length)
                self.requests.append(head + body)
                answer = self.answers[min(len(self.requests), len(self.answers)) - 1]
                if callable(answer):
                    await answer(self, writer)
                else:
                    writer.write(answer)
                    await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


@pytest.fixture
def raw_server() -> Callable[..., AbstractAsyncContextManager[Any]]:
    """Opens a server of raw answers: bytes, or coroutine functions of (server, writer)."""

    @asynccontextmanager
    async def serve(*answers: Any, ssl: Any = None) -> Any:
        made = RawServer(answers)
        server = await asyncio.start_server(made.handle, "127.0.0.1", 0, ssl=ssl)
        port = server.sockets[0].getsockname()[1]
        made.url = f"{'https' if ssl else 'http'}://127.0.0.1:{port}"
        try:
            yield made
        finally:
            server.close()
            with anyio.move_on_after(1):
                await server.wait_closed()

    return serve


@pytest.fixture
def world(recorder: Any, log: Any) -> Any:
    """A policy with full jitter at its longest, a bucket, and what happened."""
    start = 1000.0
    seen = SimpleNamespace(recorder=recorder, starts=[], bucket=None, breaker=None)

    def policy(
        rng: Any = lambda: 1.0,
        connector: Any = None,
        overrides: Any = None,
        fees: Any = None,
        **settings: Any,
    ) -> Any:
        return Policy(
            lambda exc: classify(exc, connector, overrides or {}),
            settings=RetrySettings(**settings),
            fees=fees,
            observer=recorder,
            log=log,
            now=lambda: (
                datetime(2026, 10, 1, tzinfo=UTC) + timedelta(seconds=anyio.current_time() - start)
            ),
            monotonic=anyio.current_time,
            rng=rng,
        )

    def script(*outcomes: Any) -> Any:
        """Each attempt raises or returns the next outcome; a number takes that long."""

        async def work(attempt: Any) -> Any:
            seen.starts.append(anyio.current_time() - start)
            outcome = outcomes[min(attempt.number, len(outcomes)) - 1]
            if isinstance(outcome, BaseException):
                raise outcome
            if isinstance(outcome, (int, float)):
                await anyio.sleep(outcome)
            return outcome

        return work

    async def run(
        *outcomes: Any, policy: Any = None, timeout: Any = timedelta(seconds=30), **options: Any
    ) -> Any:
        policy = policy or seen.policy()
        return await policy.run(
            "s3:Get", script(*outcomes), lane=seen.lane(), timeout=timeout, **options
        )

    def lane() -> Any:
        """The lane of all runs, over the bucket that a test may have set."""
        seen.bucket = seen.bucket or TokenBucket(1000, 1000, anyio.current_time)
        seen.breaker = seen.breaker or Breaker(OUTAGE, anyio.current_time, lambda: 0.5)
        return Lane(key=LaneKey("p", "1", ""), buckets=(seen.bucket,), breaker=seen.breaker)

    seen.policy, seen.run, seen.start, seen.lane = policy, run, start, lane
    return seen
