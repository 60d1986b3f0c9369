"""A stream that cannot be listed is listed again when it is due, as slices are read; not before."""

from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta

import pytest
from runs.clockwork import LISTED, MINUTE, NOW, OCTOBER, SEPTEMBER, parked

from ogfd.plugin import AuthError, FatalError, TransientError
from ogfd.runs import RunRequest, Trigger


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
