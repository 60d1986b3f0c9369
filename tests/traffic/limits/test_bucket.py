"""The token bucket under virtual time."""

import asyncio
import math
from itertools import pairwise
from typing import Any

import anyio
import pytest
from anyio import wait_all_tasks_blocked

from ogfd.traffic import TokenBucket, WaitTooLong, acquire

VIRTUAL_TIME = True


def bucket_of(rate: Any, burst: Any) -> Any:
    return TokenBucket(rate, burst, anyio.current_time)


async def test_one_timer_serves_a_thousand_waiters(monkeypatch: Any) -> None:
    """No busy timers and no thundering herd: about one timer for each grant."""
    loop: Any = asyncio.get_running_loop()
    timers = []
    call_later = loop.call_later

    def counted(*args: Any) -> Any:
        timers.append(args)
        return call_later(*args)

    monkeypatch.setattr(loop, "call_later", counted)
    bucket = bucket_of(10, 1)

    async with anyio.create_task_group() as group:
        for _ in range(1000):
            group.start_soon(bucket.acquire)
        await wait_all_tasks_blocked()
        arrivals = len(timers)
        assert 1 == sum(not handle.cancelled() for handle in loop._scheduled)

    assert arrivals <= 1000
    assert len(timers) - arrivals <= 1010


async def test_two_connectors_on_one_key_share_fairly() -> None:
    """Each of two callers with four requests in flight gets half."""
    bucket = bucket_of(10, 1)
    shares = {"a": 0, "b": 0}

    async def connector(name: Any) -> Any:
        while True:
            await bucket.acquire()
            shares[name] += 1

    with anyio.move_on_after(30):
        async with anyio.create_task_group() as group:
            for name in shares:
                for _ in range(4):
                    group.start_soon(connector, name)

    assert 300 == pytest.approx(sum(shares.values()), abs=2)
    assert abs(shares["a"] - shares["b"]) <= 4


async def test_a_granted_token_that_nobody_woke_up_for_comes_back() -> None:
    """Cancelled between the grant and the wake-up, the token goes to the next in line."""
    bucket = bucket_of(1, 1)
    assert bucket.try_acquire()
    got = []

    async def caller(number: Any, scope: Any) -> Any:
        with scope:
            await bucket.acquire()
            got.append((number, anyio.current_time()))

    began = anyio.current_time()
    async with anyio.create_task_group() as group:
        scopes = [anyio.CancelScope() for _ in range(2)]
        for number, scope in enumerate(scopes):
            group.start_soon(caller, number, scope)
            await wait_all_tasks_blocked()
        scopes[0].cancel()
        bucket.give_back()  # goes to the first, which had no chance to leave the queue

    assert [(1, began)] == got, "the token must not have taken time to come back"
    assert (1, 1) == (bucket.statistics().granted, bucket.statistics().cancelled)


async def test_who_is_cancelled_already_takes_no_token() -> None:
    """A full bucket stays full if the caller has gone before it asked."""
    bucket = bucket_of(1, 1)
    with anyio.CancelScope() as scope:
        scope.cancel()
        await bucket.acquire()

    assert scope.cancelled_caught
    assert 1 == bucket.statistics().tokens


async def test_throttling_halves_the_rate_once_a_second_down_to_a_twentieth() -> None:
    """The answers of one burst count once; the floor is 5 % of the full rate."""
    bucket = bucket_of(8, 100)
    bucket.throttled()
    bucket.throttled()

    assert 4 == bucket.rate
    assert 1 == bucket.statistics().tokens

    rates = []
    for _ in range(6):
        await anyio.sleep(1)
        bucket.throttled()
        rates.append(bucket.rate)
    assert [2, 1, 0.5, 0.4, 0.4, 0.4] == rates
    assert 7 == bucket.statistics().cuts


async def test_successes_win_the_rate_back_by_a_hundredth_each() -> None:
    """Additive increase up to the full rate and not beyond."""
    bucket = bucket_of(8, 1)
    bucket.throttled()
    bucket.succeeded()
    assert 4.08 == pytest.approx(bucket.rate)

    for _ in range(60):
        bucket.succeeded()
    assert 8 == bucket.rate


