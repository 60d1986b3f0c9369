"""
Reconciles the months of a stream: asks the provider for its totals, compares, remembers.

    ogfd reconcile            the months that are asked for, or the newest that are held
    a run that committed      the newest months that it changed and that are over, where that is free,
                              and those that it changed and that were off before

A difference may have an excuse: `ogfd.runs.excuses`.

What a month came to last is in the state store; the metric is made from that, so it outlives a
restart. A check that fails leaves it as it was, and its error beside it.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import chain
from typing import Final, Protocol

from ogfd.plugin import NotPublished, Period, Sink, Stream, Totals
from ogfd.runs.blueprint import Blueprint
from ogfd.runs.border import border_error, down_errors
from ogfd.runs.excuses import Excuses, Versions
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

Ask = Callable[[str], Awaitable[Totals | None]]
"""`TotallingStream.totals`."""

Months = Mapping[str, Mapping[str, Sequence[Held]]]
"""Sink and billing period to the slices with rows of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Matter:
    """
    What the months of one reconciliation have in common.

    Attributes:
        months: what sinks held before the provider was asked for anything.
        excuses: for what differs.
    """

    blueprint: Blueprint
    ask: Ask | None
    months: Months
    excuses: Excuses


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

        async def asked(months: Months) -> list[str]:
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

        Months that are not over are left for later: the provider's totals move on by the hour. What
        was off and was changed is reconciled however old it is, as nobody else might.

        Args:
            stream: of a connector that is open.
            blueprint: of the stream.
            results: of the run, those of other streams among them.
        """
        if not blueprint.stream.spec.reconcile or not _totals(stream):
            return
        committed = {each.slice for each in results if each.outcome is Outcome.COMMITTED}

        async def changed(months: Months) -> list[str]:
            found = {
                month
                for each in months.values()
                for month, slices in each.items()
                if self._is_over(month) and any(held.entry.slice in committed for held in slices)
            }
            newest = sorted(found, reverse=True)[:_NEWEST]
            return sorted({*newest, *found & await self._off(blueprint)}, reverse=True)

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
        self, stream: Stream, blueprint: Blueprint, choose: Callable[[Months], Awaitable[list[str]]]
    ) -> Reconciled:
        done = Reconciled()
        try:
            months, versions = await self._held(blueprint, done)
            chosen = await choose(months)
            excuses = self._excuses(stream, blueprint, chosen, versions)
            matter = Matter(
                blueprint=blueprint, ask=_totals(stream), months=months, excuses=excuses
            )
            for month in chosen:
                if not await self._one(matter, month, done):
                    break  # what stops one month would most likely stop the others
            if chosen:
                self._measure(blueprint, await reconciliations(self.state))
        except Exception as exc:  # noqa: BLE001 - the border: other streams go on
            error = border_error(exc, blueprint.connector.name)
            done.errors.append(replace(error, stream=stream.name))
        return done

    async def _off(self, blueprint: Blueprint) -> set[str]:
        """Return the months that were off when they were reconciled last."""
        source = (blueprint.connector.name, blueprint.stream.name)
        return {
            each.billing_period
            for each in await reconciliations(self.state)
            if (each.connector, each.stream) == source and Agreement(each.result).is_bad
        }

    def _excuses(
        self, stream: Stream, blueprint: Blueprint, chosen: Sequence[str], versions: Versions
    ) -> Excuses:
        now = self.now()
        months = chosen or [f"{now:%Y-%m}"]
        window = Period.months(min(months), max(months))
        return Excuses(stream, blueprint, window, versions=versions, state=self.state, now=now)

    async def _held(self, blueprint: Blueprint, done: Reconciled) -> tuple[Months, Versions]:
        sinks = {name: self.sinks[name] for name in blueprint.sinks}
        bases = await read_bases(sinks, self.state)
        done.errors.extend(down_errors(bases.down, sinks))
        source = (blueprint.connector.name, blueprint.stream.name)
        mine = {
            name: [entry for entry in entries.values() if (entry.connector, entry.stream) == source]
            for name, entries in bases.entries.items()
        }
        versions: dict[str, set[str]] = {}
        for entry in chain.from_iterable(mine.values()):
            versions.setdefault(entry.slice, set()).add(entry.version)
        months = {
            name: await self.holdings.months(sink, mine[name])
            for name, sink in sinks.items()
            if name not in bases.down
        }
        return months, versions

    async def _one(self, matter: Matter, month: str, done: Reconciled) -> bool:
        """Reconcile a month; False if it failed."""
        blueprint = matter.blueprint
        try:
            totals, reason = await _asked(matter.ask, month)
            checks = [
                self._check(blueprint, month, sink, comparison, totals)
                for sink, held in matter.months.items()
                for comparison in await self._compared(
                    matter.excuses, month, held.get(month, ()), totals, reason
                )
            ]
        except Exception as exc:  # noqa: BLE001 - as in `_through`
            error = border_error(exc, blueprint.connector.name)
            error = replace(error, stream=blueprint.stream.name)
            done.errors.append(error)
            await self._failed(blueprint, month, error)
            return False
        done.checks.extend(checks)
        if matter.months:
            await self._record(blueprint, month, checks)
        return True

    async def _compared(
        self,
        excuses: Excuses,
        month: str,
        held: Sequence[Held],
        totals: Totals | None,
        reason: str,
    ) -> list[Comparison]:
        if totals is None:
            return [unverified(reason)] if held else []
        try:
            sums = await self.holdings.sums(held, month)
        except Inexact as exc:
            return [unverified(str(exc))]
        found = compared(sums, totals)
        if not any(each.agreement.is_bad for each in found):
            return found
        excuse = await excuses.of(Period.month(month), held, totals)
        hint = await excuses.hint(held) if excuse is None else None
        return compared(sums, totals, excuse=excuse, hint=hint)

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

    async def _record(self, blueprint: Blueprint, month: str, checks: Sequence[Check]) -> None:
        """Put on record what *checks* came to; none take back what others found before."""
        name, stream = blueprint.connector.name, blueprint.stream.name
        record = record_of(month, checks) if checks else unchecked(name, stream, month, self.now())
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


async def _asked(ask: Ask | None, month: str) -> tuple[Totals | None, str]:
    """Return the totals of a month, and why there are none if so."""
    if ask is None:
        return None, _NO_TOTALS
    try:
        return await ask(month), _NOT_PUBLISHED
    except NotPublished as exc:
        return None, f"{_NOT_PUBLISHED}: {exc}"


def _months(start: datetime, end: datetime) -> Iterator[str]:
    """Yield the months that begin in a period that begins with a month."""
    while start < end:
        month = Period.month(f"{start:%Y-%m}")
        yield str(month)
        start = month.end
