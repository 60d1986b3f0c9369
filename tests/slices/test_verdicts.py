"""Verdicts, archives and reservations: what an operator or a crash leaves, and who wins."""

from decimal import Decimal

import pytest

from ogfd.plugin import Guarantee
from ogfd.slices import Outcome

D = Decimal


async def empty_month(bench):
    """Have a version without rows held."""
    await bench.sync()
    bench.source.restate("v2")
    bench.source._rows = list
    held = await bench.sync()
    assert Outcome.HELD is held.outcome
    return held


async def test_an_approval_counts_on_what_the_read_was_based_on(make_bench):
    """If another daemon committed since, the held package must not replace what is newer."""
    bench = make_bench()
    held = await empty_month(bench)
    other = make_bench(main=bench.sinks["main"])
    other.engine.waiting.clear()
    other.source.restate("v3", "8")
    await other.sync()

    result = await bench.engine.approve(
        held.slice, await bench.bases(), actor="ann", reason="looks right"
    )

    assert Outcome.SUPERSEDED is result.outcome
    assert [D(8)] == bench.sinks["main"].costs()


async def test_an_archive_that_cannot_be_written_costs_history_only(make_bench, monkeypatch):
    """The rows are committed and reported so; the package waits for the next run."""
    bench = make_bench()

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(bench.engine.archive, "put", full)
    monkeypatch.setattr(bench.engine.archive, "find", full)
    result = await bench.sync()
    monkeypatch.undo()

    assert Outcome.COMMITTED is result.outcome
    assert 1 == len(bench.files())
    await bench.engine.settle(result.slice, result.target)
    assert [] == bench.files()


async def test_a_rejected_content_without_a_version_stays_rejected(make_bench):
    """The verdict is about the rows: reading them again changes nothing."""
    bench = make_bench()
    bench.source.version = None
    await bench.sync()
    bench.source._rows = list
    held = await bench.sync()
    await bench.engine.reject(held.slice, actor="ann", reason="wrong export")

    again = await bench.sync()

    assert (Outcome.HELD, True) == (again.outcome, "rejected by ann" in again.reason)
    assert [] == bench.files()


async def test_an_approval_survives_a_failed_delivery(make_bench):
    """Actor and reason reach the history with the commit that comes later."""
    bench = make_bench()
    held = await empty_month(bench)
    sink = bench.sinks["main"]
    bases = await bench.bases()
    sink.down = True
    failed = await bench.engine.approve(held.slice, bases, actor="ann", reason="known")
    sink.down = False
    told = []
    commit = sink.commit

    async def heard(package, base, attempt):
        told.append((package.info.actor, package.info.reason))
        return await commit(package, base, attempt)

    sink.commit = heard
    after = await bench.restart().sync()

    assert (Outcome.FAILED, Outcome.COMMITTED) == (failed.outcome, after.outcome)
    assert [("ann", "known")] == told


async def test_of_two_sealed_packages_the_newer_one_waits(make_bench):
    """A kill between sealing and putting the older away leaves no orphan."""
    bench = make_bench()
    await empty_month(bench)
    bench.source.restate("v3", "6")
    bench.source._rows = type(bench.source)._rows.__get__(bench.source)
    again = bench.restart("package.sealed:1:raise")
    with pytest.raises(RuntimeError):
        await again.sync()
    assert 2 == len(bench.files())

    last = bench.restart()

    assert 1 == len(bench.files())
    assert "v3" == last.engine.waiting["aws/cost/2026-10"].info.version


async def test_a_reservation_does_not_hide_what_is_confirmed(make_bench, memory_sink):
    """A delivery that may have failed leaves the last sure one to compare with."""
    jsonl = memory_sink(guarantee=Guarantee.AT_LEAST_ONCE, has_ledger=False)
    bench = make_bench(jsonl=jsonl)
    await bench.sync()
    bench.source.restate("v2", "9")
    jsonl.down = True
    await bench.sync()

    base = (await bench.bases())["jsonl"]

    assert ("v1", 1) == (base.version, base.generation)


async def test_an_approval_is_finished_where_one_sink_failed(make_bench, memory_sink):
    """The sink that has it keeps it, the other one gets it at the next word."""
    main, late = memory_sink(), memory_sink()
    bench = make_bench(main=main, late=late)
    held = await empty_month(bench)
    bases = await bench.bases()
    late.down = True
    await bench.engine.approve(held.slice, bases, actor="ann", reason="known")
    late.down = False

    result = await bench.engine.approve(
        held.slice, await bench.bases(), actor="ann", reason="known"
    )

    assert Outcome.COMMITTED is result.outcome
    assert ([], []) == (main.costs(), late.costs())
    assert [] == bench.files()