async def test_a_won_back_rate_shortens_the_wait_that_is_under_way() -> None:
    """The timer follows the rate."""
    bucket = bucket_of(1, 1)
    bucket.throttled()
    assert bucket.try_acquire()
    began = anyio.current_time()

    async with anyio.create_task_group() as group:
        group.start_soon(bucket.acquire)
        await wait_all_tasks_blocked()
        for _ in range(100):
            bucket.succeeded()

    assert 1.0 == pytest.approx(anyio.current_time() - began)


async def test_a_block_holds_everybody_and_does_not_end_in_a_burst() -> None:
    """After Retry-After the key starts with one token at most, whatever had been saved up."""
    bucket = bucket_of(10, 100)
    began = anyio.current_time()
    bucket.block_until(began + 30)
    bucket.block_until(began + 10)  # an earlier end changes nothing
    assert not bucket.try_acquire()
    times = []

    async def caller() -> Any:
        await bucket.acquire()
        times.append(anyio.current_time() - began)

    async with anyio.create_task_group() as group:
        for _ in range(11):
            group.start_soon(caller)

    assert 30 == pytest.approx(times[0])
    assert [0.1] * 10 == pytest.approx([later - earlier for earlier, later in pairwise(times)])


async def test_a_block_in_the_past_changes_nothing() -> None:
    """Nothing is held or lost."""
    bucket = bucket_of(1, 5)
    bucket.block_until(anyio.current_time() - 1)

    assert 5 == bucket.statistics().tokens
    assert 0 == bucket.blocked_seconds


async def test_a_wait_that_would_take_too_long_is_refused_at_once() -> None:
    """Nothing is taken and nobody is queued."""
    bucket = bucket_of(1, 1)
    assert bucket.try_acquire()
    with pytest.raises(WaitTooLong) as refused:
        await bucket.acquire(within=0.5)

    assert 1.0 == pytest.approx(refused.value.seconds)
    assert 0 == bucket.statistics().waiting
    await bucket.acquire(within=1.5)


async def test_a_long_block_sends_those_away_who_do_not_want_to_sit_it_out() -> None:
    """Also those who wait already; the others keep their order."""
    bucket = bucket_of(1, 1)
    assert bucket.try_acquire()
    began, seen = anyio.current_time(), []

    async def caller(number: Any, longest_block: Any) -> Any:
        try:
            await bucket.acquire(longest_block=longest_block)
        except WaitTooLong as refused:
            seen.append((number, "refused", refused.seconds))
        else:
            seen.append((number, "granted", anyio.current_time() - began))

    async with anyio.create_task_group() as group:
        for number, longest in enumerate((60, math.inf, 60, 3600)):
            group.start_soon(caller, number, longest)
        await wait_all_tasks_blocked()
        bucket.block_until(began + 100)
        with pytest.raises(WaitTooLong):
            await bucket.acquire(longest_block=60)

    assert [(0, "refused", 100), (2, "refused", 100)] == seen[:2]
    assert [(1, "granted"), (3, "granted")] == [row[:2] for row in seen[2:]]
    assert 101 == pytest.approx(seen[2][2])


@pytest.mark.parametrize(
    ("rate", "burst"), [(0, 1), (-1, 1), (math.nan, 1), (1, 0.5), (1, math.inf)]
)
async def test_impossible_limits_are_refused(rate: Any, burst: Any) -> None:
    """A bucket that never or always grants is a mistake."""
    with pytest.raises(ValueError, match="is"):
        bucket_of(rate, burst)


async def test_a_late_timer_does_not_let_a_newcomer_pass() -> None:
    """Tokens that came while the loop was busy belong to who waits."""
    now = [0.0]
    bucket = TokenBucket(1, 1, lambda: now[0])
    assert bucket.try_acquire()
    order = []

    async def caller() -> None:
        await bucket.acquire()
        order.append("waited")

    async with anyio.create_task_group() as group:
        group.start_soon(caller)
        await wait_all_tasks_blocked()
        now[0] += 1.0  # the loop's own clock stands, so no timer fires
        assert not bucket.try_acquire()

    assert ["waited"] == order


