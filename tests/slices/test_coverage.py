"""A version that covers fewer days than the committed one, and a connector that has doubts."""

from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import pytest
from making import batch_of, row

from ogfd.plugin import Grain, SinkError, Wanted
from ogfd.slices import Outcome

WHOLE = range(1, 32)


def covering(bench, days, version):
    """Have the source tell of *days* from now on."""
    bench.source.version = version
    bench.source._rows = lambda: [
        row(period_start=start, period_end=start + timedelta(hours=1))
        for start in (datetime(2026, 10, day, 5, tzinfo=UTC) for day in days)
    ]


@pytest.mark.parametrize("grain", [Grain.DAILY, Grain.MONTHLY])
async def test_an_export_of_some_days_is_held(make_bench, grain):
    """Also where the rows are kept by the month; the old ones stay, and a fuller one replaces them."""
    bench = make_bench()
    bench.wanted = Wanted(grain=grain)
    covering(bench, WHOLE, "v1")
    await bench.sync()
    before = bench.sinks["main"].rows
    covering(bench, range(1, 10), "v2")
    held = await bench.sync()

    assert Outcome.HELD is held.outcome
    assert (
        "the new version covers 2026-10-01 to 2026-10-09, fewer days than the committed one, which "
        "covers 2026-10-01 to 2026-10-31" == held.reason
    )
    assert before == bench.sinks["main"].rows
    covering(bench, WHOLE, "v3")
    assert Outcome.COMMITTED is (await bench.sync()).outcome


@pytest.mark.parametrize("days", [range(10, 32), range(1, 31)])
async def test_both_ends_count(make_bench, days):
    """Days that are gone at the beginning are as gone as those at the end."""
    bench = make_bench()
    covering(bench, WHOLE, "v1")
    await bench.sync()
    covering(bench, days, "v2")

    assert Outcome.HELD is (await bench.sync()).outcome


async def test_a_month_that_goes_on_passes(make_bench):
    """More days, the same days, and gaps between them, which a small bill has."""
    bench = make_bench()
    for version, days in enumerate([(3, 4), (1, 3, 4, 5), (1, 5), (1, 2, 5, 6)]):
        covering(bench, days, f"v{version}")

        assert Outcome.COMMITTED is (await bench.sync()).outcome


async def test_an_approval_commits_fewer_days(make_bench):
    """Then they are what the next version is compared with."""
    bench = make_bench()
    covering(bench, WHOLE, "v1")
    await bench.sync()
    covering(bench, range(1, 10), "v2")
    held = await bench.sync()
    await bench.engine.approve(held.slice, await bench.bases(), actor="ann", reason="so be it")
    covering(bench, range(1, 11), "v3")

    assert Outcome.COMMITTED is (await bench.sync()).outcome


class Scanned:
    """Gives a sink in memory a scan."""

    def __init__(self, sink, fails=False):
        self._sink = sink
        self._fails = fails

    @asynccontextmanager
    async def __call__(self, view, columns, where, period=None):
        assert ("activities", 1) == (view, len(where["slice"]))
        if self._fails:
            raise SinkError("the view is locked")
        rows = self._sink.rows[where["slice"][0]]

        async def batches():
            for each in rows:
                yield batch_of([each]).select(columns)

        yield batches()


async def test_the_rows_tell_if_the_archive_is_lost(make_bench, monkeypatch):
    """A second daemon, or one that keeps no packages, holds what covers fewer days as well."""
    bench = make_bench()
    covering(bench, WHOLE, "v1")
    await bench.sync()
    monkeypatch.setattr(bench.engine.archive, "info", lambda *_: None)
    sink = bench.sinks["main"]
    sink.scan = Scanned(sink)
    covering(bench, range(1, 10), "v2")

    assert Outcome.HELD is (await bench.sync()).outcome


@pytest.mark.parametrize("fails", [True, False])
async def test_what_nobody_knows_is_not_compared(make_bench, monkeypatch, fails):
    """Without archive, and with a sink that cannot be read, nothing is held for it."""
    bench = make_bench()
    covering(bench, WHOLE, "v1")
    await bench.sync()

    def broken(*_):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(bench.engine.archive, "info", broken)
    if fails:
        bench.sinks["main"].scan = Scanned(bench.sinks["main"], fails=True)
    covering(bench, range(1, 10), "v2")

    assert Outcome.COMMITTED is (await bench.sync()).outcome


async def test_a_doubt_of_the_connector_holds_a_first_load(make_bench, monkeypatch):
    """Its reason is what the operator reads; an approval commits what was read."""
    bench = make_bench()
    read = bench.source.read

    async def doubtful(partition, out):
        await read(partition, out)
        out.doubt("another export goes to the 31st")
        out.doubt("another export goes to the 31st")

    monkeypatch.setattr(bench.source, "read", doubtful)
    held = await bench.sync()

    assert (Outcome.HELD, "another export goes to the 31st") == (held.outcome, held.reason)
    assert {} == bench.sinks["main"].rows
    done = await bench.engine.approve(held.slice, await bench.bases(), actor="ann", reason="ok")
    assert Outcome.COMMITTED is done.outcome


async def test_a_doubt_that_an_operator_settled_is_not_raised_again_by_another_recipe(
    make_bench, monkeypatch
):
    """The same data, shaped in another way: nothing is new about what was doubted."""
    bench = make_bench()
    read = bench.source.read

    async def doubtful(partition, out):
        await read(partition, out)
        out.doubt("another export goes to the 31st")

    monkeypatch.setattr(bench.source, "read", doubtful)
    held = await bench.sync()
    await bench.engine.approve(held.slice, await bench.bases(), actor="ann", reason="ok")
    bench.wanted = Wanted(grain=Grain.MONTHLY)
    again = await bench.sync()
    bench.source.version = "v2"

    assert Outcome.COMMITTED is again.outcome
    assert Outcome.HELD is (await bench.sync()).outcome
