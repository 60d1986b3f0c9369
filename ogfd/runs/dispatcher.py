"""The queue between whoever wants a run and the runner; the daemon's heart."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

import anyio

from ogfd.runs.request import RunOutcome, RunRequest, RunResult, Trigger
from ogfd.runs.runner import Runner
from ogfd.state import StateError

log = logging.getLogger(__name__)

_WAITING: Final = 10_000  # one request a connector and stream, for more connectors than a host runs
_LEAST_PAUSE: Final = timedelta(minutes=1)
_LONGEST_PAUSE: Final = timedelta(hours=1)

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
        self._pauses: dict[str, timedelta] = {}
        self._send, self._receive = anyio.create_memory_object_stream[RunRequest](_WAITING)

    def submit(self, request: RunRequest) -> bool:
        """Queue a request without waiting; False if the same one waits already."""
        if request in self._waiting:
            return False
        self._waiting.add(request)
        self._send.send_nowait(request)
        return True

    async def serve(self) -> None:
        """Run requests until cancelled; none is taken afterwards."""
        async with self._send, self._receive, anyio.create_task_group() as tasks:
            for connector in self._runner.connectors:
                await self._wake(connector)
            async for request in self._receive:
                tasks.start_soon(self._run, request)

    async def _run(self, request: RunRequest) -> None:
        is_waiting = True

        def begun() -> None:
            # From here on the same request is a new one: this run may have missed its reason.
            nonlocal is_waiting
            is_waiting = False
            self._waiting.discard(request)

        result = None
        try:
            result = await self._runner.run(request, _unheard, begun)
        except Exception:  # the border of a scheduled run: the daemon goes on
            log.exception("a run could not be recorded", extra={"connector": request.connector})
        finally:
            if is_waiting:
                self._waiting.discard(request)
        await self._wake(request.connector, result)

    async def _wake(self, connector: str, result: RunResult | None = None) -> None:
        """Ask for a run when the next parked slice of the connector is due, or soon after."""
        if result is not None and result.outcome is RunOutcome.SUCCEEDED:
            self._pauses.pop(connector, None)
        try:
            records = await self._runner.state.slices(connector)
        except StateError as exc:
            log.warning(
                "parked slices wait for the schedule",
                extra={"connector": connector, "reason": str(exc)},
            )
            return
        streams = self._runner.blueprints.get(connector, {})
        dues = [
            record.next_due
            for record in records.values()
            if record.next_due is not None and record.slice.split("/")[1] in streams
        ]
        if not dues:
            self._pauses.pop(connector, None)
        else:
            self._due(connector, self._not_at_once(connector, min(dues)))

    def _not_at_once(self, connector: str, due: datetime) -> datetime:
        """Return *due*, or a later time: a slice that stays due must not keep the daemon busy."""
        pause = self._pauses.get(connector, _LEAST_PAUSE)
        earliest = self._runner.now() + pause
        if due >= earliest:
            return due
        self._pauses[connector] = min(pause * 2, _LONGEST_PAUSE)
        return earliest


def retry_of(connector: str) -> RunRequest:
    """Return the request that tries a connector's parked slices again."""
    return RunRequest(connector=connector, trigger=Trigger.RETRY)


def scheduled(connector: str, streams: frozenset[str]) -> RunRequest:
    """Return the request of a schedule."""
    return replace(retry_of(connector), trigger=Trigger.SCHEDULE, streams=streams)


def _unheard(_event: object) -> None:
    """Nobody watches a scheduled run's events."""
