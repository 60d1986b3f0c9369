"""
Reconciles the months of a stream: asks the provider for its totals, compares, remembers.

    ogfd reconcile            the months that are asked for, or the newest that are held
    a run that committed      the newest months that it changed and that are over, where that is free

What a month came to last is in the state store; the metric is made from that, so it outlives a
restart. A check that fails leaves it as it was, and its error beside it.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final, Protocol

from ogfd.plugin import NotPublished, Period, Sink, Stream, Totals
from ogfd.runs.blueprint import Blueprint
from ogfd.runs.border import border_error, down_errors
from ogfd.runs.reconciled import (
    Check,
    Reconciled,
    drift_of,
    record_of,
    unchecked,
    with_error,
)
from ogfd.runs.request import RunError
from ogfd.runs.window import default_window
from ogfd.slices import (
    Agreement,
    Comparison,
    Held,
    Holdings,
    Inexact,
    Outcome,
    SliceResult,
    compared,
    read_bases,
    unverified,
)
from ogfd.state import StateError, StateStore
from ogfd.state.reconciliations import Reconciliation, put_reconciliation, reconciliations

log = logging.getLogger(__name__)

_NEWEST: Final = 3
"""How many months are reconciled unless others are asked for; further requests may cost money."""

_NO_TOTALS: Final = "the connector has no totals of this stream"
_NOT_PUBLISHED: Final = "the provider gives no totals of this month"
_NOT_OVER: Final = "it differs, but the month is not over: its totals move on"
_FILTERED: Final = "it differs, but the setting accounts leaves rows out that totals may have"

Ask = Callable[[str], Awaitable[Totals | None]]
"""`TotallingStream.totals`."""

Months = Mapping[str, Mapping[str, Sequence[Held]]]
"""Sink and billing period to the slices with rows of it."""


class DriftWatcher(Protocol):
    """Hears of drift, for metrics."""

    def reconciled(self, connector: str, provider: str, stream: str, drift: float | None) -> None:
        """Take note of a stream's largest drift as a share; None if nothing could be verified."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconciler:
    """
    Reconciles streams. One for the process.

    Attributes:
        sinks: by name.
        holdings: tells what they hold of a billing period.
        watcher: hears of drift.
        now: UTC clock.
    """

    state: StateStore
    sinks: Mapping[str, Sink]
    holdings: Holdings
    watcher: DriftWatcher
    now: Callable[[], datetime]

    async def reconcile(
        self, stream: Stream, blueprint: Blueprint, window: Period | None
    ) -> Reconciled:
        """
        Reconcile the months of *window*, or the `_NEWEST` that a sink holds, newest first.

        Whatever stops it is an error of the result. May be cancelled and called again.

        Args:
            stream: of a connector that is open.
            blueprint: of the stream.
            window: months that are held, and months since the stream's start whether or not.
        """

        def asked(months: Months) -> list[str]:
            held = {month for each in months.values() for month in each}
            if window is None:
                return sorted(held, reverse=True)[:_NEWEST]
            bound = blueprint.stream
            due = default_window(bound.spec, bound.start, self.now())
            chosen = {month for month in held if Period.month(month).overlaps(window)}
            chosen.update(_months(max(window.start, due.start), min(window.end, due.end)))
            return sorted(chosen, reverse=True)

        return await self._through(stream, blueprint, asked)

    async def afterwards(
        self, stream: Stream, blueprint: Blueprint, results: Iterable[SliceResult]
    ) -> None:
        """
        Reconcile the newest months that a run changed, if that is free; never fails.

        Months that are not over are left for later: the provider's totals move on by the hour.

        Args:
            stream: of a connector that is open.
            blueprint: of the stream.
            results: of the run, those of other streams among them.
        """
        if not blueprint.stream.spec.reconcile or not _totals(stream):
            return
        committed = {each.slice for each in results if each.outcome is Outcome.COMMITTED}

        def changed(months: Months) -> list[str]:
            found = {
                month
                for each in months.values()
                for month, slices in each.items()
                if self._is_over(month) and any(held.entry.slice in committed for held in slices)
            }
            return sorted(found, reverse=True)[:_NEWEST]

        mine = f"{blueprint.connector.name}/{stream.name}/"
        if not any(name.startswith(mine) for name in committed):
            return
        done = await self._through(stream, blueprint, changed)
        for error in done.errors:
            log.warning(
                "a stream could not be reconciled",
                extra={
                    "connector": blueprint.connector.name,
                    "stream": stream.name,
                    "reason": error.message,
                },
            )

    async def restore(self, blueprints: Mapping[str, Mapping[str, Blueprint]]) -> None:
        """Record the drift of all *blueprints*, by connector and stream, as it was known last."""
        records = await reconciliations(self.state)
        for streams in blueprints.values():
            for blueprint in streams.values():
                self._measure(blueprint, records)

    async def _through(
        self, stream: Stream, blueprint: Blueprint, choose: Callable[[Months], list[str]]
    ) -> Reconciled:
        done = Reconciled()
        try:
            months = await self._held(blueprint, done)
            for month in choose(months):
                if not await self._one(stream, blueprint, month, months, done):
                    break  # what stops one month would most likely stop the others
            if done.checks:
                self._measure(blueprint, await reconciliations(self.state))
        except Exception as exc:  # noqa: BLE001 - the border: other streams go on
            error = border_error(exc, blueprint.connector.name)
            done.errors.append(replace(error, stream=stream.name))
        return done

    async def _held(self, blueprint: Blueprint, done: Reconciled) -> Months:
        sinks = {name: self.sinks[name] for name in blueprint.sinks}
        bases = await read_bases(sinks, self.state)
        done.errors.extend(down_errors(bases.down, sinks))
        source = (blueprint.connector.name, blueprint.stream.name)
        return {
            name: await self.holdings.months(
                sink,
                [
                    entry
                    for entry in bases.entries[name].values()
                    if (entry.connector, entry.stream) == source
                ],
            )
            for name, sink in sinks.items()
            if name not in bases.down
        }

    async def _one(
        self, stream: Stream, blueprint: Blueprint, month: str, months: Months, done: Reconciled
    ) -> bool:
        """Reconcile a month; False if it failed."""
        ask = _totals(stream)
        try:
            totals = None if ask is None else await _asked(ask, month)
            checks = [
                self._check(blueprint, month, sink, comparison, totals)
                for sink, held in months.items()
                for comparison in await self._compared(
                    blueprint, month, held.get(month, ()), totals, has_totals=ask is not None
                )
            ]
        except Exception as exc:  # noqa: BLE001 - as in `_through`
            error = replace(border_error(exc, blueprint.connector.name), stream=stream.name)
            done.errors.append(error)
            await self._failed(blueprint, month, error)
            return False
        done.checks.extend(checks)
        if ask is not None and checks:
            await self._record(month, checks)
        return True

    async def _compared(
        self,
        blueprint: Blueprint,
        month: str,
        held: Sequence[Held],
        totals: Totals | None,
        *,
        has_totals: bool,
    ) -> list[Comparison]:
        if totals is None:
            return [unverified(_NOT_PUBLISHED if has_totals else _NO_TOTALS)] if held else []
        try:
            sums = await self.holdings.sums(held, month)
        except Inexact as exc:
            return [unverified(str(exc))]
        return compared(sums, totals, excuse=self._excuse(blueprint, month))

    def _excuse(self, blueprint: Blueprint, month: str) -> str | None:
        if not self._is_over(month):
            return _NOT_OVER
        accounts = blueprint.connector.table.accounts
        return _FILTERED if accounts.include or accounts.exclude else None

    def _check(
        self,
        blueprint: Blueprint,
        month: str,
        sink: str,
        comparison: Comparison,
        totals: Totals | None,
    ) -> Check:
        return Check(
            connector=blueprint.connector.name,
            stream=blueprint.stream.name,
            billing_period=month,
            sink=sink,
            comparison=comparison,
            totals=totals,
            checked_at=self.now(),
        )

    async def _record(self, month: str, checks: Sequence[Check]) -> None:
        record = record_of(month, checks)
        await put_reconciliation(self.state, record)
        if Agreement(record.result).is_bad:
            log.warning(
                "committed sums are not the provider's totals",
                extra={
                    "connector": record.connector,
                    "stream": record.stream,
                    "billing_period": month,
                    "result": record.result,
                },
            )

    async def _failed(self, blueprint: Blueprint, month: str, error: RunError) -> None:
        name, stream, now = blueprint.connector.name, blueprint.stream.name, self.now()
        try:
            known = {
                (each.connector, each.stream, each.billing_period): each
                for each in await reconciliations(self.state)
            }
            record = known.get((name, stream, month)) or unchecked(name, stream, month, now)
            await put_reconciliation(self.state, with_error(record, error, now))
        except StateError as exc:
            log.warning("a failed reconciliation stays unrecorded", extra={"reason": str(exc)})

    def _measure(self, blueprint: Blueprint, records: Iterable[Reconciliation]) -> None:
        connector, stream = blueprint.connector, blueprint.stream.name
        mine = (
            record
            for record in records
            if (record.connector, record.stream) == (connector.name, stream)
        )
        drift = drift_of(mine, blueprint.sinks)
        self.watcher.reconciled(connector.name, connector.spec.provider, stream, drift)

    def _is_over(self, month: str) -> bool:
        return Period.month(month).end <= self.now()


def _totals(stream: Stream) -> Ask | None:
    ask: Ask | None = getattr(stream, "totals", None)
    return ask


async def _asked(ask: Ask, month: str) -> Totals | None:
    try:
        return await ask(month)
    except NotPublished:
        return None


def _months(start: datetime, end: datetime) -> Iterator[str]:
    """Yield the months that begin in a period that begins with a month."""
    while start < end:
        month = Period.month(f"{start:%Y-%m}")
        yield str(month)
        start = month.end
