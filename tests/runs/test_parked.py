"""What failed or waits is tried again when it is due, also by the next process; not before."""

from datetime import timedelta

import anyio
import pytest
from runs.clockwork import LISTED, MINUTE, NOW, OCTOBER, SEPTEMBER, parked

from ogfd.plugin import AuthError, ErrorClass, FatalError, NotFoundError, SinkError, TransientError
from ogfd.runs import Trigger
from ogfd.slices import Outcome
from ogfd.state import SliceRecord, StreamRecord


async def test_a_parked_slice_is_tried_at_its_time_and_not_before(site, diary):
    """Neither a schedule nor an operator hastens what the provider asked for."""
    due = NOW + 10 * MINUTE
    diary.broken["2026-09"] = parked(due)
    await site.schedule()
    diary.broken.clear()
    diary.entries.clear()

    await site.until(due - timedelta(seconds=1))
    await site.schedule()
    waiting = await site.ask()
    assert [LISTED, LISTED] == diary.entries
    assert [(Outcome.FAILED, "the provider wants a long wait", due)] == [
        (each.outcome, each.reason, each.next_due)
        for each in waiting.slices
        if each.slice == "d/cost/2026-09"
    ]

    await site.until(due)
    assert [LISTED, LISTED, LISTED, SEPTEMBER] == diary.entries
    assert [] == await site.failing()
    assert None is site.due


async def test_what_an_operators_run_parks_is_tried_at_its_time(site, diary):
    """As if the schedule had run; one that was stopped in the middle as well."""
    due = NOW + 10 * MINUTE
    diary.broken["2026-10"] = parked(due)

    async def stopped(month):
        if month == "2026-09":
            tasks.cancel_scope.cancel()
            await anyio.sleep_forever()

    diary.meanwhile = stopped
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(site.ask)
    await site.settle()
    assert due == site.due

    diary.meanwhile = None
    diary.broken.clear()
    await site.until(due)
    assert [LISTED, OCTOBER, SEPTEMBER, LISTED, OCTOBER, SEPTEMBER] == diary.entries


async def test_an_approved_package_that_a_sink_refused_is_tried_again(site, diary):
    """An approval is no run, but what becomes of it is on record all the same."""
    await site.schedule()
    diary.version = "v2"
    diary.rows = 0
    await site.schedule()
    sink = site.runner.sinks["main"]
    real, calls = sink.commit, []

    async def commit(*arguments):
        calls.append(arguments)
        if len(calls) == 1:
            raise SinkError("the disk is full")
        return await real(*arguments)

    sink.commit = commit
    asked = {"slice": "d/cost/2026-09", "actor": "ana", "reason": "credited"}
    site.asked += 1
    document = await site.app.operations.call("slices.approve", asked, lambda event: None)
    await site.settle()
    assert "failed" == document["result"]["outcome"]
    [facts] = await site.failing()
    assert site.due.isoformat() == facts["next_due"]

    await site.until(site.due)
    assert 2 == len(calls)
    assert [] == await site.failing()


async def test_force_does_not_wait(site, diary):
    """The operator's word goes before every reason to wait."""
    diary.broken["2026-09"] = parked(NOW + 10 * MINUTE)
    await site.schedule()
    diary.broken.clear()

    result = await site.ask(force=True)

    assert {Outcome.COMMITTED} == {each.outcome for each in result.slices}


async def test_a_parked_slice_waits_through_a_restart(site, diary):
    """The first scheduled run of the new process does not read it, its alarm does."""
    due = NOW + 10 * MINUTE
    diary.broken["2026-09"] = parked(due)
    await site.schedule()
    diary.broken.clear()
    diary.entries.clear()

    site.time += MINUTE
    await site.restart()
    assert due == site.due
    await site.schedule()
    assert [LISTED] == diary.entries

    await site.until(due)
    assert [LISTED, LISTED, SEPTEMBER] == diary.entries


