"""Whatever breaks in a run is said in its result, and stops nothing else."""

import logging
from datetime import UTC, datetime, timedelta

import anyio
import pytest

from ogfd.daemon import open_app
from ogfd.plugin import Period, SinkError
from ogfd.runs import RunOutcome, RunRequest, Trigger
from ogfd.state import SliceRecord, StateError

REQUEST = RunRequest(connector="d", trigger=Trigger.CLI)
LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
async def app(bound):
    async with open_app(bound) as opened:
        yield opened


async def run(app, request=REQUEST):
    return await app.runner.run(request, lambda event: None)


def broken_from(monkeypatch, state, method, call=1):
    """Make *method* of the state store fail from its n-th *call* on."""
    calls = []
    real = getattr(state, method)

    async def failing(*arguments):
        calls.append(arguments)
        if len(calls) >= call:
            raise StateError("the state store cannot be written: disk I/O error")
        return await real(*arguments)

    monkeypatch.setattr(state, method, failing)


@pytest.mark.parametrize(
    ("method", "call"),
    [("put_run", 1), ("put_run", 2), ("slices", 1), ("verdicts", 1), ("put_slices", 1)],
)
async def test_a_state_store_that_fails_is_an_error_of_the_run(app, monkeypatch, method, call):
    """At the beginning, in the middle and at the end; and nothing is left running."""
    broken_from(monkeypatch, app.runner.state, method, call)

    result = await run(app)

    assert ["the state store cannot be written: disk I/O error"] == [
        error.message for error in result.errors
    ]
    assert RunOutcome.SUCCEEDED is not result.outcome
    assert {} == app.runner.running


async def test_slices_that_were_finished_survive_a_broken_run(app, monkeypatch):
    """They are in the sinks, so the result has them."""
    broken_from(monkeypatch, app.runner.state, "put_slices", call=3)  # passive, first, second

    result = await run(app)

    assert {"d/cost/2026-09": "committed", "d/cost/2026-10": "committed"} == {
        each.slice: str(each.outcome) for each in result.slices
    }
    assert RunOutcome.PARTIAL is result.outcome


async def test_an_archive_that_cannot_be_trimmed_is_a_warning(app, monkeypatch, caplog):
    """The rows are committed; only space is short."""

    def refused():
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(app.runner.engine.archive, "enforce_quota", refused)

    with caplog.at_level(logging.WARNING):
        result = await run(app)

    assert RunOutcome.SUCCEEDED is result.outcome
    assert "the archive's quota cannot be kept" in caplog.messages


async def test_a_slice_that_cannot_be_put_away_fails_alone(app, diary):
    """The other one of the same run is unchanged."""
    await run(app)

    class Broken(dict):
        def __contains__(self, name):
            if name == "d/cost/2026-10":
                raise PermissionError(13, "Permission denied")
            return False

    object.__setattr__(app.runner.engine, "waiting", Broken())
    result = await run(app)

    assert {"d/cost/2026-09": "unchanged", "d/cost/2026-10": "failed"} == {
        each.slice: str(each.outcome) for each in result.slices
    }
    assert [] == list(result.errors)


@pytest.mark.parametrize("is_plan", [False, True])
async def test_a_sink_that_is_down_is_seen_although_nothing_changed(app, is_plan):
    """What it lacks is not known, so the run is no success."""
    await run(app)
    sink = app.runner.sinks["main"]

    async def down(slices=None):
        raise SinkError("connection refused")

    sink.ledger = down
    if is_plan:
        slices, errors = await app.runner.plan(REQUEST)
    else:
        result = await run(app)
        slices, errors = result.slices, result.errors
        assert RunOutcome.PARTIAL is result.outcome

    assert [("transient", "sink main cannot be asked what it holds: connection refused")] == [
        (str(error.error_class), error.message) for error in errors
    ]
    assert 2 == len(slices)


async def test_a_cancelled_run_is_recorded_as_cancelled(app, diary):
    """Not left running; what it had finished is counted."""
    reading = anyio.Event()

    async def meanwhile(month):
        if month == "2026-09":
            reading.set()
            await anyio.sleep_forever()

    diary.meanwhile = meanwhile
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(run, app)
        with anyio.fail_after(10):
            await reading.wait()
        tasks.cancel_scope.cancel()

    (record,) = await app.runner.state.runs("d")
    assert ("cancelled", {"slices": {"committed": 1}}) == (record.outcome, record.document)
    assert record.ended_at is not None
    assert {} == app.runner.running


async def parked(app, slice, due):
    await app.runner.state.put_slices(
        [
            SliceRecord(
                slice=slice, connector="d", outcome="failed", updated_at=LONG_AGO, next_due=due
            )
        ]
    )


async def test_a_parked_slice_that_is_no_longer_listed_is_not_tried_for_ever(app):
    """Its wait is over and there is nothing to read; one that still waits keeps waiting."""
    soon = app.runner.now() + timedelta(hours=1)
    await parked(app, "d/cost/2026-01", LONG_AGO)
    await parked(app, "d/cost/2026-02", soon)
    await parked(app, "d/carbon/2026-01", LONG_AGO)

    await run(app)

    dues = {name: each.next_due for name, each in (await app.runner.state.slices()).items()}
    assert None is dues["d/cost/2026-01"]
    assert soon == dues["d/cost/2026-02"]
    assert LONG_AGO == dues["d/carbon/2026-01"]


async def test_a_window_forgets_nothing_outside_of_it(app, diary):
    """Only the configured window says what the provider lists."""
    await parked(app, "d/cost/2026-01", LONG_AGO)

    await run(app, RunRequest(connector="d", trigger=Trigger.CLI, window=Period.month("2026-10")))

    assert LONG_AGO == (await app.runner.state.slices())["d/cost/2026-01"].next_due


async def test_a_run_begins_when_the_earlier_one_is_through(app, diary):
    """Whoever asked hears of it then, not when the request came."""
    go = anyio.Event()
    begun = []

    async def meanwhile(_month):
        await go.wait()

    diary.meanwhile = meanwhile
    async with anyio.create_task_group() as tasks:
        for number in (1, 2):
            asked = (REQUEST, lambda event: None, lambda number=number: begun.append(number))
            tasks.start_soon(app.runner.run, *asked)
            await anyio.wait_all_tasks_blocked()
        before = list(begun)
        go.set()

    assert ([1], [1, 2]) == (before, begun)


async def test_a_run_that_is_stopped_at_its_very_end_is_heard_of(app, monkeypatch):
    """What it parked is tried again by whoever listens."""
    heard = []
    app.runner.listeners.append(lambda connector, result: heard.append(connector))
    real = app.runner.state.put_run
    async with anyio.create_task_group() as tasks:

        async def put_run(record):
            await real(record)
            if record.ended_at is not None:
                tasks.cancel_scope.cancel()

        monkeypatch.setattr(app.runner.state, "put_run", put_run)
        tasks.start_soon(run, app)

    assert ["d"] == heard
