"""One stream's passage through a run: plan, make slices current, record."""

from __future__ import annotations

import errno
import logging
from collections.abc import Mapping, Sequence
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
        self, planned: Sequence[Planned], bases: Mapping[str, Mapping[str, LedgerEntry | None]]
    ) -> list[SliceResult]:
        """
        Make *planned* current, at most as many at once as there are slots, in their order.

        Args:
            planned: newest first.
            bases: by slice, then by sink.
        """
        passive = [each for each in planned if each.decision.action is not Action.READ]
        results = [await self._settled(each) for each in passive]
        # A parked slice keeps its record: it says until when, and why.
        await self.state.put_slices(
            [
                self._record(result)
                for each, result in zip(passive, results, strict=True)
                if each.decision.action is not Action.PARKED
            ]
        )
        for result in results:
            self.emit({"event": "slice", **result.as_json()})
        async with anyio.create_task_group() as tasks:
            for each in planned:
                if each.decision.action is Action.READ:
                    await self.slots.acquire_on_behalf_of(each)
                    tasks.start_soon(self._one, each, bases[each.slice], results)
        return results

    async def _settled(self, planned: Planned) -> SliceResult:
        decision = planned.decision
        if decision.action is Action.UNCHANGED and decision.reason is None:
            await self.engine.settle(planned.slice, decision.target or "")
        return SliceResult(
            slice=planned.slice,
            outcome=_PASSIVE[decision.action],
            reason=decision.reason,
            target=decision.target,
            version=planned.partition.version,
            error_class=ErrorClass.TRANSIENT if decision.action is Action.PARKED else None,
        )

    async def _one(
        self,
        planned: Planned,
        bases: Mapping[str, LedgerEntry | None],
        results: list[SliceResult],
    ) -> None:
        try:
            with slice_scope(planned.slice, self.emit):
                started = monotonic()
                self.emit({"event": "begin", "slice": planned.slice})
                work = Work(
                    slice=planned.slice,
                    partition=planned.partition,
                    stream=self.stream,
                    shape=self.blueprint.shape,
                    recipe=self.blueprint.recipe,
                    header=self.blueprint.header(planned.partition),
                    relist=lambda: self._relisted(planned.partition),
                )
                async with self.spool.slice():
                    result = await self._guarded(work, bases)
                result = replace(result, seconds=monotonic() - started)
                await self.state.put_slices([self._record(result)])
                await self.engine.failpoints.passed("state.recorded")
                results.append(result)
                self.emit({"event": "slice", **result.as_json()})
        finally:
            self.slots.release_on_behalf_of(planned)

    async def _guarded(self, work: Work, bases: Mapping[str, LedgerEntry | None]) -> SliceResult:
        """Turn every way a slice can fail into its result; the other slices go on."""
        try:
            return await self.engine.make_current(work, bases, force=self.force)
        except NotPublished as exc:
            return SliceResult(slice=work.slice, outcome=Outcome.PENDING, reason=str(exc))
        except OgfdError as exc:
            error_class = getattr(exc, "error_class", ErrorClass.FATAL)
            return _failed(work.slice, str(exc), error_class, getattr(exc, "next_due", None))
        except OSError as exc:
            return _disk(work.slice, exc, self.engine.now())
        except Exception as exc:
            # The border of a slice: a defect in a connector must not stop the other slices.
            log.exception("a defect stopped a slice", extra={"slice": work.slice})
            reason = f"a defect: {type(exc).__name__}: {exc}"
            return _failed(work.slice, reason, ErrorClass.FATAL)

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


def slice_record(connector: str, result: SliceResult, now: datetime) -> SliceRecord:
    """Return what the state store keeps of a result."""
    return SliceRecord(
        slice=result.slice,
        connector=connector,
        outcome=str(result.outcome),
        updated_at=now,
        target=result.target,
        version=result.version,
        reason=result.reason,
        error_class=result.error_class and str(result.error_class),
        read_at=now if result.is_settled else None,
        next_due=result.next_due,
    )


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
