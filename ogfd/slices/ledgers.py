"""What every sink holds, read before the source is asked."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from ogfd.plugin import LedgerEntry, PackageInfo, Period, Sink, SinkError
from ogfd.state import Delivery, StateStore

log = logging.getLogger(__name__)

Entries = Mapping[str, LedgerEntry]
"""Ledger entries by slice."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bases:
    """
    The base of every compare-and-swap of a run.

    Attributes:
        entries: by sink, then by slice. Those of a sink that is down are the last confirmed ones:
            an older base is stricter, and the compare-and-swap decides.
        down: sinks that could not be asked, with the reason.
    """

    entries: Mapping[str, Entries]
    down: Mapping[str, str]

    def of(self, slice: str) -> dict[str, LedgerEntry | None]:
        """Return the entry of *slice* in each sink."""
        return {sink: entries.get(slice) for sink, entries in self.entries.items()}


async def read_bases(sinks: Mapping[str, Sink], state: StateStore) -> Bases:
    """Ask every sink what it holds."""
    entries: dict[str, Entries] = {}
    down: dict[str, str] = {}
    for name, sink in sinks.items():
        try:
            ledger = await sink.ledger()
        except SinkError as exc:
            down[name] = str(exc)
            log.warning("a sink cannot be asked", extra={"sink": name, "reason": str(exc)})
            ledger = None
        entries[name] = await remembered(state, name) if ledger is None else ledger
    return Bases(entries=entries, down=down)


async def remembered(state: StateStore, sink: str) -> dict[str, LedgerEntry]:
    """Return the last confirmed deliveries to *sink*, as its ledger would tell them."""
    deliveries = await state.deliveries(sink)
    return {
        name: entry_of(delivery.entry) for name, delivery in deliveries.items() if delivery.entry
    }


def delivery_of(
    info: PackageInfo, *, sink: str, generation: int, attempt: str, at: datetime
) -> Delivery:
    """Return what the state store keeps of a confirmed commit."""
    entry = {
        "slice": info.slice,
        "connector": info.connector,
        "stream": info.stream,
        "partition": info.partition,
        "period": [info.period.start.isoformat(), info.period.end.isoformat()],
        "closed": info.closed,
        "generation": generation,
        "target": info.target,
        "version": info.version,
        "recipe": info.recipe,
        "source": info.source,
        "rows": info.rows,
        "sums": dict(info.sums),
        "digest": info.digest,
        "attempt": attempt,
        "committed_at": at.isoformat(),
    }
    return Delivery(
        slice=info.slice,
        sink=sink,
        generation=generation,
        target=info.target,
        digest=info.digest,
        attempt=attempt,
        confirmed=True,
        at=at,
        entry=entry,
    )


def entry_of(fields: Mapping[str, Any]) -> LedgerEntry:
    """Return the ledger entry that `delivery_of` wrote."""
    start, end = (datetime.fromisoformat(text) for text in fields["period"])
    committed_at = datetime.fromisoformat(fields["committed_at"])
    return LedgerEntry(**{**fields, "period": Period(start, end), "committed_at": committed_at})


def is_current(target: str, bases: Mapping[str, LedgerEntry | None]) -> bool:
    """Tell whether every sink holds *target*."""
    return all(base is not None and base.target == target for base in bases.values())


def as_of(base: LedgerEntry | None, generation: int, target: str) -> LedgerEntry | None:
    """Return *base* with the generation that a package was read against, if it lacks *target*."""
    if base is None or base.generation == generation or base.target == target:
        return base
    return replace(base, generation=generation, target="")


def forced(base: LedgerEntry | None) -> LedgerEntry | None:
    """Make a base that asks for a commit even if the target is the same."""
    return None if base is None else replace(base, target="")
