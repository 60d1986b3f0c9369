"""An engine over temporary directories, a scripted source and a sink in memory."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from making import batch_of, row

from ogfd.packages import Archive, ByteBudget, Keep, PackageHeader, PackageStore, Shape
from ogfd.plugin import (
    Committed,
    Guarantee,
    Kind,
    LedgerEntry,
    OverlapError,
    Partition,
    Period,
    SinkError,
    SourceChanged,
    Superseded,
    Wanted,
)
from ogfd.slices import Deliverer, Engine, Failpoints, Work, recipe
from ogfd.slices.ledgers import delivery_of, entry_of
from ogfd.state import StateStore

SLICE = "aws/cost/2026-10"
NOW = datetime(2026, 11, 1, tzinfo=UTC)


@dataclass
class Source:
    """A month that can be restated; counts how often it is read."""

    version: str | None = "v1"
    costs: list[str] = field(default_factory=lambda: ["1", "2"])
    reads: int = 0
    changes_while_read: int = 0
    name: str = "cost"

    def partition(self) -> Partition:
        return Partition(
            key="2026-10", period=Period.month("2026-10"), version=self.version, source="s3://b/r"
        )

    def restate(self, version: str, *costs: str) -> None:
        self.version, self.costs = version, list(costs)

    async def partitions(self, window):
        return [self.partition()]

    async def read(self, partition, out):
        self.reads += 1
        await out.write(batch_of(self._rows()))
        if self.changes_while_read:
            self.changes_while_read -= 1
            self.restate(f"{self.version}+", *self.costs, "10")
            raise SourceChanged("the manifest changed")

    def _rows(self):
        return [
            row(service=f"s{i}", billed_cost=Decimal(cost)) for i, cost in enumerate(self.costs)
        ]


@dataclass
class MemorySink:
    """A sink whose commit is one assignment; keeps every generation."""

    guarantee: Guarantee = Guarantee.EXACTLY_ONCE
    has_ledger: bool = True
    down: bool = False
    entries: dict[str, LedgerEntry] = field(default_factory=dict)
    rows: dict[str, list[dict]] = field(default_factory=dict)
    commits: list[tuple[int, str]] = field(default_factory=list)
    claimed: dict[object, str] = field(default_factory=dict)

    async def ledger(self, slices=None):
        if self.down:
            raise SinkError("the sink is down")
        return dict(self.entries) if self.has_ledger else None

    async def commit(self, package, base_generation, attempt):
        if self.down:
            raise SinkError("the sink is down")
        info = package.info
        held = self.entries.get(info.slice)
        generation = held.generation if held else 0
        if self.has_ledger and generation != base_generation:
            if held.attempt == attempt:
                return Committed(generation=generation)
            return Superseded(generation=generation)
        for claim in info.claims:
            other = self.claimed.get(claim)
            if other is not None and other != info.slice:
                raise OverlapError(f"overlaps {other}", other=other)
        entry = delivery_of(
            info,
            sink="",
            generation=base_generation + 1,
            attempt=attempt,
            at=NOW,
        ).entry
        self.rows[info.slice] = [each for batch in package.batches() for each in batch.to_pylist()]
        self.entries[info.slice] = entry_of(entry)
        self.commits.append((base_generation + 1, info.digest))
        return Committed(generation=base_generation + 1)

    def costs(self, slice: str = SLICE) -> list[Decimal]:
        return sorted(each["billed_cost"] for each in self.rows.get(slice, []))


class Silent:
    """Hears of commits and says nothing."""

    def committed(self, sink, seconds):
        pass


@dataclass
class Bench:
    """Everything around an engine; `restart` stands for a new process on the same disk."""

    directory: object
    source: Source
    sinks: Mapping[str, MemorySink]
    state: StateStore
    engine: Engine
    wanted: Wanted = field(default_factory=Wanted)

    async def sync(self, *, force: bool = False):
        """Read the ledgers, list the source, make the slice current."""
        bases = {name: await self._base(name) for name in self.sinks}
        [partition] = await self.source.partitions(None)
        return await self.engine.make_current(self._work(partition), bases, force=force)

    async def bases(self):
        return {name: await self._base(name) for name in self.sinks}

    async def _base(self, name):
        from ogfd.slices import read_bases

        return (await read_bases({name: self.sinks[name]}, self.state)).of(SLICE)[name]

    def _work(self, partition):
        async def relist():
            [listed] = await self.source.partitions(None)
            return listed, await self.bases()

        recipe_ = recipe({"grain": self.wanted.grain.value})
        header = PackageHeader(
            slice=SLICE,
            org_id="acme",
            provider="aws",
            connector="aws",
            stream="cost",
            partition="2026-10",
            kind=Kind.COST,
            period=partition.period,
            closed=False,
            source=partition.source,
            version=partition.version,
            recipe=recipe_.id,
            recipe_body=recipe_.body,
        )
        return Work(
            slice=SLICE,
            partition=partition,
            stream=self.source,
            shape=Shape(kind=Kind.COST, wanted=self.wanted),
            recipe=recipe_,
            header=header,
            relist=relist,
        )

    def restart(self, fp: str = "") -> "Bench":
        """Return a bench that shares the disk, the source and the sinks with this one."""
        store = PackageStore(self.directory / "packages")
        swept = {package.info.slice: package for package in store.sweep()}
        return _bench(self.directory, self.source, self.sinks, self.state, store, swept, fp)

    def files(self) -> list[str]:
        """Return what lies in the package store."""
        return [path.name for path in (self.directory / "packages").iterdir()]


def _bench(directory, source, sinks, state, store, waiting, fp):
    failpoints = Failpoints({"OGFD_FP": fp})
    engine = Engine(
        deliverer=Deliverer(
            sinks=sinks, state=state, failpoints=failpoints, watcher=Silent(), now=lambda: NOW
        ),
        state=state,
        packages=store,
        archive=Archive(directory / "archive", Keep.ALL),
        budget=ByteBudget(1 << 24),
        slice_memory_bytes=1 << 24,
        failpoints=failpoints,
        now=lambda: NOW,
        waiting=waiting,
    )
    return Bench(directory, source, sinks, state, engine)


@pytest.fixture
async def make_bench(tmp_path):
    """Return a function that makes a bench with one sink or those given."""
    state = await StateStore.open(tmp_path / "state.db")

    def make(fp: str = "", **sinks: MemorySink) -> Bench:
        store = PackageStore(tmp_path / "packages")
        chosen = sinks or {"main": MemorySink()}
        return _bench(tmp_path, Source(), chosen, state, store, {}, fp)

    yield make
    await state.close()


@pytest.fixture
def memory_sink():
    """Return the class of sinks in memory."""
    return MemorySink
