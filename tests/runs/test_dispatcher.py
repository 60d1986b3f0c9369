"""The queue neither loses a request nor keeps the daemon busy for nothing."""

from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import anyio
import pytest

from ogfd.plugin import ErrorClass
from ogfd.runs import Dispatcher, RunError, RunRequest, RunResult, Trigger, retry_of
from ogfd.state import SliceRecord, StateError, StreamRecord

NOW = datetime(2026, 11, 10, 12, tzinfo=UTC)
FAILURE = RunError(error_class=ErrorClass.TRANSIENT, message="no answer")


class Store:
    """Has the records that a test gives it."""

    def __init__(self):
        self.records = []
        self.missed = []

    async def slices(self, connector):
        if isinstance(self.records, Exception):
            raise self.records
        return {record.slice: record for record in self.records}

    async def streams(self, connector):
        return {record.stream: record for record in self.missed}

    def park(self, slice, due):
        self.records.append(
            SliceRecord(
                slice=slice, connector="aws", outcome="failed", updated_at=NOW, next_due=due
            )
        )

    def miss(self, stream, due):
        self.missed.append(
            StreamRecord(
                connector="aws", stream=stream, updated_at=NOW, reason="throttled",
                error_class="transient", next_due=due,
            )
        )  # fmt: skip


class Runs:
    """A runner whose runs end as a test says; holds each one's turn as the real one does."""

    def __init__(self):
        self.connectors = {"aws": None}
        self.blueprints = {"aws": {"cost": None, "carbon": None}}
        self.state = Store()
        self.errors = []
        self.turn = anyio.Lock()
        self.listeners = []
        self.go = anyio.Semaphore(1000)
        self.began = []
        self.ended = 0
        self.time = NOW
        self.seconds = 0

    def now(self):
        return self.time

    async def run(self, request, emit, begun):
        async with self.turn:
            begun()
            self.began.append(request)
            started_at = self.time
            await self.go.acquire()
            self.time += timedelta(seconds=self.seconds)
            self.ended += 1
            result = RunResult(
                run_id="r", connector="aws", provider="aws", trigger=request.trigger,
                started_at=started_at, ended_at=self.time, errors=self.errors,
            )  # fmt: skip
            for listener in self.listeners:
                listener("aws", result)
            return result


class Alarm:
    """Remembers what it was set to."""

    def __init__(self):
        self.dues = []
        self.fire = None

    def at(self, connector, due, fire):
        self.dues.append(due)
        self.fire = fire

    def off(self, connector):
        self.fire = None


@pytest.fixture
async def runs():
    return Runs()


@pytest.fixture
async def served(runs):
    """Yield a dispatcher at work and its alarm."""
    async with serving(runs) as served:
        yield served


@asynccontextmanager
async def serving(runs):
    alarm = Alarm()
    dispatcher = Dispatcher(runs, alarm)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(dispatcher.serve)
        await anyio.wait_all_tasks_blocked()
        yield SimpleNamespace(dispatcher=dispatcher, alarm=alarm)
        tasks.cancel_scope.cancel()


async def ran(runs, served, trigger, times=1):
    """Run *times* times; return the pauses after which the alarm was to go off."""
    served.alarm.dues.clear()
    for _ in range(times):
        served.dispatcher.submit(RunRequest(connector="aws", trigger=trigger))
        await anyio.wait_all_tasks_blocked()
    return [due - runs.time for due in served.alarm.dues]


async def retried(runs, served, times):
    return await ran(runs, served, Trigger.RETRY, times)


async def test_a_slice_that_stays_due_is_not_tried_at_once(runs, served):
    """A minute later, then twice as long each time while runs fail, up to an hour."""
    runs.state.park("aws/cost/2026-10", NOW - timedelta(days=1))
    runs.errors = [FAILURE]

    pauses = await retried(runs, served, 8)

    assert [1, 2, 4, 8, 16, 32, 60, 60] == [pause / timedelta(minutes=1) for pause in pauses]


async def test_a_success_shortens_the_pause_again(runs, served):
    """Back to a minute."""
    runs.state.park("aws/cost/2026-10", NOW - timedelta(days=1))
    runs.errors = [FAILURE]
    await retried(runs, served, 5)
    runs.errors = []

    assert [timedelta(minutes=1)] == await retried(runs, served, 1)


async def test_a_due_that_lies_ahead_is_kept(runs, served):
    """The earliest one of the streams that are configured; others are nobody's business."""
    runs.state.park("aws/cost/2026-09", NOW + timedelta(minutes=7))
    runs.state.park("aws/cost/2026-10", NOW + timedelta(minutes=5))
    runs.state.park("aws/gone/2026-10", NOW - timedelta(days=1))

    assert [timedelta(minutes=5)] == await retried(runs, served, 1)


@pytest.mark.parametrize("trigger", [Trigger.SCHEDULE, Trigger.CLI])
async def test_a_due_that_is_near_is_kept_to_the_second(runs, served, trigger):
    """Not before, and not a minute late."""
    runs.state.park("aws/cost/2026-10", NOW + timedelta(seconds=4))

    assert [timedelta(seconds=4)] == await ran(runs, served, trigger)


