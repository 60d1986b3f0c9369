"""Breakers under virtual time: when they open, who may probe, when they close."""

import random
from typing import Any

import anyio
import pytest
from anyio import wait_all_tasks_blocked

from ogfd.traffic import Breaker, BreakerOpen, BreakerSettings
from ogfd.traffic.limits.breaker import CREDENTIAL, OUTAGE

VIRTUAL_TIME = True


def breaker_of(settings: BreakerSettings = OUTAGE, rng: Any = lambda: 0.5) -> Breaker:
    return Breaker(settings, anyio.current_time, rng)


def fail(breaker: Breaker, times: int = 5) -> None:
    for _ in range(times):
        ticket = breaker.enter()
        assert ticket is not None
        ticket.failed("HTTP 503")


def succeed(breaker: Breaker, times: int = 1) -> None:
    for _ in range(times):
        ticket = breaker.enter()
        assert ticket is not None
        ticket.succeeded()


async def test_five_failures_in_a_row_open_it_for_thirty_seconds() -> None:
    """Four do not, nor do five with a success among them."""
    breaker = breaker_of()
    fail(breaker, 4)
    succeed(breaker)
    fail(breaker, 4)
    assert not breaker.is_open

    fail(breaker, 1)

    assert breaker.is_open
    assert 30 == breaker.open_seconds
    assert breaker.enter() is None
    assert "HTTP 503" == breaker.reason


async def test_half_of_ten_calls_open_it_even_if_never_five_in_a_row() -> None:
    """A provider that fails every other call is not well either."""
    breaker = breaker_of()
    for _ in range(4):
        succeed(breaker)
        fail(breaker, 1)
    succeed(breaker)
    assert not breaker.is_open, "nine calls are too few to tell"
    fail(breaker, 1)

    assert breaker.is_open


async def test_old_failures_are_forgotten() -> None:
    """Only the latest two minutes count."""
    breaker = breaker_of()
    for _ in range(4):
        succeed(breaker)
        fail(breaker, 1)
    await anyio.sleep(121)
    succeed(breaker)
    fail(breaker, 1)

    assert not breaker.is_open


async def test_exactly_one_probe_goes_at_a_time_and_two_successes_close_it() -> None:
    """The others wait for its verdict."""
    breaker = breaker_of()
    fail(breaker)
    await anyio.sleep(30)

    probe = breaker.enter()
    assert probe is not None
    assert probe.is_probe
    assert breaker.enter() is None
    probe.succeeded()
    assert breaker.is_open
    second = breaker.enter()
    assert second is not None
    assert breaker.enter() is None
    second.succeeded()

    assert not breaker.is_open
    assert breaker.enter() is not None
    assert breaker.enter() is not None


async def test_each_failed_probe_doubles_the_time_up_to_two_minutes() -> None:
    """A closed breaker starts again at thirty seconds."""
    breaker = breaker_of()
    fail(breaker)
    spans = [breaker.open_seconds]
    for _ in range(6):
        await anyio.sleep(breaker.open_seconds)
        fail(breaker, 1)
        spans.append(breaker.open_seconds)
    assert [30, 60, 120, 120, 120, 120, 120] == spans

    await anyio.sleep(120)
    succeed(breaker, 2)
    fail(breaker)

    assert 30 == breaker.open_seconds


async def test_the_time_varies_by_a_fifth() -> None:
    """Keys that opened together must not probe together."""
    rng = random.Random(1).random
    spans = []
    for _ in range(200):
        breaker = breaker_of(rng=rng)
        fail(breaker)
        spans.append(breaker.open_seconds)

    assert 24 <= min(spans) < 25
    assert 35 < max(spans) <= 36


async def test_an_abandoned_probe_makes_room_for_the_next() -> None:
    """A cancelled call must not keep the breaker open for ever."""
    breaker = breaker_of()
    fail(breaker)
    await anyio.sleep(30)
    probe = breaker.enter()
    assert probe is not None
    probe.abandoned()

    assert breaker.is_open
    assert breaker.enter() is not None


async def test_calls_from_before_a_change_say_nothing_after_it() -> None:
    """Late answers of the outage must not open it again, nor old successes close it."""
    breaker = breaker_of()
    late = [breaker.enter() for _ in range(6)]
    fail(breaker)
    late[5].succeeded()  # type: ignore[union-attr]
    assert breaker.is_open

    await anyio.sleep(30)
    succeed(breaker, 2)
    for ticket in late[:5]:
        ticket.failed("late")  # type: ignore[union-attr]

    assert not breaker.is_open
    assert "HTTP 503" == breaker.reason


async def test_a_ticket_counts_once() -> None:
    """What is said first holds."""
    breaker = breaker_of()
    ticket = breaker.enter()
    assert ticket is not None
    ticket.succeeded()
    for _ in range(9):
        ticket.failed("again")

    assert not breaker.is_open


async def test_who_waits_goes_on_when_the_time_is_up() -> None:
    """One becomes the probe; the rest goes on when it is through."""
    breaker = breaker_of()
    fail(breaker)
    began, entered = anyio.current_time(), []

    async def caller() -> None:
        while True:
            await breaker.ready()
            ticket = breaker.enter()
            if ticket is not None:
                break
        entered.append((anyio.current_time() - began, ticket.is_probe))
        await anyio.sleep(1)
        ticket.succeeded()

    async with anyio.create_task_group() as group:
        for _ in range(4):
            group.start_soon(caller)

    assert [(30, True), (31, True), (32, False), (32, False)] == entered


async def test_a_long_wait_is_refused_at_once_and_a_longer_one_while_waiting() -> None:
    """Who wants to wait a minute does not wait two because a probe failed meanwhile."""
    breaker = breaker_of()
    fail(breaker)
    with pytest.raises(BreakerOpen) as refused:
        await breaker.ready(longest=29)
    assert 30 == refused.value.seconds

    seen: list[Any] = []

    async def caller() -> None:
        try:
            await breaker.ready(longest=50)
        except BreakerOpen as exc:
            seen.append(exc.seconds)

    await anyio.sleep(29.5)
    async with anyio.create_task_group() as group:
        await anyio.sleep(0.5)
        probe = breaker.enter()
        assert probe is not None
        group.start_soon(caller)
        await wait_all_tasks_blocked()
        probe.failed("HTTP 503")

    assert [60] == seen


async def test_somebody_may_ask_for_a_probe_at_once() -> None:
    """As an operator who has mended what was broken."""
    breaker = breaker_of(CREDENTIAL)
    fail(breaker, 1)
    assert 900 == breaker.open_seconds
    assert breaker.enter() is None

    breaker.probe_now()
    succeed(breaker)

    assert not breaker.is_open
