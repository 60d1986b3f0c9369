"""
Crowds of callers of one token bucket, and what may be said of what they got.

They come and go at random while the provider throttles and blocks. What they got is judged by a
`Level`, a model of the bucket that knows no queue, no timer and no waiting.
"""

import asyncio
import math
import random
from dataclasses import dataclass, field
from typing import Any

import anyio

from ogfd.traffic.limits.bucket import TokenBucket

EPSILON = 1e-6  # tokens
LATE_SECONDS = 1.1e-4  # no timer is shorter than 1e-4 s
LONGEST_SECONDS = 1e6  # whoever waits longer was forgotten


@dataclass
class Level:
    """What a bucket holds if it is told nothing but rates, blocks and used tokens, in order."""

    rate: float
    burst: float
    tokens: float
    updated: float
    blocked_until: float = -math.inf

    def at(self, now: float) -> float:
        since = max(self.updated, self.blocked_until)
        if now > since:
            self.tokens = min(self.burst, self.tokens + (now - since) * self.rate)
        self.updated = now
        return self.tokens

    def used(self, now: float) -> None:
        self.tokens = self.at(now) - 1

    def slowed(self, now: float, rate: float) -> None:
        self.tokens, self.rate = min(self.at(now), 1), rate

    def blocked(self, now: float, until: float) -> None:
        self.tokens, self.blocked_until = min(self.at(now), 1), max(self.blocked_until, until)


@dataclass
class Crowd:
    """
    Callers of one bucket and what became of them.

    A caller is a plain task, so that a cancellation may also hit between grant and wake-up.
    """

    bucket: Any
    rng: random.Random
    used: list[float] = field(default_factory=list)  # when
    order: list[int] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    level: Any = None
    came: int = 0
    tasks: Any = field(default_factory=list)

    async def caller(self) -> None:
        self.came += 1
        number = self.came
        began = anyio.current_time()
        await self.bucket.acquire()
        if self.rng.random() < 0.1:
            self.bucket.give_back()
            return
        now = anyio.current_time()
        had = self.level.at(now)
        if had < 1 - EPSILON:
            self.faults.append(f"{number} got a token of {had} at {now}")
        if now < self.level.blocked_until:
            self.faults.append(f"{number} got a token in a block at {now}")
        if now > began and had > 1 + LATE_SECONDS * self.level.rate + EPSILON:
            self.faults.append(f"{number} waited for a token while {had} were there at {now}")
        self.level.used(now)
        self.used.append(now)
        self.order.append(number)

    def comes(self) -> Any:
        task = asyncio.create_task(self.caller())
        self.tasks.append(task)
        return task

    async def gone(self) -> None:
        await ended(self.tasks)


async def ended(tasks: Any) -> None:
    """Wait until all are served or gone, and nobody failed."""
    with anyio.fail_after(LONGEST_SECONDS):
        await asyncio.gather(*tasks, return_exceptions=True)
    for task in tasks:
        if not task.cancelled():
            task.result()


def crowd_of(rate: float, burst: float, rng: random.Random) -> Crowd:
    bucket = TokenBucket(rate, burst, anyio.current_time)
    return Crowd(bucket, rng, level=Level(rate, burst, burst, anyio.current_time()))


def may_go(task: Any, expected: float, rng: random.Random) -> None:
    """Let four in ten callers go: at once, while they wait, or when they are to be served."""
    if rng.random() < 0.4:
        delay = rng.choice([0.0, rng.random() * expected, expected, 2 * expected])
        asyncio.get_running_loop().call_later(delay, task.cancel)


async def mingle(crowd: Crowd, callers: int, *, gaps: bool) -> None:
    """Let *callers* come, of whom some go."""
    rate = crowd.bucket.rate
    for _ in range(callers):
        expected = crowd.bucket.wait_seconds()
        may_go(crowd.comes(), expected, crowd.rng)
        if gaps and crowd.rng.random() < 0.3:
            await anyio.sleep(crowd.rng.expovariate(rate))


async def provider(crowd: Crowd) -> None:
    """Throttle, block and recover at random."""
    bucket, level, rng = crowd.bucket, crowd.level, crowd.rng
    for _ in range(20):
        await anyio.sleep(rng.expovariate(level.rate / 10))
        now = anyio.current_time()
        match rng.randrange(4):
            case 0:
                bucket.throttled()
                level.slowed(now, bucket.rate)
            case 1:
                until = now + rng.uniform(-1, 30 / level.rate)
                if until > max(now, level.blocked_until):
                    level.blocked(now, until)
                bucket.block_until(until)
            case _:
                bucket.succeeded()
                level.at(now)
                level.rate = bucket.rate


def excess(used: Any, rate: float, burst: float) -> float:
    """Return by how much any span of time between two grants saw more than rate x t + burst."""
    worst, lowest = -math.inf, math.inf
    for before, instant in enumerate(used):
        # Of all spans that end here, the one that began where the line of the budget was lowest
        # saw the most.
        lowest = min(lowest, before - rate * instant)
        worst = max(worst, before + 1 - rate * instant - lowest - burst)
    return worst


def busiest(used: Any, window: float) -> int:
    """Return the most grants in any span of *window* seconds, its end not included."""
    most = first = 0
    for last, instant in enumerate(used):
        while used[first] + window <= instant + EPSILON:
            first += 1
        most = max(most, last + 1 - first)
    return most
