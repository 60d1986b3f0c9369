"""
Why committed sums may differ from totals though nothing is lost: a difference that is no drift.

    the month is not over                  its totals move on
    it begins before the stream does       only what came late of it was read
    accounts are left out                  if the totals have them
    it was read with other settings        until `ogfd apply`, of other accounts than totals are of
    the provider has not closed it         late rows come, and to two doors not in the same hour
    the source was changed since           rows of what is held are compared with a newer state

The last two are asked of the stream, by the list that a run would begin with, and only where there is
a difference. What a run has looked at and could not bring home is no excuse, nor what nobody has
looked at for long: then rows are late, and somebody should hear of it. Of a month of which nothing at
all is held they are none either.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from ogfd.plugin import Partition, PartitionState, Period, Stream, Totals
from ogfd.runs.blueprint import Blueprint
from ogfd.runs.request import RunOutcome
from ogfd.runs.window import default_window
from ogfd.slices import Held, Outcome, recipe
from ogfd.state import StateStore

_NOT_OVER: Final = "the month is not over: its totals move on"
_EARLIER: Final = "the stream starts later: only what came late of the month was read"
_FILTERED: Final = "the setting accounts leaves rows out that totals may have"
_NOT_CLOSED: Final = "the provider has not closed the month: its totals move on"
_OTHERWISE: Final = "read with other settings; see ogfd apply"
_CHANGED: Final = "changed since the last run"
_GONE: Final = "no longer listed by the provider, and the rows are kept"

_CHOOSING: Final = ("accounts", "config", "stream")
"""What of a recipe decides which rows there are; the rest decides what they look like."""
_LATEST: Final = timedelta(days=8)
"""How long ago the last run may be: a week, as some schedules are, and a bit."""
_RUNS: Final = 50  # to look through for one that did not fail
_STUCK: Final = frozenset({str(Outcome.FAILED), str(Outcome.HELD)})
_LOOKED: Final = frozenset({str(RunOutcome.SUCCEEDED), str(RunOutcome.PARTIAL), "running"})

Versions = Mapping[str, AbstractSet[str]]
"""Slice to the versions that sinks hold of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Listed:
    """What the source has now; *changed* are the slices of which no run has seen that yet."""

    partitions: Mapping[str, Partition]
    changed: frozenset[str]


class Excuses:
    """
    Finds excuses for the months of a stream; asks the source once at most.

    Args:
        stream: of a connector that is open.
        blueprint: of the stream.
        window: has all the months.
        versions: what sinks held before the totals were asked for.
        state: knows earlier runs.
        now: in UTC.
    """

    def __init__(
        self,
        stream: Stream,
        blueprint: Blueprint,
        window: Period,
        *,
        versions: Versions,
        state: StateStore,
        now: datetime,
    ) -> None:
        self._stream = stream
        self._blueprint = blueprint
        self._window = window
        self._versions = versions
        self._state = state
        self._now = now
        self._listed: _Listed | None = None

    async def of(self, month: Period, held: Sequence[Held], totals: Totals) -> str | None:
        """
        Return why sums of *month* may differ from *totals*; None if nothing explains it.

        Args:
            month: the billing period.
            held: the slices with rows of it that the sink holds.
            totals: what they differ from.

        Raises:
            SourceError, Parked: if the source cannot be asked.
            StateError: if the state store cannot be read.
        """
        found = self._settings(month, held, totals)
        if found is None and held:
            found = await self._source(month, held)
        return found and f"it differs, but {found}"

    async def hint(self, held: Sequence[Held]) -> str | None:
        """
        Return what a drift comes from if *held* has rows that the source has not any more.

        That is none of the excuses: whether they were cut off by age there, or stand somewhere
        else and are held twice, is for somebody to find out.

        Raises:
            SourceError, Parked: if the source cannot be asked.
        """
        if not held:
            return None
        listed = await self._now_listed()
        entries = [each.entry for each in held if each.entry.period.overlaps(self._window)]
        gone = [entry.slice for entry in entries if entry.slice not in listed.partitions]
        return _named(gone, _GONE)

    def _settings(self, month: Period, held: Sequence[Held], totals: Totals) -> str | None:
        """Return the excuse that needs no question."""
        if self._now < month.end:
            return _NOT_OVER
        bound = self._blueprint.stream
        start = default_window(bound.spec, bound.start, self._now).start
        first = min((each.entry.period.start for each in held), default=start)
        if month.start < start <= first:
            return _EARLIER
        accounts = self._blueprint.connector.table.accounts
        if (accounts.include or accounts.exclude) and not totals.selected:
            return _FILTERED
        otherwise = [each.entry.slice for each in held if self._is_otherwise(each)]
        return _named(otherwise, _OTHERWISE)

    def _is_otherwise(self, held: Held) -> bool:
        """Tell whether settings that choose rows may have been others when *held* was read."""
        now = self._blueprint.recipe
        if held.entry.recipe == now.id:
            return False
        then = held.part.recipe
        return then is None or _chosen(then) != _chosen(now.body)

    async def _source(self, month: Period, held: Sequence[Held]) -> str | None:
        listed = await self._now_listed()
        own = {name for name, each in listed.partitions.items() if each.period.overlaps(month)}
        if any(listed.partitions[name].state is PartitionState.CLOSING for name in own):
            return _NOT_CLOSED
        own.update(each.entry.slice for each in held)
        return _named(sorted(own & listed.changed), _CHANGED)

    async def _now_listed(self) -> _Listed:
        if self._listed is None:
            found = await self._stream.partitions(self._window)
            partitions = {self._blueprint.slice(each): each for each in found}
            changed = await self._unseen(partitions) if await self._ran_lately() else []
            self._listed = _Listed(partitions=partitions, changed=frozenset(changed))
        return self._listed

    async def _unseen(self, partitions: Mapping[str, Partition]) -> Iterable[str]:
        records = await self._state.slices(self._blueprint.connector.name)
        stuck = {name for name, record in records.items() if record.outcome in _STUCK}
        return (
            name
            for name, each in partitions.items()
            if each.version is not None
            and each.version not in self._versions.get(name, ())
            and name not in stuck
        )

    async def _ran_lately(self) -> bool:
        runs = await self._state.runs(self._blueprint.connector.name, limit=_RUNS)
        return any(run.outcome in _LOOKED and self._now - run.started_at <= _LATEST for run in runs)


def _chosen(body: Mapping[str, Any]) -> str:
    return recipe({name: body.get(name) for name in _CHOOSING}).id


def _named(slices: Sequence[str], what: str) -> str | None:
    """Return a clause that names the first of *slices*; None if there is none."""
    if not slices:
        return None
    more = f" and {len(slices) - 1} more" if len(slices) > 1 else ""
    return f"{slices[0]}{more}: {what}"
