"""What must hold of the token bucket whatever callers and providers do, under virtual time."""

import asyncio
import math
import random
from collections import Counter
from typing import Any

import anyio
import pytest
from traffic.limits.crowd import (
    EPSILON,
    LATE_SECONDS,
    LONGEST_SECONDS,
    Level,
    busiest,
    crowd_of,
    ended,
    excess,
    may_go,
    mingle,
    provider,
)

from ogfd.traffic.limits.bucket import TokenBucket, WaitTooLong, acquire, give_back

VIRTUAL_TIME = True

LIMITS = [(5, 1), (5, 100), (50, 7), (0.5, 3), (100, 1), (5000, 20)]


def test_the_measures_find_what_is_there() -> None:
    """The checks below can fail."""
    assert 1 == pytest.approx(excess([0.0, 0.0], rate=5, burst=1))
    assert 0.5 == pytest.approx(excess([0.0, 9.0, 9.1], rate=5, burst=1))
    assert 0 == pytest.approx(excess([0.0, 0.2, 0.4], rate=5, burst=1))
    assert 3 == busiest([0.0, 1.0, 59.9, 60.0, 61.0], 60)
    assert 1 == busiest([0.0, 60.0, 120.0], 60)


@pytest.mark.parametrize("block", range(4))
async def test_no_crowd_gets_more_or_less_than_its_due_or_out_of_order(block: int) -> None:
    """Never above rate x t + burst, first come first served, none lost or made: 200 seeds."""
    returned = 0
    for seed in range(50 * block, 50 * (block + 1)):
        rng = random.Random(seed)
        rate, burst = rng.choice(LIMITS)
        crowd = crowd_of(rate, burst, rng)
        await mingle(crowd, callers=80, gaps=True)
        await crowd.gone()

        stands = crowd.bucket.statistics()
        returned += stands.returned
        assert [] == crowd.faults, seed
        assert excess(crowd.used, rate, burst) <= EPSILON, seed
        assert sorted(crowd.order) == crowd.order, seed
        assert (0, len(crowd.used)) == (stands.waiting, stands.granted), seed
        assert stands.tokens == pytest.approx(crowd.level.at(anyio.current_time()), abs=1e-5), seed

    assert returned > 20, "some must go between grant and wake-up"


@pytest.mark.parametrize("block", range(2))
async def test_throttling_and_blocks_in_between_keep_every_promise(block: int) -> None:
    """Within the rate of the moment, nothing in a block, nothing lost: 100 seeds."""
    cuts = 0
    for seed in range(1000 + 50 * block, 1000 + 50 * (block + 1)):
        rng = random.Random(seed)
        rate, burst = rng.choice(LIMITS)
        crowd = crowd_of(rate, burst, rng)
        async with anyio.create_task_group() as group:
            group.start_soon(provider, crowd)
            await mingle(crowd, callers=80, gaps=True)
        await crowd.gone()

        stands = crowd.bucket.statistics()
        cuts += stands.cuts
        assert [] == crowd.faults, seed
        assert excess(crowd.used, rate, burst) <= EPSILON, seed
        assert sorted(crowd.order) == crowd.order, seed
        assert (0, len(crowd.used)) == (stands.waiting, stands.granted), seed

    assert cuts > 100


@pytest.mark.parametrize("rate", [5, 100, 5000])
async def test_a_crowd_of_which_four_in_ten_go_gets_the_configured_rate(rate: float) -> None:
    """Within one per cent while somebody waits: those who go cost nothing."""
    for seed in range(3):
        rng = random.Random(seed)
        crowd = crowd_of(rate, 1, rng)
        began = anyio.current_time()
        await mingle(crowd, callers=1500, gaps=False)
        await crowd.gone()

        assert 600 < len(crowd.used) < 1100
        seconds = crowd.used[-1] - began
        assert rate == pytest.approx((len(crowd.used) - 1) / seconds, rel=0.01), seed


