"""Runs: one pass over a connector, whoever asked for it."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final, Protocol
from uuid import uuid4

import anyio
from anyio import to_thread

from ogfd.plugin import (
    Context,
    Parked,
    Period,
    Sink,
    SourceError,
    Stream,
)
from ogfd.registry import BoundConnector
from ogfd.runs.blueprint import Blueprint
from ogfd.runs.border import border_error, down_errors, run_error
from ogfd.runs.passage import Passage
from ogfd.runs.planning import Memory, Planned, forgotten, memory_of, plan_stream, vanished
from ogfd.runs.recording import (
    cancelled_record,
    ended_record,
    running_record,
    slice_record,
    summary,
)
from ogfd.runs.request import Emit, RunError, RunRequest, RunResult
from ogfd.runs.window import default_window
from ogfd.slices import Action, Bases, Engine, Recompute, SliceResult, read_bases
from ogfd.state import RunRecord, StateError, StateStore
from ogfd.traffic import Spool

log = logging.getLogger(__name__)

_GOODBYE_SECONDS: Final = 5.0  # to record a run that is stopped

Visit = Callable[["StreamPlan"], Awaitable[None]]
"""Does something about the planned slices of one stream."""

Contexts = Callable[[BoundConnector], AbstractAsyncContextManager[Context]]
"""Opens the door to the daemon for one run of a connector."""


class RunWatcher(Protocol):
    """Hears of runs, for metrics."""

    def run_done(self, result: RunResult) -> None:
        """Take note of a finished run."""
        ...

    def waiting(self, size_bytes: int) -> None:
        """Take note of the size of all sealed packages that wait for a sink or an operator."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamPlan:
    """
    What is to be done about a stream.

    Attributes:
        bases: what every sink holds.
        planned: newest first.
        forgotten: slices whose wait is over and that the stream no longer lists.
    """

    stream: Stream
    blueprint: Blueprint
    window: Period
    bases: Bases
    planned: list[Planned]
    forgotten: list[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What a run has come to so far; both lists grow."""

    slices: list[SliceResult] = field(default_factory=list)
    errors: list[RunError] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class Runner:
    """
    Runs connectors. One for the process.

    Attributes:
        connectors: by name.
        blueprints: by connector, then by stream.
        sinks: by name.
        contexts: opens a connector's context.
        slots: bounds the slices that are worked on at once, over all connectors.
        spool: has the downloads of a slice removed at its end.
        recompute: which partitions a changed recipe alone recomputes.
    """

    engine: Engine
    state: StateStore
    connectors: Mapping[str, BoundConnector]
    blueprints: Mapping[str, Mapping[str, Blueprint]]
    sinks: Mapping[str, Sink]
    contexts: Contexts
    slots: anyio.CapacityLimiter
    spool: Spool
    watcher: RunWatcher
    now: Callable[[], datetime]
    recompute: Recompute
    running: dict[str, str] = field(default_factory=dict)
    _turns: dict[str, anyio.Lock] = field(default_factory=lambda: defaultdict(anyio.Lock))

    async def run(
        self, request: RunRequest, emit: Emit, begun: Callable[[], None] = lambda: None
    ) -> RunResult:
        """
        Go once over a connector; waits for an earlier run of the same connector.

        May be cancelled and asked for again: what was committed stays committed. Whatever else
        stops the run is an error of its result.

        Args:
            request: what to go over.
            emit: takes events.
            begun: is called when the earlier runs are through.
        """
        async with self._turns[request.connector]:
            begun()
            connector = self.connectors[request.connector]
            running = running_record(f"run-{uuid4().hex[:12]}", request, self.now())
            self.running[connector.name] = running.run_id
            found = Found()
            try:
                await self._over(running, request, found, emit)
                result = RunResult(
                    run_id=running.run_id,
                    connector=connector.name,
                    provider=connector.spec.provider,
                    trigger=request.trigger,
                    started_at=running.started_at,
                    ended_at=self.now(),
                    slices=found.slices,
                    errors=found.errors,
                )
                result = await self._recorded(running, result)
            except anyio.get_cancelled_exc_class():
                await self._cancelled(running, found)
                raise
            finally:
                del self.running[connector.name]
            await self._finish(result)
            return result

    async def plan(self, request: RunRequest) -> tuple[list[Planned], list[RunError]]:
        """Tell what a run would do, without reading any data."""
        planned: list[Planned] = []
        found = Found()

        async def note(plan: StreamPlan) -> None:
            planned.extend(plan.planned)

        await self._each_stream(request, found, note)
        return planned, found.errors

    async def record(self, connector: str, result: SliceResult) -> None:
        """Put on record what became of a slice outside of a run."""
        await self.state.put_slices([slice_record(connector, result, self.now())])

    async def _over(
        self, running: RunRecord, request: RunRequest, found: Found, emit: Emit
    ) -> None:
        name, run_id = request.connector, running.run_id
        try:
            await self.state.put_run(running)
        except Exception as exc:  # noqa: BLE001 - as in `_each_stream`
            found.errors.append(border_error(exc, name))
            return
        log.info("run begins", extra={"connector": name, "run": run_id})
        emit({"event": "run", "run_id": run_id, "connector": name})
        await self._each_stream(
            request, found, lambda plan: self._pass(plan, found, emit, force=request.force)
        )

    async def _pass(self, plan: StreamPlan, found: Found, emit: Emit, *, force: bool) -> None:
        """Take the planned slices of a stream through the engine."""
        blueprint = plan.blueprint
        emit({"event": "planned", "stream": plan.stream.name, "slices": len(plan.planned)})
        passage = Passage(
            engine=self.engine,
            state=self.state,
            sinks=self.sinks,
            slots=self.slots,
            spool=self.spool,
            stream=plan.stream,
            blueprint=blueprint,
            emit=emit,
            force=force,
        )
        by_slice = {}
        for each in plan.planned:
            if each.decision.action is Action.READ:
                entries = plan.bases.of(each.slice)
                by_slice[each.slice] = {sink: entries[sink] for sink in blueprint.sinks}
        await passage.go(plan.planned, by_slice, found.slices)
        gone = vanished(plan.planned, blueprint, plan.window, plan.bases)
        found.slices.extend(gone)
        name = blueprint.connector.name
        await self.state.put_slices([slice_record(name, each, self.now()) for each in gone])
        await self.state.unpark(plan.forgotten)

    async def _each_stream(self, request: RunRequest, found: Found, visit: Visit) -> None:
        connector = self.connectors[request.connector]
        blueprints = {
            name: blueprint
            for name, blueprint in self.blueprints[connector.name].items()
            if request.streams is None or name in request.streams
        }
        try:
            bases = await read_bases(self.sinks, self.state)
            fed = [sink for blueprint in blueprints.values() for sink in blueprint.sinks]
            found.errors.extend(down_errors(bases.down, fed))
            await self.engine.failpoints.passed("ledger.read")
            memory = await memory_of(self.engine, connector.name)
            async with (
                self.contexts(connector) as context,
                connector.spec.open(connector.config, context) as streams,
            ):
                for name, blueprint in blueprints.items():
                    try:
                        plan = await self._planned(request, streams[name], blueprint, bases, memory)
                    except (SourceError, Parked) as exc:
                        found.errors.append(run_error(exc, name))
                        continue
                    await visit(plan)
        except Exception as exc:  # noqa: BLE001 - the border of a run: other connectors go on
            found.errors.append(border_error(exc, connector.name))

    async def _planned(
        self,
        request: RunRequest,
        stream: Stream,
        blueprint: Blueprint,
        bases: Bases,
        memory: Memory,
    ) -> StreamPlan:
        bound, now = blueprint.stream, self.now()
        window = request.window or default_window(bound.spec, bound.start, now)
        planned = await plan_stream(
            stream,
            blueprint,
            window,
            bases,
            memory,
            now=now,
            force=request.force,
            recompute=self.recompute,
            failpoints=self.engine.failpoints,
        )
        return StreamPlan(
            stream=stream,
            blueprint=blueprint,
            window=window,
            bases=bases,
            planned=planned,
            # A window that was asked for says nothing about the slices outside of it.
            forgotten=[] if request.window else forgotten(planned, blueprint, memory, now),
        )

    async def _recorded(self, running: RunRecord, result: RunResult) -> RunResult:
        try:
            await self.state.put_run(ended_record(running, result))
        except Exception as exc:  # noqa: BLE001 - as in `_each_stream`
            error = border_error(exc, result.connector)
            if error not in result.errors:  # the store may have failed at the beginning already
                return replace(result, errors=[*result.errors, error])
        return result

    async def _cancelled(self, running: RunRecord, found: Found) -> None:
        with anyio.move_on_after(_GOODBYE_SECONDS, shield=True):
            try:
                await self.state.put_run(cancelled_record(running, found.slices, self.now()))
            except StateError as exc:
                log.warning("a stopped run stays unrecorded", extra={"reason": str(exc)})

    async def _finish(self, result: RunResult) -> None:
        try:
            self.watcher.run_done(result)
            self.watcher.waiting(sum(each.bytes for each in self.engine.waiting.values()))
            await to_thread.run_sync(self.engine.archive.enforce_quota)
        except OSError as exc:
            log.warning("the archive's quota cannot be kept", extra={"reason": str(exc)})
        except Exception:  # what the run did is on record; the rest must not undo it
            log.exception("a run could not be measured", extra={"connector": result.connector})
        log.info(
            "run ended",
            extra={
                "connector": result.connector,
                "run": result.run_id,
                "outcome": str(result.outcome),
                "slices": summary(result.slices),
            },
        )
