"""
How fast and how fair the token bucket is beside two libraries, all in one process.

    python -m benchmarks.buckets [--rounds N] [--acquires N]

The three take turns, round after round; figures are medians of the rounds. All are set to hand out
100 at once and 5,000 a second; pyrate-limiter counts in milliseconds and keeps a log of a window,
so it is given 100 in 20 ms.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import statistics
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final

import anyio
from aiolimiter import AsyncLimiter
from pyrate_limiter import InMemoryBucket, Limiter, Rate

from ogfd.traffic import TokenBucket

RATE: Final = 5_000
BURST: Final = 100
WAITERS: Final = 1_000
PLENTY: Final = 1e9

Acquire = Callable[[], Awaitable[object]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Contender:
    """
    One implementation.

    Attributes:
        name: what a reader is told.
        acquire: given a rate and a burst, what waits for a token of a new bucket.
        attempt: the same for what does not wait; None if there is none.
    """

    name: str
    acquire: Callable[[float, float], Acquire]
    attempt: Callable[[float, float], Callable[[], object]] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Crowd:
    """What many waiters took, and by how many places one of them went on too early or too late."""

    wall_seconds: float
    cpu_seconds: float
    displaced: int


def ours(rate: float, burst: float) -> TokenBucket:
    """Return our bucket."""
    return TokenBucket(rate, burst, time.monotonic)


def aiolimiters(rate: float, burst: float) -> AsyncLimiter:
    """Return a leaky bucket that takes *burst* at once and leaks at *rate*."""
    return AsyncLimiter(burst, burst / rate)


def pyrates(rate: float, burst: float) -> Limiter:
    """Return a limiter that lets *burst* pass in the window in which *rate* gives as many."""
    window = max(1, round(1000 * burst / rate))
    return Limiter(InMemoryBucket([Rate(int(burst), window)]), buffer_ms=0)


def pyrate_attempt(rate: float, burst: float) -> Callable[[], object]:
    """Return an attempt that does not block."""
    limiter = pyrates(rate, burst)
    return lambda: limiter.try_acquire(blocking=False)


CONTENDERS: Final = (
    Contender(
        name="ogfd",
        acquire=lambda rate, burst: ours(rate, burst).acquire,
        attempt=lambda rate, burst: ours(rate, burst).try_acquire,
    ),
    Contender(
        name="aiolimiter",
        acquire=lambda rate, burst: aiolimiters(rate, burst).acquire,
        attempt=None,
    ),
    Contender(
        name="pyrate-limiter",
        acquire=lambda rate, burst: pyrates(rate, burst).try_acquire_async,
        attempt=pyrate_attempt,
    ),
)


async def acquires(contender: Contender, count: int) -> float:
    """Return how many times a second a token is acquired that is there."""
    acquire = contender.acquire(PLENTY, PLENTY)
    began = time.perf_counter()
    for _ in range(count):
        await acquire()
    return count / (time.perf_counter() - began)


def attempts(contender: Contender, count: int) -> float:
    """Return how many times a second one is acquired without waiting; 0 if that cannot be."""
    if contender.attempt is None:
        return 0.0
    attempt = contender.attempt(PLENTY, PLENTY)
    began = time.perf_counter()
    for _ in range(count):
        attempt()
    return count / (time.perf_counter() - began)


async def crowd(contender: Contender) -> Crowd:
    """Let many come at once to a full bucket; return what became of them."""
    acquire = contender.acquire(RATE, BURST)
    order: list[int] = []

    async def waiter(number: int) -> None:
        await acquire()
        order.append(number)

    began, used = time.perf_counter(), time.process_time()
    async with anyio.create_task_group() as group:
        for number in range(WAITERS):
            group.start_soon(waiter, number)
    return Crowd(
        wall_seconds=time.perf_counter() - began,
        cpu_seconds=time.process_time() - used,
        displaced=max(abs(place - number) for place, number in enumerate(order)),
    )


def options() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.buckets", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--rounds", type=int, default=5, help="rounds (default 5)")
    parser.add_argument("--acquires", type=int, default=50_000, help="in each (default 50,000)")
    return parser.parse_args()


async def measured(rounds: int, count: int) -> dict[str, list[tuple[float, float, Crowd]]]:
    """Return acquires and attempts a second and the crowd of each contender in each round."""
    found: dict[str, list[tuple[float, float, Crowd]]] = {each.name: [] for each in CONTENDERS}
    for _ in range(rounds):
        for each in CONTENDERS:
            gc.collect()
            calm = await acquires(each, count), attempts(each, count)
            found[each.name].append((*calm, await crowd(each)))
    return found


def show(title: str, values: Sequence[float], form: str) -> None:
    """Print one line."""
    print(f"{title:46}" + "".join(f"{format(v, form) if v else '-':>16}" for v in values))


def main() -> None:
    """Run the benchmark."""
    chosen = options()
    asyncio.run(measured(1, chosen.acquires // 10))
    found = list(asyncio.run(measured(chosen.rounds, chosen.acquires)).values())
    median = statistics.median
    calm = [median(acquires for acquires, _, _ in rounds) for rounds in found]
    tried = [median(attempts for _, attempts, _ in rounds) for rounds in found]
    crowds = [[each for _, _, each in rounds] for rounds in found]
    walls = [median(each.wall_seconds for each in rounds) for rounds in crowds]
    print(f"{'':46}" + "".join(f"{each.name:>16}" for each in CONTENDERS))
    show("acquires/s, a token is there", calm, ",.0f")
    show("  ours to theirs", [calm[0] / each for each in calm], ".2f")
    show("attempts/s without waiting", tried, ",.0f")
    ideal = (WAITERS - BURST) / RATE
    print(f"{WAITERS:,} waiters at {RATE:,}/s, {BURST} at once: {ideal:g} s at the least")
    show("  seconds until all are served", walls, ".3f")
    show("  grants/s", [WAITERS / each for each in walls], ",.0f")
    used = [median(each.cpu_seconds for each in rounds) for rounds in crowds]
    show("  processor, us per grant", [each / WAITERS * 1e6 for each in used], ".1f")
    places = [median(each.displaced for each in rounds) for rounds in crowds]
    print(
        f"{'  most places that one went on out of turn':46}" + "".join(f"{p:16g}" for p in places)
    )


if __name__ == "__main__":
    main()
