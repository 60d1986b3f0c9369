"""
Token buckets: how often a provider may be asked, shared by all that ask it.

    acquire -> FIFO queue -> one timer -> grant -> the caller asks the provider
                                 ^                        |
           throttled / block_until / succeeded <---- its answer

A call that is subject to several limits stands in the queue of each bucket and gets a token of
each in the same moment, or none.
"""

from __future__ import annotations

import asyncio
import math
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import anyio
import anyio.lowlevel

from ogfd.traffic.limits.allowance import Allowance

_SHORTEST_TIMER_SECONDS: Final = 1e-4  # a float remainder must not re-arm a timer at the same time


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
        tokens: how many it holds now.
        waiting: how many callers stand in the queue.
        blocked_seconds: how long the provider still wants no request.
        granted: how many tokens were taken and not given back.
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
    returned: int
    cuts: int


class TokenBucket:
    """
    A strictly fair token bucket that slows down when the provider throttles.

    In any span of t seconds it grants at most ``full_rate * t + burst`` tokens, and with a
    *window* at most ``full_rate * window`` (at least 1) in any span of that length. Callers with
    the same limits are served in the order they came; a caller is passed only while another of
    its limits holds it back. That starves nobody as long as the sets of limits are nested, as
    those of a scope and of its principal are. Must be used from one event loop.

    Args:
        rate: tokens per second in the long run; more than 0.
        burst: how many tokens may be taken at once after a pause; at least 1.
        monotonic: a clock in seconds that runs at the pace of the event loop's.
        window: span in seconds over which the provider counts; None if it does not.

    Raises:
        ValueError: if *rate*, *burst* or *window* is out of range.
    """

    def __init__(
        self,
        rate: float,
        burst: float,
        monotonic: Callable[[], float],
        *,
        window: float | None = None,
    ) -> None:
        self._allowance = Allowance(rate, burst, monotonic, window=window)
        self._waiters: deque[Waiter] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self._granted = self._cancelled = self._returned = 0

    @property
    def rate(self) -> float:
        """Tokens per second at present."""
        return self._allowance.rate

    @property
    def blocked_seconds(self) -> float:
        """How long the provider still wants no request; 0 if it does not say so."""
        return self._allowance.blocked_seconds

    def statistics(self) -> BucketStatistics:
        """Return how the bucket stands now."""
        allowance = self._allowance
        return BucketStatistics(
            rate=allowance.rate,
            full_rate=allowance.full_rate,
            burst=allowance.burst,
            tokens=allowance.tokens,
            waiting=len(self._waiters),
            blocked_seconds=allowance.blocked_seconds,
            granted=self._granted,
            cancelled=self._cancelled,
            returned=self._returned,
            cuts=allowance.cuts,
        )

    def wait_seconds(self) -> float:
        """Return how long a caller that came now would wait, if nobody went away."""
        return self._allowance.seconds(len(self._waiters))

    def try_acquire(self) -> bool:
        """Take a token if one is there for whoever comes now; never waits itself."""
        if not self.ready():
            return False
        self.take()
        return True

    async def acquire(self, *, within: float = math.inf, longest_block: float = math.inf) -> None:
        """Take a token, after all who came before; see `acquire` of this module."""
        await acquire((self,), within=within, longest_block=longest_block)

    def give_back(self) -> None:
        """Return, at once, a token that was acquired and then not used."""
        self._returned += 1
        self._granted -= 1
        self._allowance.put_back()
        self._pump()

    def throttled(self) -> None:
        """Halve the rate, as `Allowance.throttled` says."""
        self._allowance.throttled()
        self._arm()

    def succeeded(self) -> None:
        """Win back a hundredth of the full rate: the provider answered."""
        if self._allowance.rate < self._allowance.full_rate:
            self._allowance.succeeded()
            self._pump()

    def block_until(self, instant: float) -> None:
        """
        Grant nothing before *instant* of the monotonic clock; an earlier one changes nothing.

        Who does not sit out so long a block is sent away.
        """
        blocked = self._allowance.block_until(instant)
        for waiter in [each for each in self._waiters if blocked > each.longest_block]:
            waiter.send_away(WaitTooLong(blocked))
        self._arm()

    def limit(self, rate: float, burst: float) -> None:
        """
        Lower the full rate and the burst to these, where they are lower.

        Raises:
            ValueError: if one is out of range.
        """
        self._allowance.limit(rate, burst)
        self._arm()

    def ready(self) -> bool:
        """Tell whether a token is there for whoever comes now; serve who waits before."""
        if not self.allows():
            return False
        return not self._waiters or self._pump()  # the timer may be late

    def take(self) -> None:
        """Take a token after `ready` said that one is there."""
        self._allowance.take()
        self._granted += 1
        self._arm()

    def join(self, waiter: Waiter) -> None:
        """Let *waiter* stand in the queue."""
        self._waiters.append(waiter)
        self._arm()

    def leave(self, waiter: Waiter) -> None:
        """Take *waiter* out of the queue."""
        self._waiters.remove(waiter)

    def left(self) -> None:
        """Count a caller that went away before it got its token, or had woken with it."""
        self._cancelled += 1

    def allows(self) -> bool:
        """Tell whether a token could be taken, whoever waits."""
        return self._allowance.seconds() <= 0.0

    def _pump(self) -> bool:
        """
        Grant what can be granted, in order, and set the one timer for the next in line.

        Returns:
            whether a token is left that nobody who waits can take. To look again would not tell:
            one that came since then is for the next in line.
        """
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        while self.allows():
            waiter = next((each for each in self._waiters if each.grantable()), None)
            if waiter is None:
                return True  # other limits hold all of them back, and their timers come to them
            waiter.grant()
        self._arm()
        return False

    def _arm(self) -> None:
        if self._timer is not None or not self._waiters:
            return
        # Also if the token came since the last look: nobody else would wake who waits for it.
        wait = max(self._allowance.seconds(), _SHORTEST_TIMER_SECONDS)
        self._timer = asyncio.get_running_loop().call_later(wait, self._pump)


