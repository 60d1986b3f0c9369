"""
Token buckets: how often a provider may be asked, shared by all that ask it.

    acquire -> FIFO queue -> one timer -> grant -> the caller asks the provider
                                 ^                        |
           throttled / block_until / succeeded <---- its answer
"""

from __future__ import annotations

import asyncio
import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import anyio
import anyio.lowlevel

_SHORTEST_TIMER_SECONDS: Final = 1e-4  # a float remainder must not re-arm a timer at the same time
_TOLERANCE: Final = 1e-9  # tokens that may be missing through rounding
_CUT_EVERY_SECONDS: Final = 1.0
_LOWEST_SHARE: Final = 1 / 20
_WON_BACK_SHARE: Final = 1 / 100


class WaitTooLong(Exception):  # noqa: N818 - a refusal, not a failure
    """
    Waiting for a token would take longer than the caller is ready to wait. No token was taken.

    Attributes:
        seconds: the expected wait from now on.
    """

    def __init__(self, seconds: float) -> None:
        super().__init__(f"the next token is {seconds:.1f} s away")
        self.seconds = seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class BucketStatistics:
    """
    What a bucket has done so far and how it stands.

    Attributes:
        rate: tokens per second at present.
        full_rate: tokens per second when the provider does not throttle.
        burst: how many tokens it holds at most.
        tokens: how many it holds now; may be below zero.
        waiting: how many callers stand in the queue.
        blocked_seconds: how long the provider still wants no request.
        granted: how many acquisitions got their tokens.
        cancelled: how many callers went away before they got theirs.
        returned: how many tokens came back unused.
        cuts: how often the rate was halved.
    """

    rate: float
    full_rate: float
    burst: float
    tokens: float
    waiting: int
    blocked_seconds: float
    granted: int
    cancelled: int
    returned: float
    cuts: int


class _Waiter:
    """One caller in the queue."""

    __slots__ = ("event", "failed", "granted", "longest_block", "weight")

    def __init__(self, weight: float, longest_block: float) -> None:
        self.weight = weight
        self.longest_block = longest_block
        self.event = anyio.Event()
        self.granted = False
        self.failed: WaitTooLong | None = None


