"""The commit protocol, rule by rule, and a crash at every arrow."""

from decimal import Decimal

import pytest

from ogfd.plugin import Guarantee
from ogfd.slices import POINTS, Outcome

D = Decimal


async def test_a_month_becomes_equal_to_its_source(make_bench):
    """The first load commits generation 1, and nothing waits afterwards."""
    bench = make_bench()

    result = await bench.sync()

    assert Outcome.COMMITTED is result.outcome
    assert [D(1), D(2)] == bench.sinks["main"].costs()
    assert 1 == result.deliveries["main"].generation
    assert [] == bench.files()


async def test_a_restated_month_replaces_all_of_it(make_bench):
    """Rows that vanished are gone, rows that changed are changed."""
    bench = make_bench()
    await bench.sync()
    bench.source.restate("v2", "5")

    await bench.sync()

    assert [D(5)] == bench.sinks["main"].costs()
    assert [1, 2] == [generation for generation, _ in bench.sinks["main"].commits]


async def test_a_source_that_moves_on_is_read_again(make_bench):
    """What was read of the old version never reaches a sink."""
    bench = make_bench()
    bench.source.changes_while_read = 1

    result = await bench.sync()

    assert Outcome.COMMITTED is result.outcome
    assert "v1+" == result.version
    assert [D(1), D(2), D(10)] == bench.sinks["main"].costs()


async def test_a_source_that_never_rests_is_parked(make_bench):
    """After three starts the slice waits; the old rows stay."""
    bench = make_bench()
    bench.source.changes_while_read = 3

    result = await bench.sync()

    assert Outcome.FAILED is result.outcome
    assert result.next_due is not None
    assert {} == bench.sinks["main"].rows


async def test_a_writer_with_an_old_base_is_superseded(make_bench):
    """Two daemons on one sink: the later base wins, the other changes nothing."""
    bench = make_bench()
    stale = await bench.bases()
    await bench.sync()
    bench.source.restate("v2", "7")
    work = bench._work(bench.source.partition())

    result = await bench.engine.make_current(work, stale, force=False)

    assert Outcome.SUPERSEDED is result.outcome
    assert [D(1), D(2)] == bench.sinks["main"].costs()
    assert [] == bench.files()


async def test_a_sink_that_was_down_catches_up_from_the_archive(make_bench, memory_sink):
    """The source is not read again for the sake of a late sink."""
    main, late = memory_sink(), memory_sink(down=True)
    bench = make_bench(main=main, late=late)
    first = await bench.sync()
    late.down = False

    second = await bench.restart().sync()

    assert (Outcome.FAILED, Outcome.COMMITTED) == (first.outcome, second.outcome)
    assert main.costs() == late.costs()
    assert 1 == bench.source.reads
    assert [] == bench.files()


async def test_an_empty_version_does_not_replace_rows_unasked(make_bench):
    """A month that becomes empty is held; approving commits it with actor and reason."""
    bench = make_bench()
    await bench.sync()
    bench.source.restate("v2")
    bench.source._rows = list

    held = await bench.sync()

    assert Outcome.HELD is held.outcome
    assert "no rows" in held.reason
    assert [D(1), D(2)] == bench.sinks["main"].costs()

    approved = await bench.engine.approve(
        held.slice, await bench.bases(), actor="ann", reason="account closed"
    )
    assert Outcome.COMMITTED is approved.outcome
    assert [] == bench.sinks["main"].costs()
    assert [] == bench.files()


async def test_a_held_package_survives_a_restart_unread_and_uncommitted(make_bench):
    """Nothing slips through because a process died: the package is judged again."""
    bench = make_bench()
    await bench.sync()
    bench.source.restate("v2")
    bench.source._rows = list
    await bench.sync()
    reads = bench.source.reads

    again = await bench.restart().sync()

    assert Outcome.HELD is again.outcome
    assert reads == bench.source.reads
    assert [D(1), D(2)] == bench.sinks["main"].costs()


async def test_a_rejected_package_is_gone(make_bench):
    """Reject drops the package and keeps the rows."""
    bench = make_bench()
    await bench.sync()
    bench.source.restate("v2")
    bench.source._rows = list
    held = await bench.sync()

    assert await bench.engine.reject(held.slice, actor="ann", reason="wrong export")
    assert [] == bench.files()
    assert [D(1), D(2)] == bench.sinks["main"].costs()


async def test_rows_without_a_version_are_compared_by_their_digest(make_bench):
    """A source that cannot tell versions is committed only when its rows differ."""
    bench = make_bench()
    bench.source.version = None

    outcomes = [(await bench.sync()).outcome, (await bench.sync()).outcome]
    bench.source.restate(None, "3")
    outcomes.append((await bench.sync()).outcome)

    assert [Outcome.COMMITTED, Outcome.UNCHANGED, Outcome.COMMITTED] == outcomes
    assert [] == bench.files()