class Waiter:
    """One caller in the queues of all *buckets*; sits out no block over *longest_block* seconds."""

    __slots__ = ("_buckets", "_event", "_failure", "_granted", "longest_block")

    def __init__(self, buckets: Sequence[TokenBucket], longest_block: float) -> None:
        self.longest_block = longest_block
        self._buckets = buckets
        self._event = anyio.Event()
        self._granted = False
        self._failure: WaitTooLong | None = None

    async def served(self) -> None:
        """
        Stand in the queues until there is a token of each bucket.

        Raises:
            WaitTooLong: if it is sent away.
        """
        for bucket in self._buckets:
            bucket.join(self)
        try:
            await self._event.wait()
        except BaseException:
            self._go_away()
            raise
        if self._failure is not None:
            raise self._failure

    def grantable(self) -> bool:
        """Tell whether all buckets have a token."""
        return all(bucket.allows() for bucket in self._buckets)

    def grant(self) -> None:
        """Take a token of each bucket and wake the caller."""
        self._leave()
        self._granted = True
        for bucket in self._buckets:
            bucket.take()
        self._event.set()

    def send_away(self, failure: WaitTooLong) -> None:
        """Wake the caller with *failure*."""
        self._leave()
        self._failure = failure
        self._event.set()

    def _leave(self) -> None:
        for bucket in self._buckets:
            bucket.leave(self)

    def _go_away(self) -> None:
        for bucket in self._buckets:
            bucket.left()
        if self._granted:
            give_back(self._buckets)
        elif self._failure is None:
            self._leave()


async def acquire(
    buckets: Sequence[TokenBucket], *, within: float = math.inf, longest_block: float = math.inf
) -> None:
    """
    Take a token of each of *buckets* in the same moment, after all who came before.

    May be cancelled: a caller that goes away costs nothing, also if it had been granted its
    tokens but had not woken yet.

    Args:
        buckets: at least one, all different.
        within: do not even queue if the expected wait is longer than this, in seconds.
        longest_block: do not sit out a block of the provider longer than this, in seconds,
            whether it is there already or comes while waiting.

    Raises:
        WaitTooLong: if *within* or *longest_block* would be exceeded.
    """
    await anyio.lowlevel.checkpoint_if_cancelled()
    if _acquired(buckets):
        return
    expected = max(bucket.wait_seconds() for bucket in buckets)
    blocked = max(bucket.blocked_seconds for bucket in buckets)
    if blocked > longest_block or expected > within:
        raise WaitTooLong(expected)
    await Waiter(buckets, longest_block).served()


def _acquired(buckets: Sequence[TokenBucket]) -> bool:
    if len(buckets) == 1:
        return buckets[0].try_acquire()
    # Serving who waits at one bucket may take what another had, so all are asked again.
    if not all(bucket.ready() for bucket in buckets):
        return False
    if not all(bucket.allows() for bucket in buckets):
        return False
    for bucket in buckets:
        bucket.take()
    return True


def give_back(buckets: Sequence[TokenBucket]) -> None:
    """Return a token to each of *buckets*: they were acquired and then not used."""
    for bucket in buckets:
        bucket.give_back()
