"""Find out what a stream's slices need, without reading any data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from ogfd.plugin import Partition, Period, Stream
from ogfd.runs.blueprint import Blueprint, checked
from ogfd.runs.due import next_try, slice_wait
from ogfd.runs.request import Trigger
from ogfd.slices import (
    Action,
    Bases,
    Decision,
    Engine,
    Failpoints,
    Known,
    Outcome,
    Recompute,
    Rules,
    SliceResult,
    decide,
)
from ogfd.state import SliceRecord, StreamRecord, Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """A slice and what is to be done about it."""

    slice: str
    partition: Partition
    decision: Decision

    def as_json(self) -> dict[str, Any]:
        """Return the document that ``ogfd plan`` shows."""
        price, wait = self.partition.price, self.decision.wait
        return {
            "slice": self.slice,
            "action": str(self.decision.action),
            "reason": self.decision.reason,
            "next_due": wait and wait.until and wait.until.isoformat(),
            "size_bytes": self.partition.size_bytes,
            "requests": self.partition.requests,
            "price": price and {"amount": str(price.amount), "currency": price.currency},
            "version": self.partition.version,
            "state": str(self.partition.state),
        }


def plan_total(planned: Sequence[Planned]) -> dict[str, Any]:
    """Return how much is to be read, and what the provider charges for it by list price."""
    read = [each.partition for each in planned if each.decision.action is Action.READ]
    prices: dict[str, Decimal] = {}
    for price in (each.price for each in read if each.price is not None):
        prices[price.currency] = prices.get(price.currency, Decimal(0)) + price.amount
    return {
        "slices": len(planned),
        "to_read": len(read),
        "size_bytes": sum(each.size_bytes or 0 for each in read),
        "paid_requests": sum(each.requests or 0 for each in read if each.price is not None),
        "prices": [
            {"amount": str(amount), "currency": currency}
            for currency, amount in sorted(prices.items())
        ],
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """
    What this process knows of a connector's slices.

    Attributes:
        streams: those that could not be listed, by name.
        records: by slice.
        verdicts: by slice, then by target.
        waiting: slice to the target of the package that waits for it.
    """

    streams: Mapping[str, StreamRecord]
    records: Mapping[str, SliceRecord]
    verdicts: Mapping[str, Mapping[str, Verdict]]
    waiting: Mapping[str, str]

    def of(
        self, slice: str, bases: Bases, sinks: Sequence[str], trigger: Trigger, now: datetime
    ) -> Known:
        """Return what is known of *slice* for the decision of a run of *trigger*."""
        entries, record = bases.of(slice), self.records.get(slice)
        return Known(
            bases={sink: entries[sink] for sink in sinks},
            record=record,
            verdicts=self.verdicts.get(slice, {}),
            waiting=self.waiting.get(slice),
            wait=slice_wait(record, trigger, now),
        )


async def memory_of(engine: Engine, connector: str) -> Memory:
    """Gather what this process knows of a connector's slices."""
    state = engine.state
    verdicts: dict[str, dict[str, Verdict]] = {}
    for (name, target), verdict in (await state.verdicts()).items():
        verdicts.setdefault(name, {})[target] = verdict
    return Memory(
        streams=await state.streams(connector),
        records=await state.slices(connector),
        verdicts=verdicts,
        waiting={name: package.info.target for name, package in engine.waiting.items()},
    )


async def plan_stream(
    stream: Stream,
    blueprint: Blueprint,
    window: Period,
    bases: Bases,
    memory: Memory,
    *,
    now: datetime,
    trigger: Trigger,
    force: bool,
    recompute: Recompute,
    failpoints: Failpoints,
) -> list[Planned]:
    """
    List the stream's partitions and decide about each, newest first.

    *bases* must have been read before the call: the compare-and-swap relies on it.

    Raises:
        SourceError: if the provider could not be asked, or lists what cannot be.
    """
    partitions = checked(await stream.partitions(window))
    await failpoints.passed("source.listed")
    rules = Rules(
        now=now,
        force=force,
        recompute=recompute,
        refresh=blueprint.stream.spec.refresh,
    )
    planned = []
    for partition in partitions:
        name = blueprint.slice(partition)
        known = memory.of(name, bases, blueprint.sinks, trigger, now)
        planned.append(
            Planned(
                slice=name,
                partition=partition,
                decision=decide(partition, blueprint.recipe, known, rules),
            )
        )
    return planned


def vanished(
    planned: Sequence[Planned], blueprint: Blueprint, window: Period, bases: Bases
) -> list[SliceResult]:
    """Report slices that a sink holds but the provider no longer lists; their rows are kept."""
    listed = {each.slice for each in planned}
    gone = {
        entry.slice
        for sink in blueprint.sinks
        for entry in bases.entries[sink].values()
        if entry.connector == blueprint.connector.name
        and entry.stream == blueprint.stream.name
        and entry.rows
        and entry.period.overlaps(window)
        and entry.slice not in listed
    }
    reason = "the provider no longer lists it; its rows are kept"
    return [SliceResult(slice=name, outcome=Outcome.ABSENT, reason=reason) for name in sorted(gone)]


def forgotten(
    planned: Sequence[Planned], blueprint: Blueprint, memory: Memory, now: datetime
) -> list[SliceResult]:
    """Report slices of a stream that failed, whose wait is over, and that are no longer listed."""
    listed = {each.slice for each in planned}
    return [
        SliceResult(slice=name, outcome=Outcome.ABSENT, reason="it is no longer listed")
        for name, record in memory.records.items()
        if record.stream == blueprint.stream.name
        and name not in listed
        and record.outcome == Outcome.FAILED
        and ((due := next_try(record)) is None or due <= now)
    ]
