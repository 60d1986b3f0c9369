"""One stream's passage through a run: plan, make slices current, record."""

from __future__ import annotations

import errno
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from time import monotonic
from typing import Final

import anyio

from ogfd.plugin import (
    ErrorClass,
    LedgerEntry,
    NotPublished,
    OgfdError,
    Partition,
    Sink,
    Stream,
)
from ogfd.runs.blueprint import Blueprint
from ogfd.runs.context import slice_scope
from ogfd.runs.planning import Planned
from ogfd.runs.recording import slice_record
from ogfd.runs.request import Emit
from ogfd.slices import Action, Engine, Outcome, SliceResult, Work, read_bases
from ogfd.state import SliceRecord, StateStore
from ogfd.traffic import Spool

log = logging.getLogger(__name__)

_PASSIVE: Final = {
    Action.UNCHANGED: Outcome.UNCHANGED,
    Action.HELD: Outcome.HELD,
    Action.PARKED: Outcome.FAILED,
}
_DISK_FULL_WAIT: Final = timedelta(minutes=5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Passage:
    """Takes the planned slices of one stream through the engine."""

    engine: Engine
    state: StateStore
    sinks: Mapping[str, Sink]
    slots: anyio.CapacityLimiter
    spool: Spool
    stream: Stream
    blueprint: Blueprint
    emit: Emit
    force: bool

    async def go(
        self,
        planned: Sequence[Planned],
        bases: Mapping[str, Mapping[str, LedgerEntry | None]],
        results: list[SliceResult],
    ) -> None:
        """
        Make *planned* current, at most as many at once as there are slots, in their order.

        Args:
            planned: newest first.
            bases: by slice, then by sink.
            results: gets the result of each slice as soon as there is one, so that they outlive
                an error of the passage.
        """
        passive = [each for each in planned if each.decision.action is not Action.READ]
        records = []
        for each in passive:
            result = await self._settled(each)
            results.append(result)
            # A slice that waits keeps its record: it says until when, why, and how often it failed.
            if each.decision.action is not Action.PARKED:
                records.append(self._record(result))
            self.emit({"event": "slice", **result.as_json()})
        await self.state.put_slices(records)
        async with anyio.create_task_group() as tasks:
            for each in planned:
                if each.decision.action is Action.READ:
                    await self.slots.acquire_on_behalf_of(each)
                    tasks.start_soon(self._one, each, bases[each.slice], results)

    async def _settled(self, planned: Planned) -> SliceResult:
        decision, wait = planned.decision, planned.decision.wait

        async def settled() -> SliceResult:
            if decision.action is Action.UNCHANGED and decision.reason is None:
                await self.engine.settle(planned.slice, decision.target or "")
            return SliceResult(
                slice=planned.slice,
                outcome=_PASSIVE[decision.action],
                reason=decision.reason,
                target=decision.target,
                version=planned.partition.version,
                error_class=wait.error_class if wait else None,
                next_due=wait.until if wait else None,
            )

        return await self._guarded(planned.slice, settled)

    async def _one(
        self,
        planned: Planned,
        bases: Mapping[str, LedgerEntry | None],
        results: list[SliceResult],
    ) -> None:
        work = Work(
            slice=planned.slice,
            partition=planned.partition,
            stream=self.stream,
            shape=self.blueprint.shape,
            recipe=self.blueprint.recipe,
            header=self.blueprint.header(planned.partition),
            relist=lambda: self._relisted(planned.partition),
        )
        try:
            with slice_scope(planned.slice, self.emit):
                started = monotonic()
                self.emit({"event": "begin", "slice": planned.slice})
                async with self.spool.slice():
                    result = await self._guarded(
                        planned.slice,
                        lambda: self.engine.make_current(work, bases, force=self.force),
                    )
                result = replace(result, seconds=monotonic() - started)
                results.append(result)
                await self.state.put_slices([self._record(result)])
                await self.engine.failpoints.passed("state.recorded")
                self.emit({"event": "slice", **result.as_json()})
        finally:
            self.slots.release_on_behalf_of(planned)

    async def _guarded(self, slice: str, step: Callable[[], Awaitable[SliceResult]]) -> SliceResult:
        """Turn every way a slice can fail into its result; the other slices go on."""
        try:
            return await step()
        except NotPublished as exc:
            return SliceResult(slice=slice, outcome=Outcome.PENDING, reason=str(exc))
        except OgfdError as exc:
            error_class = getattr(exc, "error_class", ErrorClass.FATAL)
            return _failed(slice, str(exc), error_class, getattr(exc, "next_due", None))
        except OSError as exc:
            return _disk(slice, exc, self.engine.now())
        except Exception as exc:
            # The border of a slice: a defect in a connector must not stop the other slices.
            log.exception("a defect stopped a slice", extra={"slice": slice})
            return _failed(slice, f"a defect: {type(exc).__name__}: {exc}", ErrorClass.FATAL)

    async def _relisted(
        self, partition: Partition
    ) -> tuple[Partition, dict[str, LedgerEntry | None]] | None:
        bases = await read_bases(self.sinks, self.state)
        for listed in await self.stream.partitions(partition.period):
            if listed.key == partition.key:
                entries = bases.of(self.blueprint.slice(partition))
                return listed, {sink: entries[sink] for sink in self.blueprint.sinks}
        return None

    def _record(self, result: SliceResult) -> SliceRecord:
        return slice_record(self.blueprint.connector.name, result, self.engine.now())


def _disk(slice: str, exc: OSError, now: datetime) -> SliceResult:
    if exc.errno in {errno.ENOSPC, errno.EDQUOT}:
        reason = "the disk of [daemon] state_dir is full; free some room"
        return _failed(slice, reason, ErrorClass.TRANSIENT, now + _DISK_FULL_WAIT)
    log.error("the system refused", extra={"slice": slice}, exc_info=exc)
    where = f" ({exc.filename})" if exc.filename else ""
    return _failed(slice, f"{exc.strerror or exc}{where}", ErrorClass.FATAL)


def _failed(
    slice: str, reason: str, error_class: ErrorClass, next_due: datetime | None = None
) -> SliceResult:
    return SliceResult(
        slice=slice,
        outcome=Outcome.FAILED,
        reason=reason,
        error_class=error_class,
        next_due=next_due,
    )
