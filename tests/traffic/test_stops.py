"""How breakers act on calls under the policy."""

from datetime import UTC, datetime, timedelta
from typing import Any

import anyio
import pytest
from anyio import wait_all_tasks_blocked
from traffic.answering import answer

from ogfd.plugin import (
    ErrorClass,
    FatalError,
    NotFoundError,
    Parked,
    TransientError,
)
from ogfd.traffic import TokenBucket
from ogfd.traffic.attempt import Attempt

VIRTUAL_TIME = True

NOW = datetime(2026, 10, 1, tzinfo=UTC)


async def test_a_short_stop_is_waited_out_and_the_first_call_is_the_probe(world: Any) -> None:
    """Thirty seconds after the fifth failure."""
    with pytest.raises(TransientError):
        await world.run(answer(503), policy=world.policy(rng=lambda: 0.0))
    began = anyio.current_time() - world.start

    assert "rows" == await world.run(answer(503), "rows", policy=world.policy(rng=lambda: 0.0))

    # The fifth attempt in a row fails and opens the breaker; the sixth is the probe.
    assert [began, began + 30] == world.starts[4:]


async def test_a_long_stop_parks_the_slice(world: Any) -> None:
    """The reason is on record; nothing is sent and no token kept."""
    with pytest.raises(TransientError):
        await world.run(answer(503), policy=world.policy(rng=lambda: 0.0))
    granted = world.bucket.statistics().granted
    with pytest.raises(Parked) as parked:
        await world.run(answer(503), policy=world.policy(rng=lambda: 0.0))

    assert ErrorClass.TRANSIENT is parked.value.error_class
    assert "s3:Get: not asked for another 120 s, after answered 503" == str(parked.value)
    # The fifth in a row opens it for 30 s, the probes after that for 60 s and 120 s.
    assert 7 == len(world.starts)
    assert granted + 3 == world.bucket.statistics().granted


async def test_who_stands_in_the_queue_when_the_breaker_opens_does_not_go(world: Any) -> None:
    """Four hundred callers at five a second would take a minute and a half to notice."""
    world.bucket = TokenBucket(1, 1, anyio.current_time)
    ends: list[type[Exception]] = []

    async def caller() -> None:
        try:
            await world.run(answer(503), policy=world.policy(retries=0))
        except (TransientError, Parked) as exc:
            ends.append(type(exc))

    async with anyio.create_task_group() as group:
        for _ in range(50):
            group.start_soon(caller)
        await anyio.sleep(6)
        assert 5 == len(world.starts)

    # One probe after 30 s and one after another 60 s; two minutes are too long to wait.
    assert [34, 94] == world.starts[5:]
    assert 7 == ends.count(TransientError)
    assert 43 == ends.count(Parked)


async def test_throttling_is_no_failure_of_the_provider(world: Any) -> None:
    """It answers: the bucket slows down, nothing is stopped."""
    for _ in range(3):
        with pytest.raises(TransientError):
            await world.run(answer(429))

    assert 12 == len(world.starts)
    assert not world.breaker.is_open


@pytest.mark.parametrize(
    ("failure", "kind"), [(answer(404), NotFoundError), (FatalError("a column"), FatalError)]
)
async def test_an_answer_that_says_no_is_no_outage(world: Any, failure: Any, kind: Any) -> None:
    """The provider works."""
    for _ in range(9):
        with pytest.raises(kind):
            await world.run(failure)

    assert not world.breaker.is_open


async def test_a_download_that_gets_on_is_no_outage(world: Any) -> None:
    """However often it breaks off."""

    async def work(attempt: Attempt) -> None:
        attempt.progressed = True
        if attempt.number <= 12:
            raise ConnectionResetError

    await world.policy().run("o", work, lane=world.lane(), timeout=None)

    assert not world.breaker.is_open


