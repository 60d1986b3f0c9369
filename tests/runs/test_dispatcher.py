"""The queue neither loses a request nor keeps the daemon busy for nothing."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import anyio
import pytest

from ogfd.plugin import ErrorClass
from ogfd.runs import Dispatcher, RunError, RunRequest, RunResult, Trigger, retry_of
from ogfd.state import SliceRecord, StateError

NOW = datetime(2026, 11, 10, 12, tzinfo=UTC)
FAILURE = RunError(error_class=ErrorClass.TRANSIENT, message="no answer")


class Store:
    """Has the records that a test gives it."""

    def __init__(self):
        self.records = []

    async def slices(self, connector):
        if isinstance(self.records, Exception):
            raise self.records
        return {record.slice: record for record in self.records}

    def park(self, slice, due):
        self.records.append(
            SliceRecord(
                slice=slice, connector="aws", outcome="failed", updated_at=NOW, next_due=due
            )
        )


class Runs:
    """A runner whose runs end as a test says; holds each one's turn as the real one does."""

    def __init__(self):
        self.connectors = {"aws": None}
        self.blueprints = {"aws": {"cost": None}}
        self.state = Store()
        self.errors = []
        self.turn = anyio.Lock()
        self.go = anyio.Semaphore(1000)
        self.began = []
        self.ended = 0

    def now(self):
        return NOW

    async def run(self, request, emit, begun):
        async with self.turn:
            begun()
            self.began.append(request)
            await self.go.acquire()
            self.ended += 1
            return RunResult(
                run_id="r", connector="aws", provider="aws", trigger=request.trigger,
                started_at=NOW, ended_at=NOW, errors=self.errors,
            )  # fmt: skip


@pytest.fixture
async def runs():
    return Runs()


@pytest.fixture
async def served(runs):
    """Yield a dispatcher at work and the times that it asked for."""
    dues = []
    dispatcher = Dispatcher(runs, lambda connector, due: dues.append(due))
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(dispatcher.serve)
        await anyio.wait_all_tasks_blocked()
        yield SimpleNamespace(dispatcher=dispatcher, dues=dues)
        tasks.cancel_scope.cancel()


async def retried(runs, served, times):
    """Run *times* times, as if the retry had fired; return the pauses that were asked for."""
    served.dues.clear()
    for _ in range(times):
        served.dispatcher.submit(retry_of("aws"))
        await anyio.wait_all_tasks_blocked()
    return [due - NOW for due in served.dues]


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


async def test_a_state_store_that_cannot_be_read_does_not_stop_the_queue(runs, served):
    """The schedule goes on."""
    runs.state.records = StateError("the state store cannot be read")
    await retried(runs, served, 2)

    assert 2 == runs.ended


async def test_the_same_request_waits_once(runs, served):
    """One behind another run counts as waiting until it has its turn."""
    runs.go = anyio.Semaphore(0)
    submit, retry = served.dispatcher.submit, retry_of("aws")
    submit(RunRequest(connector="aws", trigger=Trigger.API))
    await anyio.wait_all_tasks_blocked()

    assert [True, False] == [submit(retry), submit(retry)]
    await anyio.wait_all_tasks_blocked()
    assert submit(retry) is False


async def test_a_request_that_runs_does_not_count_as_waiting(runs, served):
    """What comes while it runs waits, and the end of the first run does not forget that."""
    runs.go = anyio.Semaphore(0)
    submit, retry = served.dispatcher.submit, retry_of("aws")
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
