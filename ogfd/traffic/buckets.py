"""The buckets of all connectors: one per provider, principal and operation group."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

from ogfd.plugin import Limit
from ogfd.traffic.bucket import TokenBucket


class BucketKey(NamedTuple):
    """Whose limit on which operations; *group* is empty for all that have no own limit."""

    provider: str
    principal: str
    group: str


Conflict = Callable[[BucketKey, Limit, Limit], None]
"""Told of a key, the limit that holds from now on and the one that was asked for."""


class Buckets:
    """
    Hands out the same bucket to all who name the same key.

    Args:
        monotonic: a clock in seconds that runs at the pace of the event loop's.
        on_conflict: called when two connectors want different limits on one key; the lower rate
            and the lower burst hold.
    """

    def __init__(
        self,
        monotonic: Callable[[], float] = time.monotonic,
        *,
        on_conflict: Conflict | None = None,
    ) -> None:
        self._monotonic = monotonic
        self._on_conflict = on_conflict
        self._buckets: dict[BucketKey, tuple[TokenBucket, Limit]] = {}

    def bucket(self, key: BucketKey, limit: Limit) -> TokenBucket:
        """
        Return the bucket of *key*, made with *limit* if it is new.

        Raises:
            ValueError: if *limit* is out of range.
        """
        if key not in self._buckets:
            made = TokenBucket(limit.rate, limit.burst, self._monotonic)
            self._buckets[key] = made, limit
            return made
        bucket, held = self._buckets[key]
        if limit != held:
            kept = Limit(rate=min(limit.rate, held.rate), burst=min(limit.burst, held.burst))
            bucket.limit(kept.rate, kept.burst)
            self._buckets[key] = bucket, kept
            if self._on_conflict is not None:
                self._on_conflict(key, kept, limit)
        return bucket

    def __iter__(self) -> Iterator[tuple[BucketKey, TokenBucket]]:
        """Iterate over all buckets, for metrics and status."""
        return iter([(key, bucket) for key, (bucket, _) in self._buckets.items()])
