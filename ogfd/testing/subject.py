"""A sink under test: one store that is opened as often as a check needs."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from ogfd.plugin import (
    ACTIVITY_SCHEMA,
    Guarantee,
    LedgerEntry,
    PluginConfig,
    ReadableSink,
    Sink,
    SinkContext,
    SinkSpec,
    is_readable,
)
from ogfd.testing.findings import NotConformant, require
from ogfd.testing.packages import MemoryPackage
from ogfd.testing.samples import differences

NOW: Final = datetime(2026, 11, 15, 12, 30, 15, 123456, tzinfo=UTC)

ReadRows = Callable[[Any, str], Awaitable[Sequence[Mapping[str, Any]]]]
"""``read_rows(config, slice)``: what a reader of the store sees of a slice."""


@dataclass(frozen=True, kw_only=True)
class SinkUnderTest:
    """
    One store and how to look at it.

    Attributes:
        spec: what the plugin announces.
        config: names the store.
        read_rows: for sinks that are no `ReadableSink`; without it their rows are not looked at.
    """

    spec: SinkSpec
    config: PluginConfig
    read_rows: ReadRows | None = None

    @asynccontextmanager
    async def opened(self) -> AsyncGenerator[Sink]:
        """Migrate and open, as the daemon does."""
        ctx = SinkContext(
            name="test",
            log=logging.LoggerAdapter(logging.getLogger("ogfd.testing")),
            now=lambda: NOW,
        )
        if self.spec.migrate is not None:
            await self.spec.migrate(self.config, ctx)
        async with self.spec.open(self.config, ctx) as sink:
            yield sink

    async def expect(self, sink: Sink, *packages: MemoryPackage) -> None:
        """Raise `NotConformant` unless the store holds exactly *packages*, each for its slice."""
        for package in packages:
            await self._expect_rows(sink, package)
            entry = await entry_of(sink, package.info.slice)
            if entry is not None:
                _expect_entry(entry, package)

    async def _expect_rows(self, sink: Sink, package: MemoryPackage) -> None:
        found = await self._rows(sink, package.info.slice)
        if found is not None:
            wrong = differences(package.table.to_pylist(), found)
            if wrong:
                raise NotConformant([f"{package.info.slice}: {sentence}" for sentence in wrong])

    async def _rows(self, sink: Sink, slice: str) -> Sequence[Mapping[str, Any]] | None:
        readable = reads(sink)
        if readable is not None:
            return await scanned(readable, {"slice": [slice]})
        return None if self.read_rows is None else await self.read_rows(self.config, slice)


def reads(sink: Sink) -> ReadableSink | None:
    """Return *sink* as a `ReadableSink` if it is one."""
    return sink if is_readable(sink) else None


def fenced(sink: Sink) -> bool:
    """Tell whether the sink promises to refuse a stale writer."""
    return sink.guarantee is Guarantee.EXACTLY_ONCE


async def scanned(
    sink: ReadableSink, where: Mapping[str, Sequence[str]] | None = None, **options: Any
) -> list[dict[str, Any]]:
    """Return the rows of ``activities`` that *where* selects."""
    columns = options.pop("columns", ACTIVITY_SCHEMA.names)
    view = options.pop("view", "activities")
    rows: list[dict[str, Any]] = []
    async with sink.scan(view, columns, where, **options) as batches:
        async for batch in batches:
            rows.extend(batch.to_pylist())
    return rows


async def entry_of(sink: Sink, slice: str) -> LedgerEntry | None:
    """Return the ledger's entry; None if the slice, or the ledger, is not there."""
    ledger = await sink.ledger([slice])
    return None if ledger is None else ledger.get(slice)


def _expect_entry(entry: LedgerEntry, package: MemoryPackage) -> None:
    info = package.info
    for name in (
        *("slice", "connector", "stream", "partition", "period", "closed"),
        *("target", "version", "recipe", "source", "rows", "digest"),
    ):
        found, expected = getattr(entry, name), getattr(info, name)
        require(found == expected, f"ledger of {info.slice}: {name} is {found!r}, not {expected!r}")
    exact = dict(entry.sums) == dict(info.sums)
    require(exact, f"ledger of {info.slice}: sums are {entry.sums}, not exactly {info.sums}")
    require(entry.committed_at.utcoffset() is not None, "committed_at has no time zone")