async def test_a_probe_that_takes_long_keeps_nobody_waiting(world: Any) -> None:
    """A download that is open proves enough, an hour before its end."""
    for _ in range(2):
        with pytest.raises(TransientError):
            await world.run(answer(503), policy=world.policy(rng=lambda: 0.0, retries=1))
    await world.run(answer(503), "rows", policy=world.policy(rng=lambda: 0.0))
    ended = []

    async def long(attempt: Attempt) -> None:
        attempt.served()
        await anyio.sleep(3600)

    async with anyio.create_task_group() as group:
        group.start_soon(
            lambda: world.policy().run("o", long, lane=world.lane(), timeout=None, bounded=False)
        )
        await wait_all_tasks_blocked()
        await world.run("rows")
        ended.append(anyio.current_time())
        group.cancel_scope.cancel()

    assert not world.breaker.is_open


async def test_a_failure_within_the_probe_is_that_of_the_probe(world: Any) -> None:
    """The call around passes it on, and the next probe waits for twice as long."""
    with pytest.raises(TransientError):
        await world.run(answer(503), policy=world.policy(retries=4, rng=lambda: 0.0))
    await anyio.sleep(30)

    async def outer(_: Attempt) -> None:
        await world.run(answer(503), policy=world.policy(retries=0))

    with pytest.raises(TransientError):
        await world.policy().run("outer", outer, lane=world.lane(), timeout=None)

    assert 60 == world.breaker.open_seconds


async def test_success_within_the_probe_is_not_yet_that_of_the_probe(world: Any) -> None:
    """A login that works says little about what comes after it."""
    with pytest.raises(TransientError):
        await world.run(answer(503), policy=world.policy(retries=4, rng=lambda: 0.0))
    await anyio.sleep(30)

    async def outer(_: Attempt) -> None:
        for _ in range(3):
            await world.run("token")
        raise answer(503)

    with pytest.raises(TransientError):
        await world.policy(retries=0).run("outer", outer, lane=world.lane(), timeout=None)

    assert 60 == world.breaker.open_seconds


async def test_a_probe_whose_end_is_a_bug_makes_room_for_the_next(world: Any) -> None:
    """Also if the connector's own table is the bug."""
    with pytest.raises(TransientError):
        await world.run(answer(503), policy=world.policy(retries=4, rng=lambda: 0.0))
    await anyio.sleep(30)
    with pytest.raises(ZeroDivisionError):
        await world.run(answer(503), policy=world.policy(connector=lambda _: 1 / 0))
    with pytest.raises(TypeError):
        await world.run(TypeError())
    with anyio.move_on_after(1):
        await world.run(20)
    began = anyio.current_time()

    assert "rows" == await world.run("rows")
    assert began == anyio.current_time()


async def test_a_probe_that_was_parked_asked_nobody(world: Any) -> None:
    """Its provider may be as broken as before."""
    with pytest.raises(TransientError):
        await world.run(answer(503), policy=world.policy(retries=4, rng=lambda: 0.0))
    await anyio.sleep(30)
    for _ in range(2):
        with pytest.raises(Parked):
            await world.run(Parked("another key waits", next_due=NOW))

    assert world.breaker.is_open


async def test_who_waits_for_a_probe_in_vain_is_parked_for_a_minute(world: Any) -> None:
    """Not until now: that would be no wait at all."""
    with pytest.raises(TransientError):
        await world.run(answer(503), policy=world.policy(retries=4, rng=lambda: 0.0))
    await anyio.sleep(30)
    async with anyio.create_task_group() as group:
        group.start_soon(lambda: world.run(900, timeout=None, bounded=False))
        await wait_all_tasks_blocked()
        with pytest.raises(Parked) as parked:
            await world.run("rows")

    assert "s3:Get: waited 600 s to be let go" == str(parked.value)
    assert NOW + timedelta(seconds=30 + 600 + 60) == parked.value.next_due


async def test_a_call_that_is_cancelled_already_is_not_parked(world: Any) -> None:
    """A task group that stops would hand it on as an error."""
    with pytest.raises(TransientError):
        await world.run(answer(503), policy=world.policy(retries=4, rng=lambda: 0.0))
    with anyio.CancelScope() as scope:
        scope.cancel()
        await world.run("rows")

    assert scope.cancelled_caught