class TokenBucket:
    """
    A strictly fair token bucket that slows down when the provider throttles.

    In any span of t seconds it grants at most ``full_rate * t + burst`` tokens. Callers are
    served in the order they came, whatever their weight. Must be used from one event loop.

    Args:
        rate: tokens per second in the long run; more than 0.
        burst: how many tokens may be taken at once after a pause; at least 1.
        monotonic: a clock in seconds that runs at the pace of the event loop's.

    Raises:
        ValueError: if *rate* or *burst* is out of range.
    """

    def __init__(self, rate: float, burst: float, monotonic: Callable[[], float]) -> None:
        _check(rate, burst)
        self._full_rate = self._rate = float(rate)
        self._burst = self._tokens = float(burst)
        self._monotonic = monotonic
        self._updated = monotonic()
        self._blocked_until = self._last_cut = -math.inf
        self._waiters: deque[_Waiter] = deque()
        self._queued_weight = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._granted = self._cancelled = self._cuts = 0
        self._returned = 0.0

    @property
    def rate(self) -> float:
        """Tokens per second at present."""
        return self._rate

    @property
    def blocked_seconds(self) -> float:
        """How long the provider still wants no request; 0 if it does not say so."""
        return max(0.0, self._blocked_until - self._monotonic())

    def statistics(self) -> BucketStatistics:
        """Return how the bucket stands now."""
        self._refill()
        return BucketStatistics(
            rate=self._rate,
            full_rate=self._full_rate,
            burst=self._burst,
            tokens=self._tokens,
            waiting=len(self._waiters),
            blocked_seconds=self.blocked_seconds,
            granted=self._granted,
            cancelled=self._cancelled,
            returned=self._returned,
            cuts=self._cuts,
        )

    def wait_seconds(self, weight: float = 1.0) -> float:
        """Return how long a caller that came now would wait, if nobody went away."""
        self._refill()
        missing = self._queued_weight + weight - self._tokens
        return self.blocked_seconds + max(0.0, missing / self._rate)

    def try_acquire(self, weight: float = 1.0) -> bool:
        """Take *weight* tokens if they are there and nobody waits; never waits itself."""
        self._check_weight(weight)
        if self._waiters:
            return False
        now = self._refill()
        if now < self._blocked_until or self._tokens + _TOLERANCE < weight:
            return False
        self._tokens -= weight
        self._granted += 1
        return True

    async def acquire(
        self, weight: float = 1.0, *, within: float = math.inf, longest_block: float = math.inf
    ) -> None:
        """
        Take *weight* tokens, after all who came before.

        May be cancelled: a caller that goes away costs nothing, also if it had been granted its
        tokens but had not woken yet.

        Args:
            weight: how many tokens; more than 0 and at most the burst.
            within: do not even queue if the expected wait is longer than this, in seconds.
            longest_block: do not sit out a block of the provider longer than this, in seconds,
                whether it is there already or comes while waiting.

        Raises:
            WaitTooLong: if *within* or *longest_block* would be exceeded.
            ValueError: if *weight* is out of range.
        """
        await anyio.lowlevel.checkpoint_if_cancelled()
        if self.try_acquire(weight):
            return
        blocked = self.blocked_seconds
        expected = self.wait_seconds(weight)
        if blocked > longest_block or expected > within:
            raise WaitTooLong(expected)
        waiter = _Waiter(weight, longest_block)
        self._waiters.append(waiter)
        self._queued_weight += weight
        self._pump()
        try:
            await waiter.event.wait()
        except BaseException:
            self._leave(waiter)
            raise
        if waiter.failed is not None:
            raise waiter.failed

    def give_back(self, weight: float = 1.0) -> None:
        """Return tokens that were acquired and then not used."""
        self._refill()
        self._returned += weight
        self._tokens = min(self._burst, self._tokens + weight)
        self._pump()

    def throttled(self) -> None:
        """
        Halve the rate and drop saved-up tokens: the provider asked for fewer requests.

        The answers of one burst cut the rate only once: at most one cut per second, down to a
        twentieth of the full rate.
        """
        now = self._refill()
        self._tokens = min(self._tokens, 1.0)
        if now - self._last_cut >= _CUT_EVERY_SECONDS:
            self._last_cut = now
            self._cuts += 1
            self._rate = max(self._rate / 2, self._full_rate * _LOWEST_SHARE)
        self._pump()

    def succeeded(self) -> None:
        """Win back a hundredth of the full rate: the provider answered."""
        if self._rate < self._full_rate:
            self._refill()
            self._rate = min(self._full_rate, self._rate + self._full_rate * _WON_BACK_SHARE)
            self._pump()

    def block_until(self, instant: float) -> None:
        """
        Grant nothing before *instant* of the monotonic clock; an earlier one changes nothing.

        No tokens are saved up meanwhile, so the block does not end in a burst.
        """
        if instant <= max(self._blocked_until, self._monotonic()):
            return
        now = self._refill()
        self._tokens = min(self._tokens, 1.0)
        self._blocked_until = self._updated = instant
        self._send_away(instant - now)
        self._pump()

    def limit(self, rate: float, burst: float) -> None:
        """Lower the full rate and the burst to these, where they are lower."""
        _check(rate, burst)
        self._refill()
        self._full_rate = min(self._full_rate, rate)
        self._rate = min(self._rate, self._full_rate)
        self._burst = min(self._burst, burst)
        self._tokens = min(self._tokens, self._burst)
        self._pump()

    def _check_weight(self, weight: float) -> None:
        if not 0 < weight <= self._burst:
            raise ValueError(f"a weight of {weight} is not within 0 and the burst {self._burst}")

    def _refill(self) -> float:
        now = self._monotonic()
        if now > self._updated:  # in a block, the last update lies in the future
            earned = (now - self._updated) * self._rate
            self._tokens = min(self._burst, self._tokens + earned)
            self._updated = now
        return now

    def _pump(self) -> None:
        """Grant what can be granted, in order, and set the one timer for the next in line."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if not self._waiters:
            return
        now = self._refill()
        while self._waiters and now >= self._blocked_until:
            # A burst that was lowered below a queued weight must not stop the queue for ever.
            needed = min(self._waiters[0].weight, self._burst)
            if self._tokens + _TOLERANCE < needed:
                break
            self._grant(self._waiters.popleft())
        if self._waiters:
            self._set_timer(now)

    def _set_timer(self, now: float) -> None:
        missing = min(self._waiters[0].weight, self._burst) - self._tokens
        delay = max(0.0, self._blocked_until - now) + max(0.0, missing) / self._rate
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(max(delay, _SHORTEST_TIMER_SECONDS), self._pump)

    def _grant(self, waiter: _Waiter) -> None:
        self._tokens -= waiter.weight
        self._queued_weight -= waiter.weight
        self._granted += 1
        waiter.granted = True
        waiter.event.set()

    def _leave(self, waiter: _Waiter) -> None:
        self._cancelled += 1
        if waiter.granted:
            self._granted -= 1
            self.give_back(waiter.weight)
        elif waiter.failed is None:
            self._waiters.remove(waiter)
            self._queued_weight -= waiter.weight
            self._pump()

    def _send_away(self, blocked: float) -> None:
        staying: deque[_Waiter] = deque()
        for waiter in self._waiters:
            if blocked > waiter.longest_block:
                self._queued_weight -= waiter.weight
                waiter.failed = WaitTooLong(blocked)
                waiter.event.set()
            else:
                staying.append(waiter)
        self._waiters = staying


def _check(rate: float, burst: float) -> None:
    if not 0 < rate < math.inf:
        raise ValueError(f"a rate of {rate} requests per second is not more than 0")
    if not 1 <= burst < math.inf:
        raise ValueError(f"a burst of {burst} is less than 1")