async def test_a_window_is_never_exceeded_although_the_burst_comes_back() -> None:
    """Four a minute are four in any minute, not four and those that came back meanwhile."""
    bucket = TokenBucket(4 / 60, 4, anyio.current_time, window=60)
    began = anyio.current_time()
    times = []
    for _ in range(12):
        await bucket.acquire()
        times.append(anyio.current_time() - began)

    assert [0, 0, 0, 0, 60, 60, 60, 60, 120, 120, 120, 120] == pytest.approx(times)


async def test_a_window_knows_how_long_a_newcomer_would_wait() -> None:
    """Also behind others who wait for the window."""
    bucket = TokenBucket(4 / 60, 4, anyio.current_time, window=60)
    for _ in range(3):
        assert bucket.try_acquire()
    await anyio.sleep(10)
    assert bucket.try_acquire()

    assert 50 == pytest.approx(bucket.wait_seconds())
    with pytest.raises(WaitTooLong):
        await bucket.acquire(within=49)

    bucket.give_back()
    assert 0 == bucket.wait_seconds()
    assert bucket.try_acquire()


async def test_a_call_takes_a_token_of_each_of_its_limits_or_none() -> None:
    """While one bucket is empty, the other keeps its tokens for whoever needs only them."""
    tenant, scope = bucket_of(100, 2), bucket_of(0.1, 1)
    assert scope.try_acquire()

    async with anyio.create_task_group() as group:
        group.start_soon(acquire, (scope, tenant))
        await wait_all_tasks_blocked()
        assert 2 == tenant.statistics().tokens
        assert tenant.try_acquire(), "its other limit holds the waiter back, not this one"
        group.cancel_scope.cancel()

    assert 0 == tenant.statistics().waiting == scope.statistics().waiting
    assert 1 == tenant.statistics().granted


async def test_one_exhausted_scope_does_not_hold_up_the_others() -> None:
    """Callers are passed only while another of their limits holds them back, then come first."""
    tenant = bucket_of(1, 1)
    scopes = {"a": bucket_of(0.1, 1), "b": bucket_of(0.1, 9)}
    assert scopes["a"].try_acquire()
    assert tenant.try_acquire()
    began, order = anyio.current_time(), []

    async def caller(name: str) -> None:
        await acquire((tenant, scopes[name]))
        order.append((name, round(anyio.current_time() - began, 3)))

    async with anyio.create_task_group() as group:
        for name in "abbbbbbbbbbbb":
            group.start_soon(caller, name)
            await wait_all_tasks_blocked()

    # The one of a came first: as soon as its own limit allows, the tenant's next token is its.
    assert [*((("b", float(second))) for second in range(1, 10)), ("a", 10.0)] == order[:10]


async def test_who_goes_away_gives_back_the_tokens_of_all_limits() -> None:
    """Granted, and cancelled before it woke."""
    tenant, scope = bucket_of(1, 1), bucket_of(1, 1)
    assert tenant.try_acquire()
    assert scope.try_acquire()
    got = []

    async def caller(cancelled: anyio.CancelScope) -> None:
        with cancelled:
            await acquire((tenant, scope))
            got.append("token")

    cancelled = anyio.CancelScope()
    async with anyio.create_task_group() as group:
        group.start_soon(caller, cancelled)
        await wait_all_tasks_blocked()
        cancelled.cancel()
        tenant.give_back()
        scope.give_back()

    assert [] == got
    assert 1 == tenant.statistics().tokens == scope.statistics().tokens
    assert 0 == tenant.statistics().granted == scope.statistics().granted


async def test_a_lowered_limit_holds_from_now_on() -> None:
    """Tokens that were saved up beyond the new burst are gone."""
    bucket = bucket_of(10, 10)
    bucket.limit(5, 2)
    bucket.limit(50, 20)

    assert (5, 2) == (bucket.statistics().full_rate, bucket.statistics().burst)
    assert 2 == bucket.statistics().tokens
