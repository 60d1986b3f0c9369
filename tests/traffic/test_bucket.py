"""The token bucket under virtual time."""

import asyncio
import math
import random
from itertools import pairwise
from typing import Any

import anyio
import pytest
from anyio import wait_all_tasks_blocked

from ogfd.plugin import Limit
from ogfd.traffic import BucketKey, Buckets, TokenBucket, WaitTooLong

VIRTUAL_TIME = True


def bucket_of(rate: Any, burst: Any) -> Any:
    return TokenBucket(rate, burst, anyio.current_time)


def highest_excess(grants: Any, rate: Any, burst: Any) -> Any:
    """Return by how much any span of time got more than rate x t + burst."""
    worst, lowest, taken = -math.inf, math.inf, 0.0
    for instant, weight in grants:
        # Before this grant, the budget line of the earliest span stands lowest.
        lowest = min(lowest, taken - rate * instant)
        taken += weight
        worst = max(worst, taken - rate * instant - lowest - burst)
    return worst


async def crowd(seed: Any) -> Any:
    """Let callers of random weights come and, four in ten, go; return what happened."""
    rng = random.Random(seed)
    rate, burst = rng.choice([(5, 1), (5, 100), (50, 7), (0.5, 3)])
    bucket = bucket_of(rate, burst)
    grants: list[tuple[float, float]] = []
    order: list[int] = []

    async def caller(number: Any, scope: Any, weight: Any) -> Any:
        with scope:
            await bucket.acquire(weight)
            grants.append((anyio.current_time(), weight))
            order.append(number)

    async def leave(scope: Any, delay: Any) -> Any:
        await anyio.sleep(delay)
        scope.cancel()

    async with anyio.create_task_group() as group:
        for number in range(80):
            scope = anyio.CancelScope()
            weight = rng.choice([1, 1, 1, 0.5, min(burst, 3)])
            group.start_soon(caller, number, scope, weight)
            if rng.random() < 0.4:
                group.start_soon(leave, scope, rng.choice([0, rng.expovariate(rate / 20)]))
            if rng.random() < 0.3:
                await anyio.sleep(rng.expovariate(rate))
    return bucket, grants, order, rate, burst


async def test_no_crowd_gets_more_than_the_rate_or_out_of_order_or_loses_a_token() -> None:
    """In any span: at most rate x t + burst; first come, first served; nothing lost or made."""
    for seed in range(150):
        bucket, grants, order, rate, burst = await crowd(seed)
        start = bucket.statistics()

        assert highest_excess(grants, rate, burst) <= 1e-6, seed
        assert sorted(order) == order, seed
        assert start.waiting == 0, seed
        assert start.granted == len(grants), seed
        assert start.tokens <= burst

        await anyio.sleep(2 * burst / rate)
        assert burst == pytest.approx(bucket.statistics().tokens)
        assert not any(not bucket.try_acquire(1) for _ in range(int(burst)))


async def test_the_excess_is_found_where_there_is_one() -> None:
    """The check above can fail: two tokens at once are one more than a burst of one."""
    assert highest_excess([(0.0, 1), (0.0, 1)], rate=5, burst=1) == pytest.approx(1.0)
    assert highest_excess([(0.0, 1), (9.0, 1), (9.1, 1)], rate=5, burst=1) == pytest.approx(0.5)


@pytest.mark.parametrize("rate", [5, 100, 5000])
async def test_a_waiting_crowd_gets_the_configured_rate(rate: Any) -> None:
    """Within one per cent of the configured rate, also above the timer's resolution."""
    bucket = bucket_of(rate, 1)
    began = anyio.current_time()

    async with anyio.create_task_group() as group:
        for _ in range(1001):
            group.start_soon(bucket.acquire)

    assert 1000 / rate == pytest.approx(anyio.current_time() - began, rel=0.01)


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


async def test_a_heavy_caller_is_not_overtaken_by_light_ones() -> None:
    """Strictly first in, first out, whatever the weight."""
    bucket = bucket_of(1, 10)
    assert bucket.try_acquire(10)
    order = []

    async def caller(weight: Any) -> Any:
        await bucket.acquire(weight)
        order.append(weight)

    async with anyio.create_task_group() as group:
        for weight in (8, 1, 2):
            group.start_soon(caller, weight)
            await wait_all_tasks_blocked()
        assert not bucket.try_acquire(0.5)

    assert [8, 1, 2] == order


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
    assert (2, 1) == (bucket.statistics().granted, bucket.statistics().cancelled)


async def test_a_heavy_caller_that_goes_away_lets_the_next_go_at_once() -> None:
    """The tokens that it was waiting to complete are enough for the one behind it."""
    bucket = bucket_of(1, 10)
    assert bucket.try_acquire(8)
    began = anyio.current_time()

    async def heavy() -> None:
        with heavy_scope:
            await bucket.acquire(10)

    heavy_scope = anyio.CancelScope()
    async with anyio.create_task_group() as group:
        group.start_soon(heavy)
        await wait_all_tasks_blocked()
        group.start_soon(bucket.acquire, 2)
        await wait_all_tasks_blocked()
        heavy_scope.cancel()

    assert began == anyio.current_time()


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


async def test_a_lowered_burst_does_not_stop_the_queue() -> None:
    """Who waits for more than the bucket now holds is served when it is full."""
    bucket = bucket_of(10, 10)
    assert bucket.try_acquire(10)
    async with anyio.create_task_group() as group:
        group.start_soon(bucket.acquire, 9)
        await wait_all_tasks_blocked()
        bucket.limit(5, 2)

    assert (5, 2) == (bucket.statistics().full_rate, bucket.statistics().burst)
    assert -7 == pytest.approx(bucket.statistics().tokens)


@pytest.mark.parametrize(
    ("rate", "burst"), [(0, 1), (-1, 1), (math.nan, 1), (1, 0.5), (1, math.inf)]
)
async def test_impossible_limits_are_refused(rate: Any, burst: Any) -> None:
    """A bucket that never or always grants is a mistake."""
    with pytest.raises(ValueError, match="is"):
        bucket_of(rate, burst)


@pytest.mark.parametrize("weight", [0, -1, 6])
async def test_impossible_weights_are_refused(weight: Any) -> None:
    """More than the burst would wait for ever."""
    with pytest.raises(ValueError, match="weight"):
        await bucket_of(1, 5).acquire(weight)


async def test_connectors_with_one_key_share_a_bucket_with_the_lower_limit() -> None:
    """Conflicting settings: the lower rate and burst hold, and somebody is told."""
    told = []
    buckets = Buckets(anyio.current_time, on_conflict=lambda *args: told.append(args))
    key = BucketKey("aws", "123", "s3")
    first = buckets.bucket(key, Limit(rate=50, burst=10))

    assert buckets.bucket(key, Limit(rate=50, burst=10)) is first
    assert [] == told
    assert buckets.bucket(key, Limit(rate=20, burst=99)) is first
    assert [(key, Limit(rate=20, burst=10), Limit(rate=20, burst=99))] == told
    assert (20, 10) == (first.rate, first.statistics().burst)
    assert buckets.bucket(BucketKey("aws", "456", "s3"), Limit(rate=5, burst=1)) is not first
    assert [key, ("aws", "456", "s3")] == [held for held, _ in buckets]
