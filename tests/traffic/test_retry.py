"""The retry loop under virtual time: how often, how long, and when not."""

import random
from datetime import timedelta
from typing import Any

import anyio
import pytest

from ogfd.plugin import (
    AuthError,
    BadRequestError,
    ErrorClass,
    FatalError,
    HttpError,
    NotFoundError,
    Parked,
    Response,
    Throttled,
    TransientError,
    UnknownError,
)
from ogfd.traffic import Breaker, BreakerSettings, TokenBucket
from ogfd.traffic.renewal import Renewal

VIRTUAL_TIME = True


def answer(status: Any, seconds: Any = None, body: Any = b"") -> Any:
    response = Response(status=status, headers={}, body=body, url="https://h/x")
    wait = None if seconds is None else timedelta(seconds=seconds)
    return HttpError(f"GET https://h/x answered {status}", response=response, retry_after=wait)


async def test_success_needs_one_attempt_and_one_token(world: Any) -> None:
    """The plain case: nothing waits, everything is told."""
    assert "rows" == await world.run("rows")
    assert [0] == world.starts
    assert [("s3:Get", "ok", None, 0, 0)] == world.recorder.attempts
    assert 1 == world.bucket.statistics().granted


async def test_transient_errors_are_tried_four_times_with_doubling_pauses(world: Any) -> None:
    """1, 2 and 4 seconds at the most; the error tells operation, status and attempts."""
    with pytest.raises(TransientError) as raised:
        await world.run(answer(503))

    assert [0, 1, 3, 7] == world.starts
    assert ["transient"] * 4 == world.recorder.results
    assert [(ErrorClass.TRANSIENT, wait) for wait in (1, 2, 4)] == world.recorder.retries
    error = raised.value
    assert ("s3:Get", 503, 4) == (error.operation, error.status, error.attempts)
    assert isinstance(error.__cause__, HttpError)
    assert "s3:Get: GET https://h/x answered 503 (4 attempts)" == str(error)
    assert 4 == world.bucket.statistics().granted


async def test_an_attempt_that_succeeds_ends_it(world: Any) -> None:
    """The third time lucky."""
    assert "rows" == await world.run(ConnectionResetError(), TimeoutError(), "rows")
    assert ["transient", "transient", "ok"] == world.recorder.results


async def test_pauses_are_full_jitter_and_never_longer_than_thirty_seconds(world: Any) -> None:
    """Uniform between nothing and the ceiling."""
    rng = random.Random(1).random
    world.breaker = Breaker(BreakerSettings(consecutive=99, least=99), anyio.current_time, rng)
    policy = world.policy(rng=rng, retries=9, deadline=timedelta(hours=1))
    with pytest.raises(TransientError):
        await world.run(answer(502), policy=policy)

    waits = [wait for _, wait in world.recorder.retries]
    ceilings = [1, 2, 4, 8, 16, 30, 30, 30, 30]
    assert all(0 <= wait <= ceiling for wait, ceiling in zip(waits, ceilings, strict=True))
    assert len({round(w / c, 6) for w, c in zip(waits, ceilings, strict=True)}) == 9


@pytest.mark.parametrize(
    ("failure", "attempts", "kind"),
    [
        (answer(500), 3, TransientError),
        (answer(429), 4, Throttled),
        (answer(401), 1, AuthError),
        (answer(403), 1, AuthError),
        (answer(400), 1, BadRequestError),
        (answer(404), 1, NotFoundError),
        (answer(501), 1, FatalError),
        (answer(418), 2, UnknownError),
        (RuntimeWarning("odd"), 2, UnknownError),
        (TransientError("mine"), 4, TransientError),
        (FatalError("mine"), 1, FatalError),
        (UnknownError("mine"), 2, UnknownError),
    ],
    ids=str,
)
async def test_the_class_decides_how_often(
    world: Any, failure: Any, attempts: Any, kind: Any
) -> None:
    """Transient 4, unknown 2, status 500 at most 3, all others once."""
    with pytest.raises(kind) as raised:
        await world.run(failure)

    assert type(raised.value) is kind
    assert attempts == raised.value.attempts == len(world.starts)


async def test_retries_can_be_switched_off_and_500_made_fatal(world: Any) -> None:
    """The operator's settings."""
    with pytest.raises(TransientError):
        await world.run(answer(503), policy=world.policy(retries=0))
    with pytest.raises(FatalError):
        await world.run(answer(500), policy=world.policy(overrides={"500": ErrorClass.FATAL}))

    assert 2 == len(world.starts)


async def test_the_servers_wait_wins_over_our_own(world: Any) -> None:
    """Also over the cap of our backoff; the whole key is blocked for that long."""
    assert "rows" == await world.run(answer(503, 45), "rows")
    assert [0, 45] == world.starts

    world.starts.clear()
    with pytest.raises(Throttled) as raised:
        await world.run(answer(429, 0.5), policy=world.policy(retries=1))
    assert [45, 46] == pytest.approx(world.starts, abs=0.01)  # our own second is longer
    assert timedelta(seconds=0.5) == raised.value.retry_after


