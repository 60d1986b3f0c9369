"""What failed or waits is tried again when it is due, also by the next process; not before."""

from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import anyio
import pytest

from ogfd.control.failing import failing
from ogfd.daemon import open_app
from ogfd.plugin import (
    AuthError,
    ErrorClass,
    FatalError,
    NotFoundError,
    Parked,
    SinkError,
    TransientError,
)
from ogfd.registry import Bound
from ogfd.runs import Dispatcher, RunRequest, Trigger, scheduled
from ogfd.slices import Outcome
from ogfd.state import SliceRecord, StreamRecord

NOW = datetime(2026, 11, 10, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
LISTED, SEPTEMBER, OCTOBER = "listed", "read 2026-09", "read 2026-10"


class Site:
    """A daemon whose clock and alarm a test moves."""

    def __init__(self, bound: Bound) -> None:
        self.bound = bound
        self.time = NOW
        self.due = None
        self.fire = None
        self.set = 0  # how often the dispatcher set the alarm or took it back
        self.asked = 0
        self._stack = None

    def now(self):
        return self.time

    def at(self, connector, due, fire):
        self.due, self.fire = due, fire
        self.set += 1

    def off(self, connector):
        self.due = self.fire = None
        self.set += 1

    async def start(self):
        self._stack = AsyncExitStack()
        self.app = await self._stack.enter_async_context(open_app(self.bound))
        self.runner = self.app.runner
        self.dispatcher = Dispatcher(self.runner, self)
        self.set, self.asked = 0, 0
        tasks = await self._stack.enter_async_context(anyio.create_task_group())
        self._stack.callback(tasks.cancel_scope.cancel)
        tasks.start_soon(self.dispatcher.serve)
        await self.settle()

    async def stop(self):
        await self._stack.aclose()

    async def restart(self):
        """Start anew with nothing but what is on disk."""
        await self.stop()
        await self.start()

    async def settle(self):
        """Wait until the alarm was set, or taken back, after the start and after each run."""
        with anyio.fail_after(30):
            while self.set <= self.asked:
                await anyio.sleep(0.001)

    async def ask(self, trigger=Trigger.CLI, **options):
        request = RunRequest(connector="d", trigger=trigger, **options)
        self.asked += 1
        result = await self.runner.run(request, lambda event: None)
        await self.settle()
        return result

    async def schedule(self):
        """Run as the schedule has it run; the dispatcher hears of it."""
        self.asked += 1
        self.dispatcher.submit(scheduled("d", frozenset({"cost"})))
        await self.settle()

    async def until(self, time):
        """Let time go by; the alarm goes off when it is due."""
        while self.due is not None and self.due <= time:
            self.time, fire = max(self.time, self.due), self.fire
            self.due = self.fire = None
            self.asked += 1
            fire()
            await self.settle()
        self.time = time

    async def failing(self):
        return await failing(self.runner.state, self.runner.blueprints)


@pytest.fixture
async def site(bound, monkeypatch):
    connectors = {"d": bound.connectors["d"].table}
    made = Site(replace(bound, settings=replace(bound.settings, connectors=connectors)))
    monkeypatch.setattr("ogfd.daemon.utc_now", made.now)
    await made.start()
    yield made
    await made.stop()


def parked(due, error_class=ErrorClass.TRANSIENT):
    return Parked("the provider wants a long wait", next_due=due, error_class=error_class)


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


class Listing:
    """Replaces what the stream lists by an error, for as long as there is one."""

    def __init__(self, diary, error):
        self.error = error
        self.real = diary.partitions
        diary.partitions = self
        self.entries = diary.entries

    async def __call__(self, window):
        if self.error is not None:
            self.entries.append("refused")
            raise self.error
        return await self.real(window)


class Opening:
    """Replaces the opening of the connector by an error, for as long as there is one."""

    def __init__(self, site, diary, error):
        self.error = error
        self.entries = diary.entries
        connector = site.bound.connectors["d"]
        self.real = connector.spec.open
        site.bound.connectors["d"] = replace(connector, spec=replace(connector.spec, open=self))

    @asynccontextmanager
    async def __call__(self, config, ctx):
        if self.error is not None:
            self.entries.append("refused")
            raise self.error
        async with self.real(config, ctx) as streams:
            yield streams


@pytest.fixture(params=["listing", "opening", "a group of errors"])
async def refusing(request, site, diary):
    """Return what makes the connector fail before any slice is known; set its ``error``."""
    if request.param == "listing":
        return Listing(diary, None)
    made = Opening(site, diary, None)
    await site.restart()
    if request.param == "opening":
        return made

    class Grouped:
        def __setattr__(self, name, error):
            made.error = error and ExceptionGroup("in a task group", [error])

    return Grouped()


async def test_a_stream_that_is_parked_is_listed_at_its_time_and_not_before(site, diary, refusing):
    """Through a restart, too: the schedule's first run asks nothing of the provider."""
    due = NOW + 10 * MINUTE
    refusing.error = parked(due)
    await site.schedule()
    assert ["refused"] == diary.entries
    refusing.error = None

    site.time += MINUTE
    await site.restart()
    assert due == site.due
    await site.schedule()
    [error] = (await site.ask(Trigger.SCHEDULE)).errors
    assert ("cost", "the provider wants a long wait", due) == (
        error.stream,
        error.message,
        error.next_due,
    )
    assert ["refused"] == diary.entries

    await site.until(due)
    assert ["refused", LISTED, OCTOBER, SEPTEMBER] == diary.entries
    assert [] == await site.failing()
    assert None is site.due


async def test_an_operator_may_list_a_stream_that_waits(site, diary, refusing):
    """Once it is listed, nothing is left to wait for."""
    refusing.error = parked(NOW + 10 * MINUTE)
    await site.schedule()
    refusing.error = None

    await site.ask()

    assert ["refused", LISTED, OCTOBER, SEPTEMBER] == diary.entries
    assert [] == await site.failing()


async def test_a_plan_puts_nothing_on_record(site, diary, refusing):
    """Neither that a stream cannot be listed, nor that it can."""
    refusing.error = TransientError("no answer")
    _, [error] = await site.runner.plan(RunRequest(connector="d", trigger=Trigger.CLI))
    assert ("no answer", []) == (error.message, await site.failing())

    await site.schedule()
    refusing.error = None
    await site.runner.plan(RunRequest(connector="d", trigger=Trigger.CLI))
    assert ["d/cost"] == [each["name"] for each in await site.failing()]


@pytest.mark.parametrize("restarts", [False, True])
async def test_a_stream_that_fails_is_listed_again_ever_more_slowly(
    site, diary, refusing, restarts
):
    """1, 2, 4, ... minutes, give or take a fifth, counted through restarts."""
    refusing.error = TransientError("no answer")
    await site.schedule()
    pauses = []
    for _ in range(5 if restarts else 8):
        if restarts:
            await site.restart()
        began = site.time
        await site.until(site.due)
        pauses.append((site.time - began) / MINUTE)

    meant = [1, 2, 4, 8, 16, 32, 60, 60][: len(pauses)]
    assert all(0.8 * m <= pause <= 1.2 * m for m, pause in zip(meant, pauses, strict=True)), pauses
    assert len(pauses) + 1 == diary.entries.count("refused")


async def test_a_stream_that_only_an_operator_mends_waits_for_the_schedule(site, diary, refusing):
    """A parked slice of it, too: to try it is to list the stream."""
    diary.broken["2026-09"] = parked(NOW + 10 * MINUTE)
    await site.schedule()
    refusing.error = FatalError("no such column")
    await site.schedule()
    assert None is site.due

    refusing.error = None
    diary.broken.clear()
    await site.until(NOW + 10 * MINUTE)
    await site.schedule()
    assert SEPTEMBER == diary.entries[-1]
    assert [] == await site.failing()


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


async def test_credentials_that_are_refused_at_the_first_request_are_tried_again(
    site, diary, refusing
):
    """Each quarter of an hour, although nothing has been stopped yet that would say until when."""
    refusing.error = AuthError("no such key")
    await site.schedule()
    assert NOW + 15 * MINUTE == site.due

    await site.until(NOW + 40 * MINUTE)
    assert ["refused"] * 3 == diary.entries

    refusing.error = None
    await site.until(NOW + 45 * MINUTE)
    assert [LISTED, OCTOBER, SEPTEMBER] == diary.entries[3:]
    assert [] == await site.failing()
    assert None is site.due


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


async def test_an_operator_sees_that_slices_wait_for_their_stream(site, diary):
    """In the list, of one slice and in the status; the stream itself is in the latter."""
    await site.schedule()
    diary.version = "v2"
    diary.broken["2026-09"] = TransientError("no answer")
    await site.schedule()
    due = NOW + timedelta(hours=1)
    Listing(diary, parked(due))
    await site.schedule()

    async def asked(name, **params):
        return await site.app.operations.call(name, params, lambda event: None)

    again, failed = due.isoformat(), "d/cost/2026-09"
    listed = {each["slice"]: each for each in (await asked("slices.list"))["slices"]}
    assert again == listed[failed]["next_due"]
    shown = await asked("slices.show", slice=failed)
    assert [again] * 2 == [each["next_due"] for each in (shown["record"], *shown["sinks"])]
    assert [("d/cost", again), (failed, again)] == [
        (each["name"], each["next_due"]) for each in (await asked("status"))["failing"]
    ]


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
