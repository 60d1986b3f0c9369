"""
Lanes: what all calls to one API of a provider share, whichever connector makes them.

    (provider, principal, group) -> buckets, a breaker
    connector                    -> a breaker for its credentials, one for each thing denied
"""

from __future__ import annotations

import random
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
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


class _Place(NamedTuple):
    """Which bucket of a key; *number* tells apart limits that differ in rate and burst alone."""

    scope: str
    window: timedelta | None
    scoped: bool
    number: int


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
        self._buckets: dict[LaneKey, dict[_Place, tuple[TokenBucket, Limit]]] = {}
        self._breakers: dict[LaneKey, Breaker] = {}
        self._credentials: dict[str, Breaker] = {}
        self._denials: defaultdict[str, dict[Denial, Breaker]] = defaultdict(dict)

    def lane(self, key: LaneKey, limits: Sequence[Limit], scope: str = "") -> Lane:
        """
        Return the lane of *key*, made with *limits* where it is new.

        Args:
            key: what the lane is shared by.
            limits: at least one; those that are ``scoped`` hold for *scope* alone.
            scope: what the call is about.

        Raises:
            ValueError: if there is no limit, or one is out of range.
        """
        if not limits:
            raise ValueError(f"there is no limit for {key.provider} {key.group or 'requests'}")
        if key not in self._breakers:
            self._breakers[key] = Breaker(OUTAGE, self._monotonic, self._rng)
        return Lane(
            key=key,
            buckets=tuple([self._bucket(key, *placed) for placed in _placed(limits, scope)]),
            breaker=self._breakers[key],
        )

    def credential(self, connector: str) -> Breaker:
        """Return the breaker of the credentials of *connector*."""
        if connector not in self._credentials:
            self._credentials[connector] = Breaker(CREDENTIAL, self._monotonic, self._rng)
        return self._credentials[connector]

    def permission(self, denial: Denial) -> Breaker:
        """Return the breaker of what a connector may have been denied."""
        breakers = self._denials[denial.connector]
        if denial not in breakers:
            breakers[denial] = Breaker(PERMISSION, self._monotonic, self._rng)
        return breakers[denial]

    def denials(self, connector: str) -> Sequence[tuple[Denial, Breaker]]:
        """Return the breakers of all that *connector* may have been denied. From any thread."""
        return list(self._denials.get(connector, {}).items())

    def forget(self, connector: str) -> None:
        """Let go of what *connector* was never denied: scopes may come and go for years."""
        kept = [each for each in self._denials.pop(connector, {}).items() if each[1].has_failures]
        if kept:
            self._denials[connector] = dict(kept)

    def buckets(self, key: LaneKey) -> Sequence[TokenBucket]:
        """Return the buckets of *key*, those of all scopes. From any thread."""
        return [bucket for bucket, _ in list(self._buckets.get(key, {}).values())]

    def _bucket(self, key: LaneKey, place: _Place, limit: Limit) -> TokenBucket:
        placed = self._buckets.setdefault(key, {})
        if place not in placed:
            window = None if limit.window is None else limit.window.total_seconds()
            made = TokenBucket(limit.rate, limit.burst, self._monotonic, window=window)
            placed[place] = made, limit
            return made
        bucket, held = placed[place]
        if limit != held:
            kept = Limit(
                rate=min(limit.rate, held.rate),
                burst=min(limit.burst, held.burst),
                window=limit.window,
                scoped=limit.scoped,
            )
            bucket.limit(kept.rate, kept.burst)
            placed[place] = bucket, kept
            # Who asks again for what has been lowered already is no news.
            if self._on_conflict is not None and kept != held:
                self._on_conflict(key, kept, limit)
        return bucket


def _placed(limits: Sequence[Limit], scope: str) -> Iterator[tuple[_Place, Limit]]:
    counts: Counter[tuple[timedelta | None, bool]] = Counter()
    for limit in limits:
        kind = limit.window, limit.scoped
        yield _Place(scope if limit.scoped else "", *kind, counts[kind]), limit
        counts[kind] += 1