async def in_windows(seed: int) -> None:
    rng = random.Random(seed)
    rate, window = rng.choice([(4 / 60, 60), (1, 10), (2, 3600), (0.01, 60), (100, 1)])
    quota = max(1, math.floor(rate * window + EPSILON))
    burst = rng.choice([1, quota, 3 * quota])
    bucket = TokenBucket(rate, burst, anyio.current_time, window=window)
    level = Level(rate, burst, burst, anyio.current_time())
    used: list[float] = []
    order: list[int] = []

    async def caller(number: Any) -> None:
        began = anyio.current_time()
        await bucket.acquire()
        if rng.random() < 0.1:
            bucket.give_back()
            return
        now = anyio.current_time()
        just_before = now - LATE_SECONDS
        if just_before > began:
            is_full = sum(just_before - window < each for each in used) >= quota
            assert is_full or level.at(now) <= 1 + LATE_SECONDS * rate + EPSILON, seed
        level.used(now)
        used.append(now)
        order.append(number)

    tasks = []
    for number in range(100):
        expected = bucket.wait_seconds()
        tasks.append(asyncio.create_task(caller(number)))
        may_go(tasks[-1], expected, rng)
        if rng.random() < 0.1:
            await anyio.sleep(rng.random() * window)
    await ended(tasks)

    assert busiest(used, window) <= quota, seed
    assert excess(used, rate, burst) <= EPSILON, seed
    assert sorted(order) == order, seed


async def test_a_window_never_sees_more_than_its_quota() -> None:
    """Nor more than the bucket allows; nobody waits while both have room: 100 seeds."""
    for seed in range(100):
        await in_windows(seed)


async def shared(seed: int, paces: Any) -> None:
    rng = random.Random(seed)
    bucket = TokenBucket(5, 10, anyio.current_time)
    got: Counter[str] = Counter()
    ahead = 0

    async def connector(name: Any, answers_per_second: Any) -> None:
        nonlocal ahead
        while True:
            await bucket.acquire()
            got[name] += 1
            ahead = max(ahead, abs(got["a"] - got["b"]))
            await anyio.sleep(rng.expovariate(answers_per_second))

    with anyio.move_on_after(120):
        async with anyio.create_task_group() as group:
            for name, answers_per_second in zip("ab", paces, strict=True):
                for _ in range(8):
                    group.start_soon(connector, name, answers_per_second)

    assert 120 * 5 + 10 == pytest.approx(got.total(), abs=1)
    assert got["a"] == pytest.approx(got["b"], rel=0.1), seed
    assert ahead <= 30, seed


@pytest.mark.parametrize("paces", [(10, 10), (10, 3), (3, 10)])
async def test_two_connectors_on_one_key_share_fairly(paces: Any) -> None:
    """With eight requests in flight each, also if the one is answered faster."""
    for seed in range(10):
        await shared(seed, paces)


def ticking(rng: random.Random, most: float) -> Any:
    """Return a clock that goes on with every look at it, and the loop with it, as real ones do."""
    loop: Any = asyncio.get_running_loop()

    def monotonic() -> float:
        loop.virtual.now += rng.random() * most
        return float(loop.virtual.now)

    return monotonic


async def test_a_token_that_comes_between_two_looks_makes_nobody_wait_for_ever() -> None:
    """The first look misses it, the second finds nothing to wait for."""
    loop: Any = asyncio.get_running_loop()
    rng = random.Random(1)
    bucket = TokenBucket(5000, 1, ticking(rng, 5e-5))
    with anyio.fail_after(LONGEST_SECONDS):
        for _ in range(2000):
            loop.virtual.now += rng.random() * 4e-4
            await bucket.acquire()


async def test_a_token_that_comes_between_two_looks_lets_nobody_pass() -> None:
    """It is for who waits first, not for who happens to look then."""
    bucket = TokenBucket(5000, 1, ticking(random.Random(1), 2e-4))
    order: list[int] = []

    async def caller(number: Any) -> None:
        await bucket.acquire()
        order.append(number)

    await ended([asyncio.create_task(caller(number)) for number in range(1000)])

    assert sorted(order) == order


async def test_a_timer_that_is_late_lets_nobody_pass() -> None:
    """A loop that was busy finds newcomers and due tokens at once: who waits comes first."""
    loop: Any = asyncio.get_running_loop()
    for burst, left in ((1, [False]), (3, [True, True, False])):
        bucket = TokenBucket(1, burst, anyio.current_time)
        while bucket.try_acquire():
            pass
        waiting = asyncio.create_task(bucket.acquire())
        await anyio.wait_all_tasks_blocked()
        loop.virtual.now += 100

        assert left == [bucket.try_acquire() for _ in left]
        await waiting


async def test_a_token_that_comes_back_late_does_not_overfill_the_bucket() -> None:
    """What was earned meanwhile has filled it already."""
    bucket = TokenBucket(1, 2, anyio.current_time)
    assert bucket.try_acquire()
    await anyio.sleep(10)
    bucket.give_back()

    assert [True, True, False] == [bucket.try_acquire() for _ in range(3)]


