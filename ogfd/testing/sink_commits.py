"""What a sink must do with commits. Each check gets a store of its own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import anyio
import pyarrow as pa

from ogfd.plugin import (
    Claim,
    Committed,
    Kind,
    OverlapError,
    Package,
    PackageInfo,
    Sink,
    SinkError,
    Superseded,
)
from ogfd.testing.findings import NotConformant, require, ungrouped
from ogfd.testing.packages import MemoryPackage, make_package
from ogfd.testing.samples import awkward_rows, cost_rows
from ogfd.testing.subject import SinkUnderTest, entry_of, fenced

_OTHER = "test/cost/2026-09"
_RIVAL = "rival/cost/2026-10"


async def an_empty_package(subject: SinkUnderTest) -> None:
    """A slice without rows has a ledger entry all the same."""
    package = make_package()
    async with subject.opened() as sink:
        await _commit(sink, package, 0, "a")
        await subject.expect(sink, package)


async def replacing_a_slice(subject: SinkUnderTest) -> None:
    """A commit replaces the rows of its slice, all of them, and no others."""
    other = make_package(cost_rows(4, sku="other"), slice=_OTHER, batch_rows=3)
    packages = [make_package(cost_rows(n, sku=f"{n}"), batch_rows=4) for n in (10, 3, 17)]
    async with subject.opened() as sink:
        await _commit(sink, other, 0, "other")
        for base, package in enumerate(packages):
            await _commit(sink, package, base, f"attempt-{base}")
            await subject.expect(sink, package, other)


async def shrinking_to_nothing(subject: SinkUnderTest) -> None:
    """A package without rows leaves no rows behind."""
    async with subject.opened() as sink:
        await _commit(sink, make_package(cost_rows(5)), 0, "a")
        empty = make_package()
        await _commit(sink, empty, 1, "b")
        await subject.expect(sink, empty)


async def awkward_values(subject: SinkUnderTest) -> None:
    """Text, nulls, maps and decimals come back as they went in; sums are exact."""
    package = make_package(awkward_rows(), closed=True, source="s3://bucket/ü/report", batch_rows=2)
    async with subject.opened() as sink:
        await _commit(sink, package, 0, "a")
        await subject.expect(sink, package)


async def a_stale_writer(subject: SinkUnderTest) -> None:
    """A base generation that is not the ledger's changes nothing, be it too low or too high."""
    async with subject.opened() as sink:
        if not fenced(sink):
            return
        first, second = make_package(cost_rows(3)), make_package(cost_rows(4, sku="late"))
        await _commit(sink, first, 0, "a")
        for base in (0, 5):
            outcome = await sink.commit(second, base, "b")
            expected = Superseded(generation=1)
            require(outcome == expected, f"a commit on base {base} of 1: {outcome}, not {expected}")
            await subject.expect(sink, first)


async def the_same_attempt_twice(subject: SinkUnderTest) -> None:
    """A commit whose answer was lost is answered again, and done once."""
    package = make_package(cost_rows(3))
    async with subject.opened() as sink:
        await _commit(sink, package, 0, "a")
        bases = (0, 1) if fenced(sink) else (0,)
        for base in bases:
            outcome = await sink.commit(package, base, "a")
            expected = Committed(generation=1)
            require(
                outcome == expected, f"the same attempt on base {base}: {outcome}, not {expected}"
            )
        await subject.expect(sink, package)


async def writers_on_one_base(subject: SinkUnderTest) -> None:
    """Of several writers on one base, through several connections, exactly one wins."""
    packages = [make_package(cost_rows(n + 20, sku=f"writer {n}")) for n in range(6)]
    outcomes: dict[int, Committed | Superseded] = {}
    async with subject.opened() as one, subject.opened() as two:
        if not fenced(one):
            return

        async def write(number: int) -> None:
            sink = (one, two)[number % 2]
            outcomes[number] = await sink.commit(packages[number], 0, f"attempt-{number}")

        with ungrouped():
            async with anyio.create_task_group() as group:
                for number in range(len(packages)):
                    group.start_soon(write, number)
        winners = [number for number, seen in outcomes.items() if isinstance(seen, Committed)]
        require(len(winners) == 1, f"{len(winners)} writers on one base have won")
        require(all(seen.generation == 1 for seen in outcomes.values()), f"generations: {outcomes}")
        await subject.expect(one, packages[winners[0]])
        await subject.expect(two, packages[winners[0]])


