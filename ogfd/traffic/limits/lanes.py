"""
Lanes: what all calls to one API of a provider share, whichever connector makes them.

    (provider, principal, group) -> buckets, a breaker
    connector                    -> a breaker for its credentials, one for each thing denied
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import NamedTuple

from ogfd.plugin import Limit
from ogfd.traffic.limits.breaker import CREDENTIAL, OUTAGE, PERMISSION, Breaker
from ogfd.traffic.limits.bucket import TokenBucket


class LaneKey(NamedTuple):
    """Whose limit on which operations; *group* is empty for all that have no own limit."""

    provider: str
    principal: str
    group: str


class Denial(NamedTuple):
    """What a connector may have been denied; *scope* is what the operation was about."""

    connector: str
    operation: str
    scope: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Lane:
    """
    What all calls under one key share.

    Attributes:
        buckets: one for each limit; a call takes a token of each.
        breaker: stops all of them when the provider fails.
    """

    key: LaneKey
    buckets: tuple[TokenBucket, ...]
    breaker: Breaker

    @property
    def rate(self) -> float:
        """Requests per second at present."""
        return min(bucket.rate for bucket in self.buckets)

    def wait_seconds(self) -> float:
        """Return how long a caller that came now would wait for its tokens."""
        return max(bucket.wait_seconds() for bucket in self.buckets)

    def throttled(self) -> None:
        """Slow down: the provider asked for fewer requests, and did not say which limit it was."""
        for bucket in self.buckets:
            bucket.throttled()

    def succeeded(self) -> None:
        """Win back some of the rate."""
        for bucket in self.buckets:
            bucket.succeeded()

    def block_until(self, instant: float) -> None:
        """Grant nothing before *instant* of the monotonic clock."""
        for bucket in self.buckets:
            bucket.block_until(instant)


Conflict = Callable[[LaneKey, Limit, Limit], None]
"""Told of a key, the limit that holds from now on and the one that was asked for."""


class Lanes:
    """
    Hands out the same buckets and breakers to all who name the same key.

    Args:
        monotonic: a clock in seconds that runs at the pace of the event loop's.
        rng: returns a float in [0, 1), for the jitter of breakers.
        on_conflict: called when two connectors want different limits on one key; the lower rate
            and the lower burst hold.
    """

    def __init__(
        self,
        monotonic: Callable[[], float] = time.monotonic,
        *,
        rng: Callable[[], float] = random.random,  # noqa: S311 - jitter is no secret
        on_conflict: Conflict | None = None,
    ) -> None:
        self._monotonic = monotonic
        self._rng = rng
        self._on_conflict = on_conflict
        self._buckets: dict[
            tuple[LaneKey, str, timedelta | None, bool], tuple[TokenBucket, Limit]
        ] = {}
        self._breakers: dict[LaneKey, Breaker] = {}
        self._credentials: dict[str, Breaker] = {}
        self._denials: dict[Denial, Breaker] = {}

    def lane(self, key: LaneKey, limits: Sequence[Limit], scope: str = "") -> Lane:
        """
        Return the lane of *key*, made with *limits* where it is new.

        Args:
            key: what the lane is shared by.
            limits: at least one; those that are ``scoped`` hold for *scope* alone.
            scope: what the call is about.

        Raises:
            ValueError: if a limit is out of range.
        """
        if key not in self._breakers:
            self._breakers[key] = Breaker(OUTAGE, self._monotonic, self._rng)
        return Lane(
            key=key,
            buckets=tuple([self._bucket(key, limit, scope) for limit in limits]),
            breaker=self._breakers[key],
        )

    def credential(self, connector: str) -> Breaker:
        """Return the breaker of the credentials of *connector*."""
        if connector not in self._credentials:
            self._credentials[connector] = Breaker(CREDENTIAL, self._monotonic, self._rng)
        return self._credentials[connector]

    def permission(self, denial: Denial) -> Breaker:
        """Return the breaker of what a connector may have been denied."""
        if denial not in self._denials:
            self._denials[denial] = Breaker(PERMISSION, self._monotonic, self._rng)
        return self._denials[denial]

    def denials(self, connector: str) -> Mapping[Denial, Breaker]:
        """Return the breakers of all that *connector* may have been denied."""
        return {key: each for key, each in self._denials.items() if key.connector == connector}

    def __iter__(self) -> Iterator[tuple[LaneKey, TokenBucket]]:
        """Iterate over all buckets."""
        return iter([(key[0], bucket) for key, (bucket, _) in self._buckets.items()])

    def _bucket(self, key: LaneKey, limit: Limit, scope: str) -> TokenBucket:
        place = (key, scope if limit.scoped else "", limit.window, limit.scoped)
        if place not in self._buckets:
            window = None if limit.window is None else limit.window.total_seconds()
            made = TokenBucket(limit.rate, limit.burst, self._monotonic, window=window)
            self._buckets[place] = made, limit
            return made
        bucket, held = self._buckets[place]
        if limit != held:
            kept = Limit(
                rate=min(limit.rate, held.rate),
                burst=min(limit.burst, held.burst),
                window=limit.window,
                scoped=limit.scoped,
            )
            bucket.limit(kept.rate, kept.burst)
            self._buckets[place] = bucket, kept
            # Who asks again for what has been lowered already is no news.
            if self._on_conflict is not None and kept != held:
                self._on_conflict(key, kept, limit)
        return bucket
