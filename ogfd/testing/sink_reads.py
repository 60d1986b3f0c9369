"""What a sink must answer. Each check gets a store of its own."""

from __future__ import annotations

import anyio

from ogfd.plugin import HistoryEntry, Period, ReadableSink, SinkError
from ogfd.testing.findings import NotConformant, require, ungrouped
from ogfd.testing.packages import MemoryPackage, make_package
from ogfd.testing.samples import cost_rows
from ogfd.testing.subject import NOW, SinkUnderTest, reads, scanned

_COMMITS = 12


async def the_ledger(subject: SinkUnderTest) -> None:
    """The ledger answers for the slices it is asked for, or for all."""
    packages = [
        make_package(cost_rows(n), slice=f"test/cost/2026-0{n}", period=Period.month(f"2026-0{n}"))
        for n in (1, 2, 3)
    ]
    slices = [package.info.slice for package in packages]
    async with subject.opened() as sink:
        for package in packages:
            await sink.commit(package, 0, f"attempt of {package.info.slice}")
        everything = await sink.ledger()
        if everything is None:
            return
        require(set(everything) == set(slices), f"ledger() has {sorted(everything)}")
        chosen = await sink.ledger([slices[1], "test/cost/1999-01"])
        require(chosen is not None and list(chosen) == [slices[1]], f"ledger of one: {chosen}")
        nothing = await sink.ledger([])
        require(nothing is not None and not nothing, f"ledger of none: {nothing}")
        for package in packages:
            await subject.expect(sink, package)
            at = everything[package.info.slice].committed_at
            require(at == NOW, f"committed_at is {at}, the sink's clock said {NOW}")


async def history_and_breakdown(subject: SinkUnderTest) -> None:
    """Every commit stays on record with its sums and with who approved it."""
    packages = [
        make_package(cost_rows(5)),
        make_package(cost_rows(7, sku="x"), actor="kim", reason="the invoice says so"),
        make_package(),
    ]
    async with subject.opened() as sink:
        readable = reads(sink)
        if readable is None:
            return
        for base, package in enumerate(packages):
            await sink.commit(package, base, f"attempt-{base}")
        await sink.commit(make_package(cost_rows(1)), 0, "stale")
        history = list(await readable.history(packages[0].info.slice))
        expected = [_entry(package, n + 1) for n, package in enumerate(packages)]
        require(history == expected, f"the history is {history}, not {expected}")
        for base, package in enumerate(packages):
            found = sorted(await readable.breakdown(package.info.slice, base + 1))
            require(
                found == sorted(package.info.breakdown),
                f"the breakdown of generation {base + 1} is not the package's",
            )
        require(not await readable.history("test/cost/none"), "an unknown slice has a history")


def _entry(package: MemoryPackage, generation: int) -> HistoryEntry:
    info = package.info
    return HistoryEntry(
        slice=info.slice,
        generation=generation,
        target=info.target,
        version=info.version,
        recipe=info.recipe,
        rows=info.rows,
        sums=dict(info.sums),
        digest=info.digest,
        attempt=f"attempt-{generation - 1}",
        committed_at=NOW,
        actor=info.actor,
        reason=info.reason,
    )


async def scans(subject: SinkUnderTest) -> None:
    """A scan gives the columns asked for, of the rows asked for; what is not there is an error."""
    package = make_package(cost_rows(62))
    async with subject.opened() as sink:
        readable = reads(sink)
        if readable is None:
            return
        await sink.commit(package, 0, "a")
        await _check_where(readable, package)
        cost = await scanned(readable, view="ogfd_cost", columns=["service", "billed_cost"])
        require(len(cost) == 62, f"ogfd_cost has {len(cost)} rows, not 62")
        require(list(cost[0]) == ["service", "billed_cost"], f"the columns are {list(cost[0])}")
        none = await scanned(readable, view="ogfd_emissions_reported", columns=["market_based_kg"])
        require(not none, "ogfd_emissions_reported has rows that no provider reported")
        for view, column in (("nothing", "service"), ("activities", "nothing")):
            try:
                await scanned(readable, view=view, columns=[column])
            except SinkError:
                continue
            raise NotConformant([f"a scan of {view}.{column} is no SinkError"])


async def _check_where(sink: ReadableSink, package: MemoryPackage) -> None:
    where = {"service": ["AmazonS3", "none"], "account_id": ["000000000001"]}
    first_week = Period(Period.month("2026-10").start, Period.month("2026-10").start.replace(day=8))
    for period in (None, first_week):
        expected = {
            row["activity_id"]
            for row in package.table.to_pylist()
            if row["service"] == "AmazonS3" and row["account_id"] == "000000000001"
            if period is None or row["period_start"] in period
        }
        found = await scanned(sink, where, period=period, columns=["activity_id"])
        same = expected and {row["activity_id"] for row in found} == expected
        require(
            same, f"a scan where {where} in {period} has {len(found)} rows, not {len(expected)}"
        )
    require(not await scanned(sink, {"service": []}), "a scan of no allowed values has rows")
    tricky = await scanned(sink, {"service": ["' OR '1'='1"]})
    require(not tricky, "a value of `where` is read as part of the query")


async def a_reader_beside_a_writer(subject: SinkUnderTest) -> None:
    """A reader sees the old rows or the new ones, never a mix."""
    sizes = {f"version {n}": 40 + 7 * n for n in range(_COMMITS)}
    done = anyio.Event()
    async with subject.opened() as sink:
        readable = reads(sink)
        if readable is None:
            return

        async def write() -> None:
            for base, (sku, count) in enumerate(sizes.items()):
                package = make_package(cost_rows(count, sku=sku), batch_rows=16)
                await sink.commit(package, base, sku)
            done.set()

        with ungrouped():
            async with anyio.create_task_group() as group:
                group.start_soon(write)
                while not done.is_set():
                    await anyio.lowlevel.checkpoint()
                    rows = await scanned(
                        readable, {"slice": [make_package().info.slice]}, columns=["sku"]
                    )
                    seen = {row["sku"] for row in rows}
                    require(len(seen) <= 1, f"a reader sees a mix of {sorted(seen)}")
                    whole = not seen or len(rows) == sizes[seen.pop()]
                    require(whole, f"a reader sees {len(rows)} rows, which no commit has")