async def at_once(seed: int) -> int:
    """Let callers of several limits come and go; return how many tokens came back unused."""
    rng = random.Random(seed)
    group = TokenBucket(rng.choice([5, 20]), rng.choice([1, 10]), anyio.current_time)
    scopes = [TokenBucket(rate, 2, anyio.current_time) for rate in (1, 4, 50)]
    sets = [(group, scope) for scope in scopes] + [(group,)]
    used: dict[Any, list[float]] = {bucket: [] for bucket in (group, *scopes)}
    order: list[list[int]] = [[] for _ in sets]

    async def caller(number: Any, kind: Any) -> None:
        await acquire(sets[kind])
        if rng.random() < 0.1:
            give_back(sets[kind])
            return
        order[kind].append(number)
        for bucket in sets[kind]:
            used[bucket].append(anyio.current_time())

    tasks = []
    for number in range(120):
        kind = rng.randrange(len(sets))
        expected = max(bucket.wait_seconds() for bucket in sets[kind])
        tasks.append(asyncio.create_task(caller(number, kind)))
        may_go(tasks[-1], expected, rng)
        if rng.random() < 0.2:
            await anyio.sleep(rng.expovariate(1))
    await ended(tasks)

    for bucket, instants in used.items():
        stands = bucket.statistics()
        assert excess(instants, stands.full_rate, stands.burst) <= EPSILON, seed
        assert (0, len(instants)) == (stands.waiting, stands.granted), seed
    assert [sorted(each) for each in order] == order, seed
    await anyio.sleep(100)
    assert all(bucket.statistics().tokens == bucket.statistics().burst for bucket in used), seed
    return sum(bucket.statistics().returned for bucket in used)


async def test_several_limits_are_met_at_once_and_none_loses_a_token() -> None:
    """All or none, each within its own bound, FIFO among those with the same limits: 100 seeds."""
    assert sum([await at_once(seed) for seed in range(100)]) > 1000


async def test_who_is_held_back_by_one_limit_takes_nothing_of_the_other() -> None:
    """Others go on at the full rate meanwhile, and it is served when its own limit lets it."""
    slow, fast = (TokenBucket(rate, 1, anyio.current_time) for rate in (0.01, 5))
    assert slow.try_acquire()
    began, waited, others = anyio.current_time(), [], 0

    async def held_back() -> None:
        await acquire((slow, fast))
        waited.append(anyio.current_time() - began)

    async with anyio.create_task_group() as group:
        group.start_soon(held_back)
        while not waited:
            await fast.acquire()
            others += 1

    assert 100 == pytest.approx(waited[0], abs=0.5)
    assert 100 * 5 == pytest.approx(others, abs=3)


async def with_refusals(seed: int) -> None:
    rng = random.Random(seed)
    crowd = crowd_of(5, 3, rng)
    refused: list[bool] = []

    async def impatient(within: Any, longest_block: Any) -> None:
        began = anyio.current_time()
        try:
            await crowd.bucket.acquire(within=within, longest_block=longest_block)
        except WaitTooLong as refusal:
            refused.append(refusal.seconds > min(within, longest_block))
        else:
            now = anyio.current_time()
            assert now <= max(began, crowd.level.blocked_until) + within + LATE_SECONDS, seed
            crowd.level.used(now)
            crowd.used.append(now)

    async with anyio.create_task_group() as group:
        for number in range(60):
            if rng.random() < 0.5:
                group.start_soon(impatient, rng.uniform(0, 5), rng.choice([10.0, math.inf]))
            else:
                crowd.comes()
            if number % 20 == 10:
                now = anyio.current_time()
                crowd.bucket.block_until(now + 20)
                crowd.level.blocked(now, now + 20)
            await anyio.sleep(rng.random() * 0.3)
    await crowd.gone()

    assert refused, seed
    assert all(refused), "each for a longer wait than it wanted"
    assert [] == crowd.faults, seed
    assert sorted(crowd.order) == crowd.order, seed
    assert excess(crowd.used, 5, 3) <= EPSILON, seed
    assert len(crowd.used) == crowd.bucket.statistics().granted, seed


async def test_who_does_not_want_to_wait_so_long_is_sent_away_at_no_cost() -> None:
    """Refusals, at once or by a block, take neither a token nor another's place: 50 seeds."""
    for seed in range(50):
        await with_refusals(seed)