async def test_after_a_start_what_waited_is_tried_when_it_is_due(runs):
    """As the store knows it, to the second; nothing of it was in memory."""
    runs.state.park("aws/cost/2026-10", NOW + timedelta(seconds=4))
    runs.state.park("aws/carbon/2026-10", NOW + timedelta(hours=1))

    async with serving(runs) as served:
        assert [NOW + timedelta(seconds=4)] == served.alarm.dues
        runs.time += timedelta(seconds=4)
        served.alarm.fire()
        await anyio.wait_all_tasks_blocked()

    assert [retry_of("aws", {"cost"})] == runs.began


async def test_after_a_start_what_is_overdue_is_left_to_the_first_scheduled_run(runs):
    """That comes within a minute, spread over the connectors."""
    runs.state.park("aws/cost/2026-10", NOW - timedelta(hours=1))

    async with serving(runs) as served:
        assert [NOW + timedelta(minutes=1)] == served.alarm.dues


async def test_what_became_due_during_a_long_run_is_tried_at_once_after_it(runs, served):
    """It could not be tried by that run, so there is nothing to keep away from."""
    runs.seconds = 600
    runs.state.park("aws/cost/2026-10", NOW + timedelta(minutes=5))

    assert timedelta(0) >= (await ran(runs, served, Trigger.SCHEDULE))[0]


async def test_retries_of_a_connector_keep_a_minute_from_each_other(runs, served):
    """Slices that failed together are due one after the other; a run takes many of them."""
    runs.state.park("aws/cost/2026-10", NOW + timedelta(seconds=4))

    assert [timedelta(minutes=1)] == await retried(runs, served, 1)


async def test_a_retry_goes_over_the_streams_concerned(runs, served):
    """Others need not be listed."""
    runs.state.park("aws/cost/2026-10", NOW + timedelta(minutes=5))
    runs.state.miss("carbon", NOW + timedelta(minutes=7))
    await ran(runs, served, Trigger.SCHEDULE)
    runs.began.clear()
    served.alarm.fire()
    await anyio.wait_all_tasks_blocked()

    assert [retry_of("aws", {"cost"})] == runs.began


async def test_a_stream_that_could_not_be_listed_is_due_too(runs, served):
    """Its slices wait for that."""
    runs.state.park("aws/cost/2026-10", NOW + timedelta(minutes=5))
    runs.state.miss("cost", NOW + timedelta(minutes=7))

    assert [timedelta(minutes=7)] == await ran(runs, served, Trigger.SCHEDULE)


async def test_without_anything_to_try_again_the_alarm_is_off(runs, served):
    """An operator's run may have made what waited current."""
    runs.state.park("aws/cost/2026-10", NOW + timedelta(minutes=5))
    await ran(runs, served, Trigger.SCHEDULE)
    runs.state.records.clear()
    await ran(runs, served, Trigger.CLI)

    assert None is served.alarm.fire


async def test_a_run_that_came_by_another_door_counts_too(runs, served):
    """An operator's command does not pass the queue; what it parks is tried again all the same."""
    runs.state.park("aws/cost/2026-10", NOW + timedelta(minutes=5))
    await runs.run(RunRequest(connector="aws", trigger=Trigger.CLI), None, lambda: None)
    await anyio.wait_all_tasks_blocked()

    assert [NOW + timedelta(minutes=5)] == served.alarm.dues


async def test_a_dispatcher_that_stopped_hears_no_more(runs):
    """Runs that end after it are nobody's business."""
    async with serving(runs):
        assert 1 == len(runs.listeners)

    assert [] == runs.listeners


async def test_a_state_store_that_cannot_be_read_does_not_stop_the_queue(runs, served):
    """The schedule goes on."""
    runs.state.records = StateError("the state store cannot be read")
    await retried(runs, served, 2)

    assert 2 == runs.ended


async def test_the_same_request_waits_once(runs, served):
    """One behind another run counts as waiting until it has its turn."""
    runs.go = anyio.Semaphore(0)
    submit, retry = served.dispatcher.submit, retry_of("aws", {"cost"})
    submit(RunRequest(connector="aws", trigger=Trigger.API))
    await anyio.wait_all_tasks_blocked()

    assert [True, False] == [submit(retry), submit(retry)]
    await anyio.wait_all_tasks_blocked()
    assert submit(retry) is False


async def test_a_request_that_runs_does_not_count_as_waiting(runs, served):
    """What comes while it runs waits, and the end of the first run does not forget that."""
    runs.go = anyio.Semaphore(0)
    submit, retry = served.dispatcher.submit, retry_of("aws", {"cost"})
    submit(retry)
    await anyio.wait_all_tasks_blocked()
    submit(RunRequest(connector="aws", trigger=Trigger.API))
    await anyio.wait_all_tasks_blocked()

    assert submit(retry) is True
    await anyio.wait_all_tasks_blocked()
    runs.go.release()
    await anyio.wait_all_tasks_blocked()
    assert 2 == len(runs.began)
    assert submit(retry) is False