async def test_a_failing_slice_is_tried_ever_more_slowly_until_it_is_well(site, diary):
    """The other one of the stream is not read again; the count is as durable as the rest."""
    diary.broken["2026-09"] = TransientError("no answer")
    await site.schedule()
    assert [LISTED, OCTOBER, SEPTEMBER] == diary.entries
    for tries in range(1, 5):
        await site.restart()
        [facts] = await site.failing()
        assert tries == facts["failures"]
        assert site.due.isoformat() == facts["next_due"]
        await site.until(site.due)

    diary.broken.clear()
    await site.until(site.due)

    assert 6 == diary.entries.count(SEPTEMBER)
    assert 1 == diary.entries.count(OCTOBER)
    assert timedelta(minutes=31 * 0.8) < site.time - NOW < timedelta(minutes=31 * 1.2)
    assert [] == await site.failing()
    assert None is site.due


async def test_a_slice_that_failed_is_tried_when_an_operator_or_the_schedule_says_so(site, diary):
    """Its pause keeps off retries alone."""
    diary.broken["2026-09"] = TransientError("no answer")
    await site.schedule()
    for trigger in (Trigger.RETRY, Trigger.CLI, Trigger.API, Trigger.SCHEDULE):
        await site.ask(trigger)

    assert 4 == diary.entries.count(SEPTEMBER)


@pytest.mark.parametrize(
    "error", [FatalError("the file is cut"), NotFoundError("gone"), KeyError()]
)
async def test_a_retry_leaves_alone_what_only_the_schedule_tries(site, diary, error):
    """A broken month of many gigabytes is not read each minute because another one waits."""
    diary.broken |= {"2026-09": TransientError("no answer"), "2026-10": error}
    await site.schedule()
    await site.until(NOW + timedelta(hours=1))

    assert 6 == diary.entries.count(SEPTEMBER)
    assert 1 == diary.entries.count(OCTOBER)

    await site.schedule()
    assert 2 == diary.entries.count(OCTOBER)


async def test_slices_that_fail_together_share_runs(site, diary):
    """An outage of ten minutes: a listing a minute at the most, not one for each slice."""
    months = [f"{year}-{month:02}" for year in (2025, 2026) for month in range(1, 13)]
    diary.months = months
    diary.broken = {month: TransientError("no answer") for month in months}
    await site.schedule()
    diary.entries.clear()
    await site.until(NOW + 10 * MINUTE)

    reads = [diary.entries.count(f"read {month}") for month in months]
    assert {2, 3} >= set(reads)  # after 1, 3 and 7 minutes, each up to a minute late
    assert 10 >= diary.entries.count(LISTED)


async def test_a_failed_slice_that_is_no_longer_listed_is_not_tried_for_ever(site, diary):
    """One retry finds that out."""
    diary.broken["2026-09"] = TransientError("no answer")
    await site.schedule()
    diary.months = ["2026-10"]
    diary.entries.clear()

    await site.until(NOW + timedelta(days=1))

    assert [LISTED] == diary.entries
    assert [] == await site.failing()


@pytest.mark.parametrize("error", [FatalError("the file is cut"), AuthError("denied"), KeyError()])
async def test_a_failed_slice_that_is_no_longer_listed_does_not_fail_for_ever(site, diary, error):
    """Nobody can mend it; whatever else is known of it stays."""
    diary.broken["2026-09"] = error
    await site.schedule()
    diary.months = ["2026-10"]
    site.time += timedelta(hours=6)
    await site.schedule()

    assert [] == await site.failing()
    record = (await site.runner.state.slices())["d/cost/2026-09"]
    assert ("absent", "it is no longer listed") == (record.outcome, record.reason)


async def test_what_the_configuration_no_longer_names_does_not_fail_for_ever(site, diary):
    """A stream that was removed, with its slices: nothing would ever try them again."""
    diary.broken["2026-09"] = TransientError("no answer")
    await site.schedule()
    await site.runner.state.put_streams(
        [StreamRecord(connector="d", stream="gone", updated_at=NOW, reason="no answer",
                      error_class="transient")]
    )  # fmt: skip
    await site.runner.state.put_slices(
        [SliceRecord(slice="d/gone/2026-09", connector="d", outcome="failed", updated_at=NOW)]
    )

    assert ["d/cost/2026-09"] == [each["name"] for each in await site.failing()]