async def overlapping_claims(subject: SinkUnderTest) -> None:
    """A claim is held by the slices of one stream until they give it up."""
    claim = Claim(provider="aws", billing_account_id="1", billing_period="2026-10", kind=Kind.COST)
    held = make_package(cost_rows(3), claims=[claim])
    sibling = make_package(cost_rows(4, sku="other"), slice=_OTHER, claims=[claim])
    rival = make_package(cost_rows(2), slice=_RIVAL, claims=[claim])
    async with subject.opened() as sink:
        if not fenced(sink):
            return
        await _commit(sink, held, 0, "a")
        try:
            await sink.commit(rival, 0, "b")
        except OverlapError as exc:
            require(exc.other == held.info.slice, f"OverlapError.other is {exc.other!r}")
        else:
            raise NotConformant(["a slice of a second stream took a claim that another holds"])
        require(await entry_of(sink, _RIVAL) is None, "a refused commit left a ledger entry")
        await subject.expect(sink, held)
        await _commit(sink, held, 1, "c")  # its own claim is in nobody's way
        await _commit(sink, sibling, 0, "d")  # nor is its stream's
        freed = make_package(cost_rows(1))
        await _commit(sink, freed, 2, "e")
        await _commit(sink, make_package(cost_rows(4, sku="other"), slice=_OTHER), 1, "f")
        await _commit(sink, rival, 0, "g")
        await subject.expect(sink, freed, rival)


async def a_package_that_breaks_off(subject: SinkUnderTest) -> None:
    """A package that cannot be read to its end changes nothing; the next commit goes through."""
    before, after = make_package(cost_rows(3)), make_package(cost_rows(9, sku="new"))
    async with subject.opened() as sink:
        await _commit(sink, before, 0, "a")
        try:
            await sink.commit(_BreaksOff(after), 1, "b")
        except (OSError, SinkError):
            pass
        else:
            raise NotConformant(["a package that breaks off was committed"])
        await subject.expect(sink, before)
        await _commit(sink, after, 1, "c")
        await subject.expect(sink, after)


async def a_package_that_lies(subject: SinkUnderTest) -> None:
    """Rows that are not what the package says they are do not get in."""
    before, sound = make_package(cost_rows(3)), make_package(cost_rows(9, sku="new"))
    info = sound.info
    lies: dict[str, PackageInfo] = {
        "rows": replace(info, rows=info.rows + 1),
        "line_count": replace(info, line_count=info.line_count + 1),
        "sums": replace(info, sums={**info.sums, "billed_cost:USD": "3.7"}),
    }
    async with subject.opened() as sink:
        if not fenced(sink):
            return
        await _commit(sink, before, 0, "a")
        for name, lie in lies.items():
            try:
                await sink.commit(MemoryPackage(info=lie, table=sound.table), 1, name)
            except SinkError:
                await subject.expect(sink, before)
            else:
                raise NotConformant([f"a package with other {name} than its rows was committed"])


async def a_cancelled_commit(subject: SinkUnderTest) -> None:
    """A commit that is cancelled while it runs is done or not done, and the sink goes on."""
    before, after = make_package(cost_rows(3)), make_package(cost_rows(200, sku="new"))
    async with subject.opened() as sink:
        await _commit(sink, before, 0, "a")
        with anyio.CancelScope() as scope:
            await sink.commit(_Cancels(after, scope), 1, "b")
        entry = await entry_of(sink, before.info.slice)
        if entry is not None:
            await subject.expect(sink, after if entry.generation == 2 else before)
            await _commit(sink, after, entry.generation, "c")
            await subject.expect(sink, after)


async def a_restart(subject: SinkUnderTest) -> None:
    """What was committed is there when the store is opened again, and is known as committed."""
    first, second = make_package(cost_rows(3)), make_package(cost_rows(5, sku="new"))
    async with subject.opened() as sink:
        await _commit(sink, first, 0, "a")
    async with subject.opened() as sink:
        await subject.expect(sink, first)
        if fenced(sink):
            outcome = await sink.commit(first, 0, "a")
            require(
                outcome == Committed(generation=1), f"the attempt before the restart: {outcome}"
            )
        await _commit(sink, second, 1, "b")
    async with subject.opened() as sink:
        await subject.expect(sink, second)


class _BreaksOff:
    """A package whose file ends after its first batch."""

    def __init__(self, package: MemoryPackage) -> None:
        self.info = package.info
        self._table = package.table

    def batches(self) -> Iterator[pa.RecordBatch]:
        yield self._table.to_batches(max_chunksize=2)[0]
        raise OSError("the package ends early")


class _Cancels:
    """A package during whose reading the commit is cancelled."""

    def __init__(self, package: MemoryPackage, scope: anyio.CancelScope) -> None:
        self.info = package.info
        self._package = package
        self._scope = scope

    def batches(self) -> Iterator[pa.RecordBatch]:
        anyio.from_thread.run_sync(self._scope.cancel)
        yield from self._package.batches()


async def _commit(sink: Sink, package: Package, base: int, attempt: str) -> None:
    outcome: Any = await sink.commit(package, base, attempt)
    expected = Committed(generation=base + 1)
    require(outcome == expected, f"a commit on base {base}: {outcome}, not {expected}")
    entry = await entry_of(sink, package.info.slice)
    if entry is not None:
        held = (entry.generation, entry.attempt)
        require(held == (base + 1, attempt), f"the ledger holds {held}, not {(base + 1, attempt)}")
