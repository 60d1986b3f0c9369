"""Runs: one pass over a connector, whoever asked for it."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final, Protocol
from uuid import uuid4

import anyio
from anyio import to_thread

from ogfd.plugin import Parked, Sink, SourceError, Stream, single_error
from ogfd.registry import BoundConnector
from ogfd.runs.blueprint import Blueprint
from ogfd.runs.border import border_error, down_errors, run_error, waiting_error
from ogfd.runs.brakes import Brakes
from ogfd.runs.due import stream_wait
from ogfd.runs.passage import Passage
from ogfd.runs.planning import Planned, forgotten, memory_of, plan_stream, vanished
from ogfd.runs.reconciling import Reconciler
from ogfd.runs.recording import (
    cancelled_record,
    ended_record,
    running_record,
    slice_record,
    stream_record,
    summary,
    unknown_values,
)
from ogfd.runs.request import Emit, RunError, RunRequest, RunResult
from ogfd.runs.tour import Contexts, Found, Miss, StreamPlan, Tour, Visit
from ogfd.runs.window import default_window
from ogfd.slices import Action, Engine, Recompute, SliceResult, read_bases
from ogfd.state import Identities, RunRecord, StateError, StateStore, Unknown, unknowns
from ogfd.traffic import Spool

log = logging.getLogger(__name__)

_GOODBYE_SECONDS: Final = 5.0  # to record a run that is stopped


Listener = Callable[[str, RunResult | None], None]
"""
Hears that a connector's records changed: by a run that ended, and how unless it was stopped, or
outside of one. Never blocks or raises.
"""


class RunWatcher(Protocol):
    """Hears of runs, for metrics."""

    def run_done(self, result: RunResult) -> None:
        """Take note of a finished run."""
        ...

    def waiting(self, size_bytes: int) -> None:
        """Take note of the size of all sealed packages that wait for a sink or an operator."""
        ...

    def unknown(self, connector: str, streams: Mapping[str, int]) -> None:
        """Take note of how many values no table of a connector knows, by stream."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Runner:
    """
    Runs connectors. One for the process.

    Attributes:
        connectors: by name.
        blueprints: by connector, then by stream.
        sinks: by name.
        contexts: opens a connector's context.
        brakes: knows what holds requests back.
        identities: knows as whom connectors are signed in.
        slots: bounds the slices that are worked on at once, over all connectors.
        spool: has the downloads of a slice removed at its end.
        recompute: which partitions a changed recipe alone recomputes.
        reconciler: compares what a run committed with the provider's totals.
        listeners: hear of the end of every run, whoever asked for it, and of `record`.
    """

    engine: Engine
    state: StateStore
    connectors: Mapping[str, BoundConnector]
    blueprints: Mapping[str, Mapping[str, Blueprint]]
    sinks: Mapping[str, Sink]
    contexts: Contexts
    brakes: Brakes
    identities: Identities
    slots: anyio.CapacityLimiter
    spool: Spool
    watcher: RunWatcher
    now: Callable[[], datetime]
    recompute: Recompute
    reconciler: Reconciler
    running: dict[str, str] = field(default_factory=dict)
    listeners: list[Listener] = field(default_factory=list)
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
                self._tell(connector.name, None)
                raise
            finally:
                del self.running[connector.name]
            self._tell(connector.name, result)  # first: what follows may be stopped
            await self._finish(result)
            return result

    async def plan(self, request: RunRequest) -> tuple[list[Planned], list[RunError]]:
        """Tell what a run would do, without reading any data."""
        planned: list[Planned] = []
        found = Found()

        async def note(plan: StreamPlan) -> None:
            planned.extend(plan.planned)

        async def leave(_streams: Sequence[str], _error: RunError) -> None:
            """Put nothing on record."""

        await self._each_stream(request, found, note, leave)
        return planned, found.errors

    async def tell_unknown(self) -> None:
        """Have the watcher take note of what earlier runs left on record."""
        for name in self.connectors:
            await self._tell_unknown(name)

    async def unknown(self, connector: str) -> list[Unknown]:
        """Return the values that no table of a connector knows, of the streams that it has now."""
        streams = self.blueprints.get(connector, {})
        return [each for each in await unknowns(self.state, connector) if each.stream in streams]

    async def record(self, connector: str, result: SliceResult) -> None:
        """Put on record what became of a slice outside of a run."""
        await self.state.put_slices([slice_record(connector, result, self.now())])
        await self._tell_unknown(connector)
        self._tell(connector, None)

    async def _tell_unknown(self, connector: str) -> None:
        counts = dict.fromkeys(self.blueprints.get(connector, ()), 0)
        for each in await self.unknown(connector):
            counts[each.stream] += 1
        self.watcher.unknown(connector, counts)

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
            request,
            found,
            lambda plan: self._pass(plan, found, emit, force=request.force),
            lambda streams, error: self._missed(name, streams, error),
        )

    async def _pass(self, plan: StreamPlan, found: Found, emit: Emit, *, force: bool) -> None:
        """Take the planned slices of a stream through the engine."""
        blueprint = plan.blueprint
        await self.state.forget_stream(blueprint.connector.name, plan.stream.name)
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
        name, unlisted = blueprint.connector.name, [*plan.forgotten, *gone]
        await self.state.put_slices([slice_record(name, each, self.now()) for each in unlisted])
        await self.reconciler.afterwards(plan.stream, blueprint, found.slices)

    async def _missed(self, connector: str, streams: Sequence[str], error: RunError) -> None:
        """Put on record that *streams* could not be listed, and when they are to be again."""
        now = self.now()
        await self.state.put_streams(
            [stream_record(connector, stream, error, now) for stream in streams]
        )

    async def _each_stream(
        self, request: RunRequest, found: Found, visit: Visit, miss: Miss
    ) -> None:
        blueprints = {
            name: blueprint
            for name, blueprint in self.blueprints[request.connector].items()
            if request.streams is None or name in request.streams
        }
        try:
            bases = await read_bases(self.sinks, self.state)
            fed = [sink for blueprint in blueprints.values() for sink in blueprint.sinks]
            found.errors.extend(down_errors(bases.down, fed))
            await self.engine.failpoints.passed("ledger.read")
            memory = await memory_of(self.engine, request.connector)
            tour = Tour(
                request=request, bases=bases, memory=memory, found=found, visit=visit, miss=miss
            )
            due = self._due(tour, blueprints)
            if due or not blueprints:
                await self._through(tour, due)
        except Exception as exc:  # noqa: BLE001 - the border of a run: other connectors go on
            found.errors.append(border_error(exc, request.connector))

    def _due(self, tour: Tour, blueprints: Mapping[str, Blueprint]) -> dict[str, Blueprint]:
        """Return the streams that may be listed; each of the others is an error of the run."""
        due, now = {}, self.now()
        for name, blueprint in blueprints.items():
            wait = stream_wait(tour.memory.streams.get(name), tour.request.trigger, now)
            if wait is None:
                due[name] = blueprint
            else:
                tour.found.errors.append(waiting_error(wait, name))
        return due

    async def _through(self, tour: Tour, blueprints: Mapping[str, Blueprint]) -> None:
        """Open the connector and go through its streams, one after the other."""
        connector = self.connectors[tour.request.connector]
        ahead = list(blueprints)
        try:
            with single_error():
                async with (
                    self.contexts(connector, asked=tour.request.trigger.is_asked) as context,
                    connector.spec.open(connector.config, context) as streams,
                ):
                    while ahead:
                        name = ahead.pop(0)
                        await self._one(tour, streams[name], blueprints[name])
        except (SourceError, Parked) as exc:
            await tour.miss(ahead, run_error(exc, None))
            raise

    async def _one(self, tour: Tour, stream: Stream, blueprint: Blueprint) -> None:
        try:
            plan = await self._planned(tour, stream, blueprint)
        except (SourceError, Parked) as exc:
            error = run_error(exc, blueprint.stream.name)
            tour.found.errors.append(error)
            await tour.miss([blueprint.stream.name], error)
        else:
            await tour.visit(plan)

    async def _planned(self, tour: Tour, stream: Stream, blueprint: Blueprint) -> StreamPlan:
        request, bases, memory = tour.request, tour.bases, tour.memory
        bound, now = blueprint.stream, self.now()
        window = request.window or default_window(bound.spec, bound.start, now)
        planned = await plan_stream(
            stream,
            blueprint,
            window,
            bases,
            memory,
            now=now,
            trigger=request.trigger,
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

    def _tell(self, connector: str, result: RunResult | None) -> None:
        for listener in self.listeners:
            listener(connector, result)

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
            await self._tell_unknown(result.connector)
            self.watcher.waiting(sum(each.bytes for each in self.engine.waiting.values()))
            await to_thread.run_sync(self.engine.archive.enforce_quota)
        except OSError as exc:
            log.warning("the archive's quota cannot be kept", extra={"reason": str(exc)})
        except Exception:  # what the run did is on record; the rest must not undo it
            log.exception("a run could not be measured", extra={"connector": result.connector})
        for stream, values in unknown_values(result.slices).items():
            log.warning(
                "values that no table knows; their rows are kept",
                extra={"connector": result.connector, "stream": stream, "values": values},
            )
        log.info(
            "run ended",
            extra={
                "connector": result.connector,
                "run": result.run_id,
                "outcome": str(result.outcome),
                "slices": summary(result.slices),
            },
        )