async def test_throttling_slows_the_bucket_and_success_wins_it_back(world: Any) -> None:
    """The observer hears of the rate."""
    await world.run(answer(429), "rows")

    assert (510, 1) == (world.bucket.rate, world.bucket.statistics().cuts)


async def test_other_failures_do_not_slow_the_bucket(world: Any) -> None:
    """A 503 without more is no request to slow down."""
    await world.run(answer(503), "rows")

    assert 1000 == world.bucket.rate


async def test_a_wait_above_a_minute_parks(world: Any) -> None:
    """It is not slept through; the due time is the server's."""
    with pytest.raises(Parked) as parked:
        await world.run(answer(429, 61))

    assert [0] == world.starts
    assert "2026-10-01T00:01:01+00:00" == parked.value.next_due.isoformat()
    assert ErrorClass.TRANSIENT is parked.value.error_class
    assert isinstance(parked.value.__cause__, HttpError)
    assert (
        "s3:Get: the server wants to be left alone for 61 s: GET https://h/x answered 429"
        == str(parked.value)
    )


async def test_a_long_wait_parks_even_after_the_last_attempt(world: Any) -> None:
    """Trying the slice again before that would be useless."""
    with pytest.raises(Parked):
        await world.run(answer(429), answer(429, 3600), policy=world.policy(retries=1))


async def test_a_key_that_is_blocked_for_long_parks_other_calls_too(world: Any) -> None:
    """No request is made while the provider wants none."""
    with pytest.raises(Parked):
        await world.run(answer(429, 600))
    await anyio.sleep(100)
    with pytest.raises(Parked, match="next free request") as parked:
        await world.run("rows")

    assert [0] == world.starts
    assert "2026-10-01T00:10" == parked.value.next_due.isoformat()[:16]


async def test_a_queue_longer_than_the_deadline_parks_at_once(world: Any) -> None:
    """Waiting for a token that comes too late would only hold others up."""
    world.bucket = TokenBucket(0.001, 1, anyio.current_time)
    assert world.bucket.try_acquire()
    with pytest.raises(Parked) as parked:
        await world.run("rows")

    assert [] == world.starts
    assert "2026-10-01T00:16:40+00:00" == parked.value.next_due.isoformat()


async def test_a_wait_that_nobody_asked_for_is_not_made_for_an_error_that_stays(world: Any) -> None:
    """A Retry-After on a 404 neither blocks nor parks."""
    with pytest.raises(NotFoundError):
        await world.run(answer(404, 3600))

    assert 0 == world.bucket.blocked_seconds


async def test_an_attempt_that_takes_too_long_is_cut_off_and_tried_again(world: Any) -> None:
    """After its timeout, which is no longer than the call's deadline."""
    with pytest.raises(TransientError, match="no answer within 30 s") as raised:
        await world.run(99)

    assert isinstance(raised.value.__cause__, TimeoutError)
    assert [0, 31, 63, 97] == world.starts


async def test_there_is_no_retry_that_could_not_finish_in_time(world: Any) -> None:
    """The deadline of a call holds for all its attempts and waits."""
    policy = world.policy(deadline=timedelta(seconds=40))
    with pytest.raises(TransientError):
        await world.run(99, policy=policy)

    assert [0, 31] == world.starts
    assert 40 == anyio.current_time() - world.start


async def test_the_deadline_of_the_caller_counts_too(world: Any) -> None:
    """No pause is begun that the caller would not outlive."""
    with pytest.raises(TransientError), anyio.fail_after(2.5):
        await world.run(answer(503))

    assert [0, 1] == world.starts


async def test_an_unbounded_call_has_no_deadline(world: Any) -> None:
    """Downloads watch over themselves."""
    assert 7200 == await world.run(7200, timeout=None, bounded=False)


@pytest.mark.parametrize("failure", [answer(429), answer(503), ConnectionResetError(), answer(401)])
async def test_what_is_not_idempotent_is_not_repeated_once_it_was_sent(
    world: Any, failure: Any
) -> None:
    """The provider may have done it."""

    async def refresh() -> Any:
        raise AssertionError

    with pytest.raises((TransientError, AuthError)):
        await world.run(failure, idempotent=False, renewal=Renewal(refresh, anyio.current_time))

    assert [0] == world.starts


async def test_what_is_not_idempotent_is_repeated_as_long_as_nothing_was_sent(world: Any) -> None:
    """A refused connection did nothing."""
    numbers = []

    async def work(attempt: Any) -> Any:
        numbers.append(attempt.number)
        attempt.sent = attempt.number == 3
        raise ConnectionRefusedError

    with pytest.raises(TransientError):
        await world.policy().run("o", work, lane=world.lane(), timeout=None, idempotent=False)

    assert [1, 2, 3] == numbers
