"""How many requests a provider allows now: the arithmetic of a token bucket, without a queue."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from typing import Final

_TOLERANCE: Final = 1e-9  # tokens or seconds that may be missing through rounding
_CUT_EVERY_SECONDS: Final = 1.0
_LOWEST_SHARE: Final = 1 / 20
_WON_BACK_SHARE: Final = 1 / 100


class Allowance:
    """
    Tokens that come back at a rate, which falls while the provider throttles.

    In any span of t seconds it allows at most ``full_rate * t + burst`` tokens, and with a
    *window* at most ``full_rate * window`` (at least 1) in any span of that length.

    Args:
        rate: tokens per second in the long run; more than 0.
        burst: how many tokens may be taken at once after a pause; at least 1.
        monotonic: a clock in seconds.
        window: span in seconds over which the provider counts; None if it does not.

    Attributes:
        rate: tokens per second at present.
        full_rate: tokens per second when the provider does not throttle.
        burst: how many tokens are saved up at most.
        cuts: how often the rate was halved.

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
        _check(rate, burst, window)
        self.full_rate = self.rate = float(rate)
        self.burst = self._tokens = float(burst)
        self.cuts = 0
        self._window = window
        self._monotonic = monotonic
        self._updated = monotonic()
        self._blocked_until = self._last_cut = -math.inf
        self._taken: deque[float] = deque()  # when, within the last window

    @property
    def tokens(self) -> float:
        """How many tokens are there now, whether or not they may be taken."""
        self._refill()
        return self._tokens

    @property
    def blocked_seconds(self) -> float:
        """How long the provider still wants no request; 0 if it does not say so."""
        return max(0.0, self._blocked_until - self._monotonic())

    def seconds(self, ahead: int = 0) -> float:
        """Return when a token can be taken, after *ahead* others; 0 for now."""
        now = self._refill()
        missing = ahead + 1.0 - self._tokens
        wait = missing / self.rate if missing > _TOLERANCE else 0.0
        if now < self._blocked_until:
            wait += self._blocked_until - now
        return wait if self._window is None else max(wait, self._window_seconds(now, ahead))

    def take(self) -> None:
        """Take a token, which must be there."""
        self._tokens = max(0.0, self._tokens - 1.0)
        if self._window is not None:
            self._taken.append(self._monotonic())

    def put_back(self) -> None:
        """Return a token that was taken and not used."""
        self._tokens = min(self.burst, self.tokens + 1.0)
        if self._taken:
            self._taken.pop()

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
            self.cuts += 1
            self.rate = max(self.rate / 2, self.full_rate * _LOWEST_SHARE)

    def succeeded(self) -> None:
        """Win back a hundredth of the full rate: the provider answered."""
        self._refill()
        self.rate = min(self.full_rate, self.rate + self.full_rate * _WON_BACK_SHARE)

    def block_until(self, instant: float) -> float:
        """
        Allow nothing before *instant*; return the seconds until then, 0 if it changes nothing.

        No tokens are saved up meanwhile, so the block does not end in a burst.
        """
        now = self._refill()
        if instant <= max(self._blocked_until, now):
            return 0.0
        self._tokens = min(self._tokens, 1.0)
        self._blocked_until = self._updated = instant
        return instant - now

    def limit(self, rate: float, burst: float) -> None:
        """
        Lower the full rate and the burst to these, where they are lower.

        Raises:
            ValueError: if one is out of range.
        """
        _check(rate, burst, None)
        self._refill()
        self.full_rate = min(self.full_rate, rate)
        self.rate = min(self.rate, self.full_rate)
        self.burst = min(self.burst, burst)
        self._tokens = min(self._tokens, self.burst)

    def _refill(self) -> float:
        now = self._monotonic()
        if now > self._updated:  # in a block, the last update lies in the future
            earned = (now - self._updated) * self.rate
            self._tokens = min(self.burst, self._tokens + earned)
            self._updated = now
        return now

    def _window_seconds(self, now: float, ahead: int) -> float:
        """Return when the window has room for one more after *ahead* others."""
        window, taken = self._window or 0.0, self._taken
        while taken and taken[0] + window <= now + _TOLERANCE:
            taken.popleft()
        quota = max(1, math.floor(self.full_rate * window + _TOLERANCE))
        leaving = len(taken) + ahead - quota
        if leaving < 0 or not taken:
            return 0.0
        return taken[min(leaving, len(taken) - 1)] + window - now


def _check(rate: float, burst: float, window: float | None) -> None:
    if not 0 < rate < math.inf:
        raise ValueError(f"a rate of {rate} requests per second is not more than 0")
    if not 1 <= burst < math.inf:
        raise ValueError(f"a burst of {burst} is less than 1")
    if window is not None and not 0 < window < math.inf:
        raise ValueError(f"a window of {window} seconds is not more than 0")