async def test_force_commits_again_what_is_current(make_bench):
    """`--force` reads and replaces even an equal version."""
    bench = make_bench()
    await bench.sync()

    result = await bench.sync(force=True)

    assert (Outcome.COMMITTED, 2) == (result.outcome, result.deliveries["main"].generation)


async def test_a_generation_of_a_sink_without_ledger_is_bound_to_one_content(
    make_bench, memory_sink
):
    """What may be half sent keeps its generation if it is the same, else it gets the next."""
    jsonl = memory_sink(guarantee=Guarantee.AT_LEAST_ONCE, has_ledger=False)
    bench = make_bench("sink.committed:1:raise", jsonl=jsonl)
    with pytest.raises(RuntimeError):
        await bench.sync()

    with pytest.raises(RuntimeError):
        await bench.restart("sink.committed:1:raise").sync()
    bench.source.restate("v2", "9")
    await bench.restart().sync()

    generations = [generation for generation, _ in jsonl.commits]
    contents = dict(jsonl.commits)
    assert [1, 1, 2] == generations
    assert all(contents[generation] == digest for generation, digest in jsonl.commits)


@pytest.mark.parametrize(
    "point", [p for p in POINTS if not p.startswith(("ledger", "source.l", "state.r"))]
)
@pytest.mark.parametrize("restated", [False, True], ids=["same", "restated"])
async def test_a_crash_at_any_arrow_converges_in_one_more_run(make_bench, point, restated):
    """Whatever the crash left, the next run makes sink and source equal, with no orphan file."""
    bench = make_bench(f"{point}:1:raise")
    with pytest.raises(RuntimeError, match=point):
        await bench.sync()
    if restated:
        bench.source.restate("v2", "4", "5")

    after = bench.restart()
    bases = await after.bases()
    base = bases["main"]
    if base is not None and base.version == bench.source.version:
        await after.engine.settle(base.slice, base.target)
    else:
        await after.sync()

    expected = [D(4), D(5)] if restated else [D(1), D(2)]
    assert expected == bench.sinks["main"].costs()
    assert [] == after.files()
    assert bench.source.reads <= 2


async def test_a_sealed_package_needs_no_second_read(make_bench):
    """A crash after sealing costs no download."""
    bench = make_bench("package.sealed:1:raise")
    with pytest.raises(RuntimeError):
        await bench.sync()

    await bench.restart().sync()

    assert 1 == bench.source.reads


async def test_a_second_claim_is_held(make_bench):
    """No two slices count for the same payer, month and kind."""
    bench = make_bench()
    sink = bench.sinks["main"]
    package = await bench.engine._read(bench._work(bench.source.partition()), {})
    sink.claimed = dict.fromkeys(package.info.claims, "other/cost/2026-10")

    result = await bench.sync()

    assert Outcome.HELD is result.outcome
    assert "overlaps other/cost/2026-10" in result.reason


async def test_a_dropped_slice_is_empty_and_keeps_its_history(make_bench):
    """Dropping commits nothing in place of the rows, with actor and reason."""
    bench = make_bench()
    await bench.sync()

    result = await bench.engine.drop(
        "aws/cost/2026-10", await bench.bases(), actor="ann", reason="moved to another connector"
    )

    assert Outcome.COMMITTED is result.outcome
    assert [] == bench.sinks["main"].costs()
    assert "" == bench.sinks["main"].entries["aws/cost/2026-10"].source
    assert [1, 2] == [generation for generation, _ in bench.sinks["main"].commits]
    assert [] == bench.files()


async def test_what_no_sink_holds_cannot_be_dropped(make_bench):
    """There is nothing to drop before the first commit."""
    bench = make_bench()

    dropped = await bench.engine.drop("x/cost/1", {"main": None}, actor="ann", reason="typo")

    assert dropped is None


async def test_a_held_version_that_was_taken_back_is_put_away(make_bench):
    """When the sinks hold the current version again, nothing older can be approved."""
    bench = make_bench()
    await bench.sync()
    current = bench.sinks["main"].entries["aws/cost/2026-10"].target
    bench.source.restate("v2")
    bench.source._rows = list
    assert Outcome.HELD is (await bench.sync()).outcome

    await bench.engine.settle("aws/cost/2026-10", current)

    assert [] == bench.files()
    assert await bench.engine.approve("aws/cost/2026-10", {}, actor="ann", reason="x") is None
