"""
One slice, from decision to commit.

    ledger -> version -> read -> seal -> judge -> commit per sink -> record -> archive

A kill at any arrow leaves one of: nothing, an open package (swept), a sealed package (delivered
without a new download), a commit that is not recorded (seen in the ledger). Each has one
continuation, and every continuation ends with the sinks equal to the source.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final

import anyio
from anyio import to_thread

from ogfd.packages import (
    Archive,
    ByteBudget,
    PackageHeader,
    PackageStore,
    PackageWriter,
    SealedPackage,
    Shape,
)
from ogfd.plugin import (
    ErrorClass,
    Kind,
    LedgerEntry,
    Partition,
    PartitionState,
    SourceChanged,
    Stream,
    Wanted,
    single_error,
)
from ogfd.slices.coverage import days_held
from ogfd.slices.deliver import Deliverer
from ogfd.slices.failpoints import Failpoints
from ogfd.slices.judge import violations
from ogfd.slices.ledgers import as_of, forced, is_current
from ogfd.slices.outcome import Outcome, SliceResult, result_of, together, unknown_of
from ogfd.slices.target import Recipe
from ogfd.state import StateStore, Verdict, VerdictKind, put_unknowns

log = logging.getLogger(__name__)

_RESTARTS: Final = 3
_UNSTEADY_WAIT: Final = timedelta(minutes=15)


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """
    A slice to be made current.

    Attributes:
        slice: ``connector/stream/partition``.
        partition: as it was listed.
        stream: reads it.
        shape: how its rows are shaped.
        recipe: what else shapes them.
        header: what the package says of itself, but for the version.
        relist: lists the partition again and reads the bases anew, after the source changed;
            None if the partition is gone.
    """

    slice: str
    partition: Partition
    stream: Stream
    shape: Shape
    recipe: Recipe
    header: PackageHeader
    relist: Callable[[], Awaitable[tuple[Partition, Mapping[str, LedgerEntry | None]] | None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """
    Makes slices current. One for the process; methods may run for several slices at once.

    Attributes:
        waiting: sealed packages by slice that a sink or an operator has yet to take.
        slice_memory_bytes: aggregated rows that one slice keeps in memory.
    """

    deliverer: Deliverer
    state: StateStore
    packages: PackageStore
    archive: Archive
    budget: ByteBudget
    slice_memory_bytes: int
    failpoints: Failpoints
    now: Callable[[], datetime]
    waiting: dict[str, SealedPackage]
    _turns: dict[str, anyio.Lock] = field(default_factory=lambda: defaultdict(anyio.Lock))

    async def make_current(
        self, work: Work, bases: Mapping[str, LedgerEntry | None], *, force: bool
    ) -> SliceResult:
        """
        Read *work* in the version its partition names and commit it to every sink.

        May be cancelled outside of a commit, and called again.

        Raises:
            SourceError, NotPublished, Parked: as the stream raised them; nothing was changed.
        """
        async with self._turns[work.slice]:
            return await self._until_steady(work, bases, force=force)

    async def _until_steady(
        self, work: Work, bases: Mapping[str, LedgerEntry | None], *, force: bool
    ) -> SliceResult:
        for _ in range(_RESTARTS):
            try:
                return await self._attempt(work, bases, force=force)
            except SourceChanged as exc:
                log.info("the source changed", extra={"slice": work.slice, "reason": str(exc)})
            listed = await work.relist()
            if listed is None:
                return SliceResult(
                    slice=work.slice,
                    outcome=Outcome.ABSENT,
                    reason="the provider stopped listing it while it was read; rows are kept",
                )
            partition, bases = listed
            header = replace(
                work.header,
                version=partition.version,
                source=partition.source,
                period=partition.period,
                closed=partition.state is PartitionState.CLOSED,
            )
            work = replace(work, partition=partition, header=header)
        return SliceResult(
            slice=work.slice,
            outcome=Outcome.FAILED,
            error_class=ErrorClass.TRANSIENT,
            reason=f"the source changed {_RESTARTS} times while it was read",
            next_due=self.now() + _UNSTEADY_WAIT,
        )

    async def settle(self, slice: str, target: str) -> None:
        """
        Put away what waits for a slice whose sinks all hold *target*, the current one.

        The package of a commit that a crash kept from being recorded goes to the archive; one of
        another target, such as a held version that the provider took back, goes for good.
        """
        if slice not in self.waiting:
            return
        async with self._turns[slice]:
            package = self.waiting.get(slice)
            if package is None:
                return
            if package.info.target == target:
                await self._archive(package)
            else:
                await self._drop(package)

    async def approve(
        self, slice: str, bases: Mapping[str, LedgerEntry | None], *, actor: str, reason: str
    ) -> SliceResult | None:
        """
        Commit the package that is held for *slice*; None if none waits.

        It counts on the generations that its read was based on: if anybody has committed since,
        the outcome is ``superseded``.
        """
        async with self._turns[slice]:
            package = self.waiting.get(slice)
            if package is None:
                return None
            await self._decide(package, VerdictKind.APPROVED, reason, actor)
            target = package.info.target
            then = {
                name: as_of(base, package.bases.get(name, 0), target)
                for name, base in bases.items()
            }
            return await self._deliver(package.approved(actor, reason), then, was_read=False)

    async def reject(self, slice: str, *, actor: str, reason: str) -> bool:
        """Drop the package that is held for *slice*; False if none waits."""
        async with self._turns[slice]:
            package = self.waiting.get(slice)
            if package is None:
                return False
            await self._decide(package, VerdictKind.REJECTED, reason, actor)
            await self._drop(package)
            return True

    async def drop(
        self, slice: str, bases: Mapping[str, LedgerEntry | None], *, actor: str, reason: str
    ) -> SliceResult | None:
        """
        Commit an empty package over *slice* in every sink that holds it; None if none does.

        Gives up what the slice counted for and its source, so that another slice may count for it.
        The history stays. A connector that still lists the slice reads it again.
        """
        held = {name: base for name, base in bases.items() if base is not None}
        if not held:
            return None
        header = _dropped(next(iter(held.values())))
        async with self._turns[slice]:
            with self.packages.workplace() as (temporary, final):
                writer = PackageWriter(
                    temporary,
                    header,
                    Shape(kind=header.kind, wanted=Wanted()),
                    budget=self.budget,
                    memory_bytes=self.slice_memory_bytes,
                )
                package = await writer.seal(final, Recipe(id=header.recipe, body={}).target)
            await self._keep(package)
            result = await self._deliver(package.approved(actor, reason), held, was_read=False)
            if result.outcome is Outcome.COMMITTED:
                await self._note(package)
            return result

    async def _attempt(
        self, work: Work, bases: Mapping[str, LedgerEntry | None], *, force: bool
    ) -> SliceResult:
        package = None if force else await self._known_package(work)
        was_read = package is None
        if package is None:
            package = await self._read(work, bases)
        await self._note(package)
        if work.partition.version is None and not force and is_current(package.info.target, bases):
            await self._drop(package)
            return result_of(package, Outcome.UNCHANGED, was_read=True)
        package, barred = await self._judged(package, bases)
        await self.failpoints.passed("package.judged")
        if barred is not None:
            return result_of(package, Outcome.HELD, reason=barred, was_read=was_read)
        if force:
            bases = {name: forced(base) for name, base in bases.items()}
        return await self._deliver(package, bases, was_read=was_read)

    async def _known_package(self, work: Work) -> SealedPackage | None:
        """Return a package of the wanted target that waits or is in the archive."""
        waiting = self.waiting.get(work.slice)
        if work.partition.version is None:
            return None
        target = work.recipe.target(work.partition.version)
        if waiting is not None and waiting.info.target == target:
            return waiting
        try:
            return await to_thread.run_sync(self.archive.find, work.slice, target)
        except OSError as exc:
            log.warning("the archive cannot be read", extra={"reason": str(exc)})
            return None

    async def _read(self, work: Work, bases: Mapping[str, LedgerEntry | None]) -> SealedPackage:
        generations = {name: base.generation for name, base in bases.items() if base is not None}
        with self.packages.workplace() as (temporary, final):
            writer = PackageWriter(
                temporary,
                replace(work.header, bases=generations),
                work.shape,
                budget=self.budget,
                memory_bytes=self.slice_memory_bytes,
            )
            with single_error():
                await work.stream.read(work.partition, writer)
            await self.failpoints.passed("source.read")
            package = await writer.seal(final, work.recipe.target)
        await self.failpoints.passed("package.sealed")
        await self._keep(package)
        return package

    async def _note(self, package: SealedPackage) -> None:
        """Put on record what no table knows; before the commit, after which nobody might."""
        if (found := unknown_of(package.fate)) is not None:
            info = package.info
            await put_unknowns(self.state, info.slice, info.connector, info.stream, found)

    async def _keep(self, package: SealedPackage) -> None:
        """Have *package* wait, in place of an older one of its slice."""
        stale = self.waiting.get(package.info.slice)
        self.waiting[package.info.slice] = package
        if stale is not None:
            await to_thread.run_sync(self.packages.discard, stale)

    async def _judged(
        self, package: SealedPackage, bases: Mapping[str, LedgerEntry | None]
    ) -> tuple[SealedPackage, str | None]:
        """Return the package, with its approval if it has one, and why it may not be committed."""
        verdicts = await self.state.verdicts(package.info.slice)
        verdict = verdicts.get((package.info.slice, package.info.target))
        if verdict is not None and verdict.kind is VerdictKind.APPROVED:
            return package.approved(verdict.actor or "", verdict.reason), None
        if verdict is not None and verdict.kind is VerdictKind.REJECTED:
            await self._drop(package)
            return package, f"rejected by {verdict.actor}: {verdict.reason}"
        sink, previous = next(
            ((name, base) for name, base in bases.items() if base is not None), ("", None)
        )
        days = None
        if previous is not None and package.info.days is not None:
            days = await days_held(previous, self.deliverer.sinks[sink], self.archive)
        problems = violations(package, previous, days)
        if not problems:
            return package, None
        reason = "; ".join(problems)
        await self._decide(package, VerdictKind.HELD, reason, None)
        return package, reason

    async def _deliver(
        self,
        package: SealedPackage,
        bases: Mapping[str, LedgerEntry | None],
        *,
        was_read: bool,
    ) -> SliceResult:
        deliveries = await self.deliverer.deliver(package, bases)
        outcome = together(deliveries)
        if outcome in {Outcome.COMMITTED, Outcome.UNCHANGED}:
            await self._archive(package)
        elif outcome is Outcome.SUPERSEDED:
            await self._drop(package)
        reasons = [result.error for result in deliveries.values() if result.error]
        return result_of(
            package,
            outcome,
            reason="; ".join(reasons) or None,
            deliveries=deliveries,
            was_read=was_read,
        )

    async def _decide(
        self, package: SealedPackage, kind: VerdictKind, reason: str, actor: str | None
    ) -> None:
        await self.state.put_verdict(
            Verdict(
                slice=package.info.slice,
                target=package.info.target,
                kind=kind,
                reason=reason,
                decided_at=self.now(),
                actor=actor,
            )
        )

    async def _archive(self, package: SealedPackage) -> None:
        """Move a package that waited to the archive; one that came from there stays there."""
        if self._waits(package):
            try:
                await to_thread.run_sync(self.archive.put, package, self.now())
            except OSError as exc:
                # The rows are committed; the package waits, and the next run tries again.
                log.warning(
                    "the archive cannot be written",
                    extra={"slice": package.info.slice, "reason": str(exc)},
                )
                return
            del self.waiting[package.info.slice]
        await self.failpoints.passed("package.archived")

    async def _drop(self, package: SealedPackage) -> None:
        if self._waits(package):
            del self.waiting[package.info.slice]
            await to_thread.run_sync(self.packages.discard, package)

    def _waits(self, package: SealedPackage) -> bool:
        waiting = self.waiting.get(package.info.slice)
        return waiting is not None and waiting.path == package.path


def _dropped(entry: LedgerEntry) -> PackageHeader:
    return PackageHeader(
        slice=entry.slice,
        org_id="",
        provider="",
        connector=entry.connector,
        stream=entry.stream,
        partition=entry.partition,
        kind=Kind.COST,  # without rows it counts for nothing, whatever its kind
        period=entry.period,
        closed=entry.closed,
        source="",
        version="dropped",
        recipe="dropped",
        recipe_body={},
    )
