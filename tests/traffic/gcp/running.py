"""What a run gives to the connector: the policy, on a clock that steps over its pauses."""

import asyncio
import logging
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import anyio
import anyio.lowlevel
from ogfd_gcp import ogfd_connector
from ogfd_sandbox.bigquery.server import BigQueryServer

from ogfd.plugin import Parked, Partition, Period, SourceError, Stream
from ogfd.testing import Collected
from ogfd.traffic import Lanes, Spool, Traffic, TrafficSettings

WINDOW = Period.months("2026-08", "2026-09")
NOW = datetime(2026, 11, 20, tzinfo=UTC)


class SteppingLoop(asyncio.SelectorEventLoop):
    """A loop whose clock can be put forward: what waits for a timer gets on with it."""

    ahead = 0.0

    def time(self) -> float:
        return super().time() + self.ahead


class Ctx:
    """
    What a run gives to a connector, with no more of it than this one uses.

    Attributes:
        pauses: of the policy, in seconds, at their longest; they are stepped over.
        attempts: operation and result of each.
    """

    connector = "gcp"
    log = logging.LoggerAdapter(logging.getLogger("tests.traffic.gcp"))

    def __init__(self, spool: Spool) -> None:
        self._spool = spool
        self._refresh: Any = None
        self.begin()

    def begin(self) -> None:
        """Begin anew, as a daemon just started: with no breaker open and no bucket empty."""
        spec = ogfd_connector()
        settings = TrafficSettings(
            connector="gcp",
            provider="gcp",
            principal="1",
            limits=spec.limits,
            classify=spec.classify,
        )
        self.pauses: list[float] = []
        self.attempts: list[tuple[str, str]] = []
        self._began = anyio.current_time()
        self._traffic = Traffic(
            settings,
            lanes=Lanes(anyio.current_time),
            spool=self._spool,
            log=self.log,
            now=self.now,
            observer=self,
            monotonic=anyio.current_time,
            rng=lambda: 1.0,
            sleep=self._sleep,
        )
        self.call, self.pages = self._traffic.call, self._traffic.pages
        if self._refresh is not None:
            self._traffic.on_expired(self._refresh)

    def on_expired(self, refresh: Any) -> None:
        self._refresh = refresh
        self._traffic.on_expired(refresh)

    def now(self) -> datetime:
        return NOW + timedelta(seconds=anyio.current_time() - self._began)

    def attempt(self, operation: str, *, result: str, **_: Any) -> None:
        self.attempts.append((operation, result))

    def results(self, operation: str) -> list[str]:
        """Return how the attempts at an operation ended."""
        return [result for one, result in self.attempts if one == operation]

    def retry(self, *_: Any, **__: Any) -> None:
        pass

    paid = quota = progress = signed_in = retry

    async def aclose(self) -> None:
        await self._traffic.aclose()

    async def _sleep(self, seconds: float) -> None:
        if seconds:
            self.pauses.append(round(seconds, 3))
        loop: Any = asyncio.get_running_loop()
        loop.ahead += seconds
        await anyio.lowlevel.checkpoint()


async def read(stream: Stream) -> list[dict[str, Any]]:
    """Read all that is listed, and return its rows."""
    rows = []
    for partition in await stream.partitions(WINDOW):
        out = Collected()
        await stream.read(partition, out)
        out.check()
        rows += out.rows()
    return rows


@dataclass
class Bench:
    """A slice that is listed once, and can be read as another each time."""

    bigquery: BigQueryServer
    stream: Stream
    ctx: Ctx
    partition: Partition
    reads: int = 0

    async def read(self) -> list[dict[str, Any]]:
        """Read the slice as one that nobody has read yet, with all that was learnt forgotten."""
        await self.ctx.aclose()
        self.ctx.begin()
        self.bigquery.forget_requests()
        self.reads += 1
        out = Collected()
        fresh = replace(self.partition, version=f"{self.partition.version} {self.reads}")
        await self.stream.read(fresh, out)
        out.check()
        return out.rows()

    async def end(self) -> tuple[str, SourceError | Parked | None]:
        """Return what becomes of the slice, and why."""
        try:
            await self.read()
        except Parked as parked:
            seconds = (parked.next_due - self.ctx.now()).total_seconds()
            return f"parked {seconds:.0f} s", parked
        except SourceError as exc:
            return "failed", exc
        return "committed", None

    def jobs(self) -> list[str]:
        """Return the id of the job that each request wanted made."""
        return [
            one.key
            for one in self.bigquery.requests()
            if one.operation == "InsertJob" and "ogfd_cost" in one.key
        ]
