"""
What breaker and adaptation are worth: 400 connectors on one key through an outage.

    python -m benchmarks.outage [--seeds N] [--connectors N] [--longest-open SECONDS]

Two hours of virtual time with the real policy, bucket and breaker against a provider that is down
for twenty minutes and later serves two requests a second for ten. Every connector has a slice to
make once an hour, which together is what the key can bear. A slice that fails starts again at its
first request, when the policy says so or after a pause that doubles from a minute to an hour.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import random
import statistics
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final

import anyio

from benchmarks.virtual import START, VirtualLoop
from ogfd.plugin import HttpError, Parked, Response, SourceError
from ogfd.traffic import (
    Attempt,
    Breaker,
    BreakerSettings,
    Lane,
    LaneKey,
    Policy,
    TokenBucket,
    classify,
)

RATE: Final = 5.0  # that of AWS control APIs, like the burst
BURST: Final = 100.0
HOUR: Final = 3600.0
HOURS: Final = 2
CONNECTORS: Final = 400
REQUESTS: Final = (25, 45)  # of a slice: 400 slices of 35 an hour are 3.9 requests a second
ANSWER_SECONDS: Final = 0.2
REFUSAL_SECONDS: Final = 0.05
SILENT_SHARE: Final = 0.3  # of the requests in the outage: they end with the attempt's timeout
ATTEMPT_TIMEOUT: Final = timedelta(seconds=30)
REDUCED_RATE: Final = 2.0
LEAST_PAUSE: Final = 60.0
LONGEST_PAUSE: Final = HOUR
EPOCH: Final = datetime(2026, 10, 1, tzinfo=UTC)


class Phase(StrEnum):
    """How the provider is."""

    NORMAL = "normal"
    OUTAGE = "outage"
    REDUCED = "reduced"


# From when on, in seconds.
TIMELINE: Final = (
    (0.0, Phase.NORMAL),
    (20 * 60.0, Phase.OUTAGE),
    (40 * 60.0, Phase.NORMAL),
    (65 * 60.0, Phase.REDUCED),
    (75 * 60.0, Phase.NORMAL),
)


@dataclass(slots=True, kw_only=True)
class Result:
    """
    What came of two hours.

    Attributes:
        asked: requests that reached the provider, by phase.
        wasted: those of them that it did not serve.
        due: slices that were to be made.
        finished: those of them that were made.
    """

    asked: Counter[Phase] = field(default_factory=Counter)
    wasted: Counter[Phase] = field(default_factory=Counter)
    due: int = 0
    finished: int = 0


class Unbroken(Breaker):
    """A breaker that does not listen."""

    def told(self, epoch: int, failed: bool | None, reason: str, *, is_probe: bool) -> None:
        """Let everybody pass, whatever happened."""


class Unmoved(TokenBucket):
    """A bucket that keeps its rate whatever the provider says."""

    def throttled(self) -> None:
        """Do nothing."""

    def succeeded(self) -> None:
        """Do nothing."""


class Provider:
    """Serves, fails or throttles as the timeline has it."""

    def __init__(self, result: Result, rng: random.Random) -> None:
        self._result = result
        self._rng = rng
        self._tokens = REDUCED_RATE
        self._updated = 0.0

    async def answer(self, _: Attempt) -> None:
        """
        Answer one request.

        Raises:
            HttpError: if it is refused.
        """
        phase = phase_at(elapsed())
        self._result.asked[phase] += 1
        if phase is Phase.OUTAGE:
            self._result.wasted[phase] += 1
            await anyio.sleep(HOUR if self._rng.random() < SILENT_SHARE else REFUSAL_SECONDS)
            raise refusal(503)
        if phase is Phase.REDUCED and not self._has_room():
            self._result.wasted[phase] += 1
            await anyio.sleep(REFUSAL_SECONDS)
            raise refusal(429)
        await anyio.sleep(ANSWER_SECONDS)

    def _has_room(self) -> bool:
        now = elapsed()
        self._tokens += (now - self._updated) * REDUCED_RATE
        self._tokens, self._updated = min(self._tokens, REDUCED_RATE), now
        if self._tokens < 1.0:
            return False
        self._tokens -= 1.0
        return True


class Connector:
    """Makes its slices one after the other, request by request."""

    def __init__(
        self, policy: Policy, lane: Lane, provider: Provider, result: Result, rng: random.Random
    ) -> None:
        self._policy = policy
        self._lane = lane
        self._provider = provider
        self._result = result
        self._due = rng.random() * HOUR
        self._requests = [rng.randint(*REQUESTS) for _ in range(HOURS)]

    async def run(self) -> None:
        """Make a slice every hour."""
        self._result.due += len(self._requests)
        for requests in self._requests:
            await anyio.sleep(max(0.0, self._due - elapsed()))
            await self._make(requests)
            self._result.finished += 1
            self._due += HOUR

    async def _make(self, requests: int) -> None:
        pause = LEAST_PAUSE
        while (wait := await self._wait(requests)) is not None:
            if wait < pause:
                wait, pause = pause, min(2 * pause, LONGEST_PAUSE)
            await anyio.sleep(wait)

    async def _wait(self, requests: int) -> float | None:
        """Try to make a slice; return the seconds after which to try again, None if it is made."""
        try:
            for _ in range(requests):
                await self._policy.run(
                    "api:Get", self._provider.answer, lane=self._lane, timeout=ATTEMPT_TIMEOUT
                )
        except Parked as parked:
            return (parked.next_due - utc()).total_seconds()
        except SourceError:
            return 0.0
        return None


def refusal(status: int) -> HttpError:
    """Return what a status without more becomes."""
    answer = Response(status=status, headers={}, body=b"", url="")
    return HttpError(f"answered {status}", response=answer)


def elapsed() -> float:
    """Return the seconds since the start."""
    return asyncio.get_running_loop().time() - START


def utc() -> datetime:
    """Return the virtual time of day."""
    return EPOCH + timedelta(seconds=elapsed())


def phase_at(instant: float) -> Phase:
    """Return how the provider is at *instant*."""
    return [phase for begin, phase in TIMELINE if begin <= instant][-1]


def lane_of(rng: Callable[[], float], settings: BreakerSettings, *, guarded: bool) -> Lane:
    """Return what all connectors share, with breaker and adaptation or without."""
    monotonic = asyncio.get_running_loop().time
    bucket, breaker = (TokenBucket, Breaker) if guarded else (Unmoved, Unbroken)
    return Lane(
        key=LaneKey("aws", "123456789012", ""),
        buckets=(bucket(RATE, BURST, monotonic),),
        breaker=breaker(settings, monotonic, rng),
    )


def simulate(
    seed: int,
    *,
    guarded: bool,
    connectors: int = CONNECTORS,
    settings: BreakerSettings | None = None,
) -> Result:
    """
    Return what comes of two hours.

    Args:
        seed: the same gives the same result.
        guarded: whether breaker and adaptation are there.
        connectors: how many share the key.
        settings: of the breaker; None for the defaults.
    """

    async def run() -> Result:
        rng, result = random.Random(seed), Result()
        lane = lane_of(rng.random, settings or BreakerSettings(), guarded=guarded)
        provider = Provider(result, rng)
        policy = Policy(
            classify,
            now=utc,
            log=logging.LoggerAdapter(logging.getLogger(__name__), {}),
            monotonic=asyncio.get_running_loop().time,
            rng=rng.random,
        )
        with anyio.move_on_after(HOURS * HOUR):
            async with anyio.create_task_group() as group:
                for _ in range(connectors):
                    group.start_soon(Connector(policy, lane, provider, result, rng).run)
        return result

    return anyio.run(run, backend_options={"loop_factory": VirtualLoop})


def options() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.outage", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--seeds", type=int, default=3, help="runs of each (default 3)")
    parser.add_argument("--connectors", type=int, default=CONNECTORS, help="how many share the key")
    parser.add_argument("--longest-open", type=float, help="ceiling of the breaker in seconds")
    return parser.parse_args()


def main() -> None:
    """Print what was wasted and made, with and without."""
    chosen = options()
    settings = BreakerSettings()
    if chosen.longest_open:
        settings = BreakerSettings(longest_open=timedelta(seconds=chosen.longest_open))
    found = {
        guarded: [
            simulate(seed, guarded=guarded, connectors=chosen.connectors, settings=settings)
            for seed in range(chosen.seeds)
        ]
        for guarded in (False, True)
    }
    rows: dict[str, Callable[[Result], int]] = {
        "requests wasted in 20 minutes of outage": lambda each: each.wasted[Phase.OUTAGE],
        "requests wasted in 10 minutes at 2/s": lambda each: each.wasted[Phase.REDUCED],
        "requests in all": lambda each: each.asked.total(),
        f"slices made, of {found[True][0].due}": lambda each: each.finished,
    }
    print(f"{chosen.connectors} connectors on one key of {RATE:g}/s, two hours, mean of seeds")
    print(f"{'':46} {'without':>8} {'with':>8}  breaker and adaptation")
    for title, count in rows.items():
        without, with_ = (statistics.mean(map(count, found[key])) for key in (False, True))
        print(f"{title:46} {without:8,.0f} {with_:8,.0f}")


if __name__ == "__main__":
    main()
