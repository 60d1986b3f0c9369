"""The queue between whoever wants a run and the runner; the daemon's heart."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Final, Protocol

import anyio

from ogfd.runs.due import dues
from ogfd.runs.request import RunOutcome, RunRequest, RunResult, Trigger
from ogfd.runs.runner import Runner
from ogfd.state import StateError

log = logging.getLogger(__name__)

_WAITING: Final = 10_000  # one request a connector and stream, for more connectors than a host runs
_LEAST_PAUSE: Final = timedelta(minutes=1)
_LONGEST_PAUSE: Final = timedelta(hours=1)


class Alarm(Protocol):
    """Fires once at a time; a connector has one alarm."""

    def at(self, connector: str, due: datetime, fire: Callable[[], None]) -> None:
        """Fire at *due*, or now if that has passed; replaces the connector's earlier alarm."""
        ...

    def off(self, connector: str) -> None:
        """Fire no more for a connector; nothing happens if no alarm is set."""
        ...


class Dispatcher:
    """
    Takes requests and runs them, one at a time for each connector.

    A scheduled request that comes while the same one waits is dropped: it would find nothing new.
    What failed or waits is tried again when it is due: after every run, whoever asked for it, and
    at the start, the records of the state store say when that is.

    Args:
        runner: does the work.
        alarm: calls when something is due.
    """

    def __init__(self, runner: Runner, alarm: Alarm) -> None:
        self._runner = runner
        self._alarm = alarm
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

            def ended(connector: str, result: RunResult | None) -> None:
                tasks.start_soon(self._wake, connector, result)

            self._runner.listeners.append(ended)
            try:
                for connector in self._runner.connectors:
                    await self._wake(connector)
                async for request in self._receive:
                    tasks.start_soon(self._run, request)
            finally:
                self._runner.listeners.remove(ended)

    async def _run(self, request: RunRequest) -> None:
        is_waiting = True

        def begun() -> None:
            # From here on the same request is a new one: this run may have missed its reason.
            nonlocal is_waiting
            is_waiting = False
            self._waiting.discard(request)

        try:
            await self._runner.run(request, _unheard, begun)
        except Exception:  # the border of a scheduled run: the daemon goes on
            log.exception("a run could not be recorded", extra={"connector": request.connector})
            await self._wake(request.connector)
        finally:
            if is_waiting:
                self._waiting.discard(request)

    async def _wake(self, connector: str, result: RunResult | None = None) -> None:
        """Set the alarm for what is to be tried again next, or soon after."""
        if result is not None and result.outcome is RunOutcome.SUCCEEDED:
            self._pauses.pop(connector, None)
        try:
            found = await self._dues(connector)
        except StateError as exc:
            log.warning(
                "what failed waits for the schedule",
                extra={"connector": connector, "reason": str(exc)},
            )
            return
        if not found:
            self._pauses.pop(connector, None)
            self._alarm.off(connector)
            return
        at = self._not_at_once(connector, min(found.values()), result)
        request = retry_of(connector, {stream for stream, due in found.items() if due <= at})
        self._alarm.at(connector, at, lambda: self._retry(request))

    async def _dues(self, connector: str) -> dict[str, datetime]:
        """Return the configured streams in which something is to be tried again, and when."""
        state = self._runner.state
        streams, slices = await state.streams(connector), await state.slices(connector)
        configured = self._runner.blueprints.get(connector, {})
        found = dues(streams, slices.values())
        return {stream: due for stream, due in found.items() if stream in configured}

    def _not_at_once(self, connector: str, due: datetime, result: RunResult | None) -> datetime:
        """Return *due*, or a later time: what stays due must not keep the daemon busy."""
        now = self._runner.now()
        began = now if result is None else result.started_at
        if due <= began:  # it was when the run began, and still is
            pause = self._pauses.get(connector, _LEAST_PAUSE)
            self._pauses[connector] = min(pause * 2, _LONGEST_PAUSE)
            return now + pause
        if result is not None and result.trigger is Trigger.RETRY:
            # Slices that failed together come back one after the other: not a run for each.
            return max(due, now + _LEAST_PAUSE)
        return due

    def _retry(self, request: RunRequest) -> None:
        self.submit(request)


def retry_of(connector: str, streams: Iterable[str]) -> RunRequest:
    """Return the request that tries again what is due in *streams*."""
    return RunRequest(connector=connector, trigger=Trigger.RETRY, streams=frozenset(streams))


def scheduled(connector: str, streams: frozenset[str]) -> RunRequest:
    """Return the request of a schedule."""
    return RunRequest(connector=connector, trigger=Trigger.SCHEDULE, streams=streams)


def _unheard(_event: object) -> None:
    """Nobody watches a scheduled run's events."""
