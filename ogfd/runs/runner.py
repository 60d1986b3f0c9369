"""Runs: one pass over a connector, whoever asked for it."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol
from uuid import uuid4

import anyio
from anyio import to_thread

from ogfd.plugin import (
    Context,
    ErrorClass,
    OgfdError,
    Parked,
    Period,
    Sink,
    SourceError,
    Stream,
)
from ogfd.registry import BoundConnector
from ogfd.runs.blueprint import Blueprint
from ogfd.runs.passage import Passage, slice_record
from ogfd.runs.planning import Planned, memory_of, plan_stream, vanished
from ogfd.runs.request import Emit, RunError, RunRequest, RunResult
from ogfd.runs.window import default_window
from ogfd.slices import Action, Bases, Engine, Recompute, SliceResult, read_bases
from ogfd.state import RunRecord, StateStore
from ogfd.traffic import Spool

log = logging.getLogger(__name__)

Visit = Callable[
    [Stream, Blueprint, list[Planned], Period, Bases], Awaitable[Sequence[SliceResult]]
]
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

    async def run(self, request: RunRequest, emit: Emit) -> RunResult:
        """
        Go once over a connector; waits for an earlier run of the same connector.

        May be cancelled and asked for again: what was committed stays committed.
        """
        async with self._turns[request.connector]:
            run_id = f"run-{uuid4().hex[:12]}"
            self.running[request.connector] = run_id
            started = self.now()
            connector = self.connectors[request.connector]
            record = RunRecord(
                run_id=run_id,
                connector=connector.name,
                trigger=str(request.trigger),
                outcome="running",
                started_at=started,
            )
            await self.state.put_run(record)
            log.info("run begins", extra={"connector": connector.name, "run": run_id})
            emit({"event": "run", "run_id": run_id, "connector": connector.name})
            try:
                slices, errors = await self._over(request, emit)
            finally:
                del self.running[request.connector]
            result = RunResult(
                run_id=run_id,
                connector=connector.name,
                provider=connector.spec.provider,
                trigger=request.trigger,
                started_at=started,
                ended_at=self.now(),
                slices=slices,
                errors=errors,
            )
            await self._finish(result)
            return result

    async def plan(self, request: RunRequest) -> tuple[list[Planned], list[RunError]]:
        """Tell what a run would do, without reading any data."""
        planned: list[Planned] = []

        async def note(
            _stream: Stream, _blueprint: Blueprint, found: list[Planned], _window: Period, _: Bases
        ) -> list[SliceResult]:
            planned.extend(found)
            return []

        _, errors = await self._each_stream(request, note)
        return planned, errors

    async def record(self, connector: str, result: SliceResult) -> None:
        """Put on record what became of a slice outside of a run."""
        await self.state.put_slices([slice_record(connector, result, self.now())])

    async def _over(
        self, request: RunRequest, emit: Emit
    ) -> tuple[list[SliceResult], list[RunError]]:
        async def go(
            stream: Stream,
            blueprint: Blueprint,
            planned: list[Planned],
            window: Period,
            bases: Bases,
        ) -> list[SliceResult]:
            emit({"event": "planned", "stream": stream.name, "slices": len(planned)})
            passage = Passage(
                engine=self.engine,
                state=self.state,
                sinks=self.sinks,
                slots=self.slots,
                spool=self.spool,
                stream=stream,
                blueprint=blueprint,
                emit=emit,
                force=request.force,
            )
            by_slice = {}
            for each in planned:
                if each.decision.action is Action.READ:
                    entries = bases.of(each.slice)
                    by_slice[each.slice] = {sink: entries[sink] for sink in blueprint.sinks}
            results = await passage.go(planned, by_slice)
            gone = vanished(planned, blueprint, window, bases)
            name = blueprint.connector.name
            await self.state.put_slices([slice_record(name, each, self.now()) for each in gone])
            return results + gone

        return await self._each_stream(request, go)

    async def _each_stream(
        self, request: RunRequest, visit: Visit
    ) -> tuple[list[SliceResult], list[RunError]]:
        connector = self.connectors[request.connector]
        results: list[SliceResult] = []
        errors: list[RunError] = []
        bases = await read_bases(self.sinks, self.state)
        await self.engine.failpoints.passed("ledger.read")
        memory = await memory_of(self.engine, connector.name)
        try:
            async with (
                self.contexts(connector) as context,
                connector.spec.open(connector.config, context) as streams,
            ):
                for name, blueprint in self.blueprints[connector.name].items():
                    if request.streams is not None and name not in request.streams:
                        continue
                    window = request.window or default_window(
                        blueprint.stream.spec, blueprint.stream.start, self.now()
                    )
                    try:
                        planned = await plan_stream(
                            streams[name],
                            blueprint,
                            window,
                            bases,
                            memory,
                            now=self.now(),
                            force=request.force,
                            recompute=self.recompute,
                            failpoints=self.engine.failpoints,
                        )
                    except (SourceError, Parked) as exc:
                        errors.append(_run_error(exc, name))
                        continue
                    results += await visit(streams[name], blueprint, planned, window, bases)
        except Exception as exc:  # noqa: BLE001 - the border of a run: other connectors go on
            errors.append(_border_error(exc, connector.name))
        return results, errors

    async def _finish(self, result: RunResult) -> None:
        error = result.errors[0] if result.errors else None
        await self.state.put_run(
            RunRecord(
                run_id=result.run_id,
                connector=result.connector,
                trigger=str(result.trigger),
                outcome=str(result.outcome),
                started_at=result.started_at,
                ended_at=result.ended_at,
                error_class=result.error_class and str(result.error_class),
                error=None if error is None else error.message,
                document=result.as_json() | {"slices": _summary(result.slices)},
            )
        )
        self.watcher.run_done(result)
        self.watcher.waiting(sum(each.bytes for each in self.engine.waiting.values()))
        await to_thread.run_sync(self.engine.archive.enforce_quota)
        log.info(
            "run ended",
            extra={
                "connector": result.connector,
                "run": result.run_id,
                "outcome": str(result.outcome),
                "slices": _summary(result.slices),
            },
        )


def _border_error(exc: Exception, connector: str) -> RunError:
    while isinstance(exc, ExceptionGroup):
        exc = exc.exceptions[0]
    if isinstance(exc, OgfdError):
        return _run_error(exc, None)
    log.error("a defect stopped a run", extra={"connector": connector}, exc_info=exc)
    return RunError(error_class=ErrorClass.FATAL, message=f"a defect: {type(exc).__name__}: {exc}")


def _run_error(exc: OgfdError, stream: str | None) -> RunError:
    known = getattr(exc, "error_class", ErrorClass.FATAL)
    return RunError(error_class=known, message=str(exc), stream=stream)


def _summary(slices: Sequence[SliceResult]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for result in slices:
        counts[str(result.outcome)] = counts.get(str(result.outcome), 0) + 1
    return counts