async def test_refused_credentials_keep_off_every_run_that_nobody_asked_for(site, diary):
    """An operator may have mended them."""
    due = NOW + 15 * MINUTE
    diary.broken |= dict.fromkeys(diary.months, parked(due, ErrorClass.AUTH))
    await site.schedule()
    diary.entries.clear()

    result = await site.ask(Trigger.SCHEDULE)
    assert [LISTED] == diary.entries
    assert {ErrorClass.AUTH} == {each.error_class for each in result.slices}

    result = await site.ask(Trigger.CLI)
    assert [LISTED, LISTED, OCTOBER, SEPTEMBER] == diary.entries
    assert {ErrorClass.AUTH} == {each.error_class for each in result.slices}

    diary.broken.clear()
    await site.until(due)
    assert [LISTED, OCTOBER, SEPTEMBER] == diary.entries[4:]
    assert [] == await site.failing()


async def test_slices_that_were_refused_come_back_with_those_that_were_stopped(site, diary):
    """The first one was refused, which stopped the other one."""
    diary.broken["2026-10"] = AuthError("no such key")
    diary.broken["2026-09"] = parked(NOW + 15 * MINUTE, ErrorClass.AUTH)
    await site.schedule()
    diary.broken.clear()
    diary.entries.clear()

    await site.until(NOW + 15 * MINUTE)

    assert [LISTED, OCTOBER, SEPTEMBER] == diary.entries
    assert [] == await site.failing()


async def test_a_record_from_the_future_keeps_nobody_off(site, diary):
    """The clock of the machine was wrong; the first scheduled run mends what it left behind."""
    right = NOW
    site.time = NOW + timedelta(days=3650)
    diary.broken["2026-09"] = parked(site.time + 10 * MINUTE)
    await site.schedule()
    diary.broken.clear()

    site.time = right
    await site.restart()
    await site.schedule()

    assert SEPTEMBER == diary.entries[-1]
    assert [] == await site.failing()
    assert None is site.due


async def test_the_connector_hears_whether_somebody_asked(site, diary):
    """A check and a plan are asked for, too."""
    told = []
    real = site.runner.contexts

    def contexts(connector, *, asked):
        told.append(asked)
        return real(connector, asked=asked)

    object.__setattr__(site.runner, "contexts", contexts)
    for trigger in (Trigger.CLI, Trigger.API, Trigger.SCHEDULE, Trigger.RETRY):
        await site.ask(trigger)
    await site.app.operations.call("plan", {}, lambda event: None)
    await site.app.operations.call("check", {}, lambda event: None)

    assert [True, True, False, False, True, True] == told


async def test_an_operator_sees_when_and_why(site, diary):
    """In the lists of slices and in the status."""
    diary.broken["2026-09"] = TransientError("no answer")
    diary.broken["2026-10"] = FatalError("the file is cut")
    await site.schedule()

    async def asked(name, **params):
        return await site.app.operations.call(name, params, lambda event: None)

    again = site.due.isoformat()
    assert [("d/cost/2026-09", again), ("d/cost/2026-10", None)] == [
        (each["slice"], each["next_due"]) for each in (await asked("slices.list"))["slices"]
    ]
    shown = (await asked("slices.show", slice="d/cost/2026-09"))["record"]
    assert ("failed", "no answer", 1, again) == tuple(
        shown[name] for name in ("outcome", "reason", "failures", "next_due")
    )
    assert [
        {"name": "d/cost/2026-09", "error_class": "transient", "reason": "no answer",
         "failures": 1, "next_due": again},
        {"name": "d/cost/2026-10", "error_class": "fatal", "reason": "the file is cut",
         "failures": 1, "next_due": None},
    ] == (await asked("status"))["failing"]  # fmt: skip
    planned = {each["slice"]: each for each in (await asked("plan"))["slices"]}
    assert {"read"} == {each["action"] for each in planned.values()}


async def test_a_plan_says_until_when_a_slice_waits(site, diary):
    """With the reason of the failure."""
    due = NOW + 10 * MINUTE
    diary.broken["2026-09"] = parked(due)
    await site.schedule()
    document = await site.app.operations.call("plan", {}, lambda event: None)

    [waiting] = [each for each in document["slices"] if each["action"] == "parked"]
    assert ("the provider wants a long wait", due.isoformat()) == (
        waiting["reason"],
        waiting["next_due"],
    )
