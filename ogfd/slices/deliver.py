"""Bring a sealed package to its sinks, each with its own generation and pace."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from time import monotonic
from typing import Final, Protocol
from uuid import uuid4

import anyio

from ogfd.packages import SealedPackage
from ogfd.plugin import (
    Committed,
    ErrorClass,
    Guarantee,
    LedgerEntry,
    OverlapError,
    Sink,
    SinkError,
    Superseded,
)
from ogfd.slices.failpoints import Failpoints
from ogfd.slices.ledgers import delivery_of
from ogfd.slices.outcome import DeliveryResult, Outcome
from ogfd.state import Delivery, StateStore

log = logging.getLogger(__name__)

_COMMIT_SECONDS: Final = 3600  # a shield needs an end; no replacement of a slice takes this long


class CommitWatcher(Protocol):
    """Hears of commits, for metrics."""

    def committed(self, sink: str, seconds: float) -> None:
        """Take note that a commit to *sink* took *seconds*."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Deliverer:
    """
    Commits packages.

    Attributes:
        sinks: by name.
        state: remembers confirmed deliveries, and is the ledger of sinks that have none.
        failpoints: where tests strike.
        watcher: hears of commits.
        now: UTC clock.
    """

    sinks: Mapping[str, Sink]
    state: StateStore
    failpoints: Failpoints
    watcher: CommitWatcher
    now: Callable[[], datetime]

    async def deliver(
        self, package: SealedPackage, bases: Mapping[str, LedgerEntry | None]
    ) -> dict[str, DeliveryResult]:
        """Commit *package* to every sink of *bases* that does not hold its target."""
        results = {}
        for name, base in bases.items():
            if base is not None and base.target == package.info.target:
                results[name] = DeliveryResult(
                    outcome=Outcome.UNCHANGED, generation=base.generation
                )
                continue
            results[name] = await self._commit(name, package, base.generation if base else 0)
        return results

    async def _commit(
        self, name: str, package: SealedPackage, base_generation: int
    ) -> DeliveryResult:
        attempt = uuid4().hex
        sink = self.sinks[name]
        if sink.guarantee is not Guarantee.EXACTLY_ONCE:
            base_generation = await self._reserve(name, package, base_generation, attempt)
        await self.failpoints.passed("sink.before_commit")
        started = monotonic()
        try:
            # A stop waits for a commit, and for the note that it was made: without the note a
            # sink that keeps no ledger would get the same rows again.
            with anyio.move_on_after(_COMMIT_SECONDS, shield=True):
                return await self._shielded(name, package, base_generation, attempt, started)
        except OverlapError as exc:
            return DeliveryResult(outcome=Outcome.HELD, error=str(exc), error_class=exc.error_class)
        except SinkError as exc:
            log.warning("a commit failed", extra={"sink": name, "reason": str(exc)})
            return DeliveryResult(
                outcome=Outcome.FAILED, error=f"sink {name}: {exc}", error_class=exc.error_class
            )
        return DeliveryResult(
            outcome=Outcome.FAILED,
            error=f"sink {name}: the commit took over an hour",
            error_class=ErrorClass.TRANSIENT,
        )

    async def _shielded(
        self, name: str, package: SealedPackage, base: int, attempt: str, started: float
    ) -> DeliveryResult:
        answer = await self.sinks[name].commit(package, base, attempt)
        self.watcher.committed(name, monotonic() - started)
        await self.failpoints.passed("sink.committed")
        match answer:
            case Superseded(generation=generation):
                return DeliveryResult(outcome=Outcome.SUPERSEDED, generation=generation)
            case Committed(generation=generation):
                await self._remember(name, package, generation, attempt)
                await self.failpoints.passed("state.delivered")
                return DeliveryResult(outcome=Outcome.COMMITTED, generation=generation)

    async def _reserve(
        self, name: str, package: SealedPackage, base_generation: int, attempt: str
    ) -> int:
        """
        Bind the next generation durably to this package, before the first byte is sent.

        What a crash left half sent keeps its generation if it is the same package, and loses it
        to the next one if it is another: a generation never stands for two contents.
        """
        known = (await self.state.deliveries(name)).get(package.info.slice)
        if known is not None and not known.confirmed:
            same = known.digest == package.info.digest and known.target == package.info.target
            base_generation = known.generation - 1 if same else known.generation
        reserved = self._delivery(name, package, base_generation + 1, attempt)
        # The entry stays that of the last confirmed commit: it is what the sink surely holds.
        confirmed = {} if known is None else known.entry
        await self.state.put_delivery(replace(reserved, confirmed=False, entry=confirmed))
        return base_generation

    async def _remember(
        self, name: str, package: SealedPackage, generation: int, attempt: str
    ) -> None:
        await self.state.put_delivery(self._delivery(name, package, generation, attempt))

    def _delivery(
        self, name: str, package: SealedPackage, generation: int, attempt: str
    ) -> Delivery:
        return delivery_of(
            package.info, sink=name, generation=generation, attempt=attempt, at=self.now()
        )
