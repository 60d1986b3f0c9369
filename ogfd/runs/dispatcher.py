"""The queue between whoever wants a run and the runner; the daemon's heart."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime
from typing import Final

import anyio

from ogfd.runs.request import RunRequest, RunResult, Trigger
from ogfd.runs.runner import Runner

log = logging.getLogger(__name__)

_WAITING: Final = 10_000  # one request a connector and stream, for more connectors than a host runs

Due = Callable[[str, datetime], None]
"""Is told when a connector has a parked slice to try again."""


class Dispatcher:
    """
    Takes requests and runs them, one at a time for each connector.

    A scheduled request that comes while the same one waits is dropped: it would find nothing new.

    Args:
        runner: does the work.
        due: is told when a parked slice of a connector becomes due.
    """

    def __init__(self, runner: Runner, due: Due) -> None:
        self._runner = runner
        self._due = due
        self._waiting: set[RunRequest] = set()
        self._send, self._receive = anyio.create_memory_object_stream[RunRequest](_WAITING)

    def submit(self, request: RunRequest) -> bool:
        """Queue a request without waiting; False if the same one waits already."""
        if request in self._waiting:
            return False
        self._waiting.add(request)
        self._send.send_nowait(request)
        return True

    async def serve(self) -> None:
        """Run requests until cancelled."""
        async with anyio.create_task_group() as tasks, self._receive:
            for connector in self._runner.connectors:
                await self._wake(connector)
            async for request in self._receive:
                tasks.start_soon(self._run, request)

    async def _run(self, request: RunRequest) -> None:
        async def begun() -> RunResult:
            self._waiting.discard(request)
            return await self._runner.run(request, _unheard)

        try:
            await self._guarded(begun, request)
        finally:
            self._waiting.discard(request)
        await self._wake(request.connector)

    async def _guarded(self, run: Callable[[], Awaitable[RunResult]], request: RunRequest) -> None:
        try:
            await run()
        except Exception:  # the border of a scheduled run: the daemon goes on
            log.exception("a run could not be recorded", extra={"connector": request.connector})

    async def _wake(self, connector: str) -> None:
        """Ask for a run when the next parked slice of the connector is due."""
        records = await self._runner.state.slices(connector)
        dues = [record.next_due for record in records.values() if record.next_due is not None]
        if dues:
            self._due(connector, min(dues))


def retry_of(connector: str) -> RunRequest:
    """Return the request that tries a connector's parked slices again."""
    return RunRequest(connector=connector, trigger=Trigger.RETRY)


def scheduled(connector: str, streams: frozenset[str]) -> RunRequest:
    """Return the request of a schedule."""
    return replace(retry_of(connector), trigger=Trigger.SCHEDULE, streams=streams)


def _unheard(_event: object) -> None:
    """Nobody watches a scheduled run's events."""
