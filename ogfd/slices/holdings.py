"""
What a sink holds of a stream by billing period, to the last digit.

The ledger has exact sums of a slice, but rows of a slice may be of several billing periods, and a
sink may keep its rows as floats. So every slice is taken apart by the first of these that works:

    its package waits or is in the archive    the digests are equal, so its rows are the sink's
    the sink can be read                      its rows name their periods; of one, the ledger has
                                              the sums
    neither                                   nobody knows, and its months are in doubt
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Context, Decimal
from typing import Any, Final

import pyarrow as pa
from anyio import to_thread

from ogfd.packages import Archive, SealedPackage, Sums, monthly_sums
from ogfd.plugin import LedgerEntry, OgfdError, Period, Sink, is_readable

log = logging.getLogger(__name__)

_EXACT: Final = Context(prec=76)


class Inexact(OgfdError):  # noqa: N818 - says what the sums are
    """The sums of a billing period cannot be had to the last digit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """
    What is known of the rows of a slice.

    Attributes:
        digest: of the rows.
        periods: the billing periods that they are of.
        sums: by billing period; None while nobody has asked for them.
        doubt: why they cannot be had, if so.
        recipe: what the recipe that they were read by is a hash of; None if nobody knows.
    """

    digest: str
    periods: frozenset[str]
    sums: Mapping[str | None, Sums] | None = None
    doubt: str | None = None
    recipe: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """A slice that a sink holds, and what is known of its rows."""

    entry: LedgerEntry
    part: Part


class Holdings:
    """
    Takes slices apart, and remembers it while their rows stay as they are.

    Args:
        archive: has the packages that sinks took.
        waiting: sealed packages by slice that another sink has yet to take.
    """

    def __init__(self, archive: Archive, waiting: Mapping[str, SealedPackage]) -> None:
        self._archive = archive
        self._waiting = waiting
        self._parts: dict[str, Part] = {}

    async def months(self, sink: Sink, entries: Iterable[LedgerEntry]) -> dict[str, list[Held]]:
        """
        Return the billing periods that slices have rows of, newest first, each with those slices.

        Args:
            sink: holds them.
            entries: of its ledger.

        Raises:
            SinkError: if the sink cannot be read.
        """
        filled = [entry for entry in entries if entry.rows]
        parts = {entry.slice: part for entry in filled if (part := self._known(entry))}
        parts |= await to_thread.run_sync(self._looked_up, _without(filled, parts))
        if unknown := _without(filled, parts):
            parts |= await self._seen(sink, unknown)
        self._parts |= parts
        found: dict[str, list[Held]] = {}
        for entry in filled:
            part = parts[entry.slice]
            for period in part.periods:
                found.setdefault(period, []).append(Held(entry=entry, part=part))
        return dict(sorted(found.items(), reverse=True))

    async def sums(self, held: Iterable[Held], billing_period: str) -> Sums:
        """
        Return the sums of the rows of *billing_period*.

        Args:
            held: what `months` gave with it.
            billing_period: ``YYYY-MM``.

        Raises:
            Inexact: if the rows of a slice cannot be told apart.
        """
        total: dict[str, Decimal] = {}
        for each in held:
            entry, part = each.entry, each.part
            if part.sums is None and part.doubt is None:
                part = self._known(entry) or part
            if part.sums is None and part.doubt is None:
                part = self._parts[entry.slice] = await to_thread.run_sync(self._read, entry, part)
            if part.sums is None:
                raise Inexact(part.doubt or "")
            for name, amount in part.sums.get(billing_period, {}).items():
                total[name] = _EXACT.add(total.get(name, Decimal()), amount)
        return total

    def _known(self, entry: LedgerEntry) -> Part | None:
        part = self._parts.get(entry.slice)
        # A doubt may have gone: the archive's folder may be mounted by now.
        return part if part and part.digest == entry.digest and not part.doubt else None

    def _looked_up(self, entries: Iterable[LedgerEntry]) -> dict[str, Part]:
        """Learn the periods of the slices that have a package."""
        found = ((entry.slice, self._claimed(entry)) for entry in entries)
        return {name: part for name, part in found if part is not None}

    def _claimed(self, entry: LedgerEntry) -> Part | None:
        waiting = self._waiting.get(entry.slice)
        try:
            if waiting is not None and waiting.info.digest == entry.digest:
                info = waiting.info
            else:
                found = self._archive.info(entry.slice, entry.target)
                if found is None or found.digest != entry.digest:
                    return None
                info = found
        except OSError as exc:
            log.warning("the archive cannot be read", extra={"reason": str(exc)})
            return None
        part = Part(
            digest=entry.digest,
            periods=frozenset(info.billing_periods or ()),
            recipe=info.recipe_body,
        )
        # What was sealed before packages said so has to be looked at.
        return part if info.billing_periods is not None else self._read(entry, part)

    def _read(self, entry: LedgerEntry, part: Part) -> Part:
        """Add up the rows of the package of *entry*, which was there a moment ago."""
        try:
            package = self._waiting.get(entry.slice)
            if package is None or package.info.digest != entry.digest:
                package = self._archive.find(entry.slice, entry.target)
            if package is not None and package.info.digest == entry.digest:
                sums = monthly_sums(package)
                return replace(part, periods=frozenset(filter(None, sums)), sums=sums)
        except (OSError, pa.ArrowException) as exc:
            return replace(part, doubt=f"the package of {entry.slice} cannot be read: {exc}")
        return replace(part, doubt=f"the package of {entry.slice} is not in the archive any more")

    async def _seen(self, sink: Sink, entries: Sequence[LedgerEntry]) -> dict[str, Part]:
        """Learn the periods of slices without a package from their rows."""
        if not is_readable(sink):
            return {entry.slice: _unseen(entry) for entry in entries}
        periods: dict[str, set[str | None]] = {entry.slice: set() for entry in entries}
        columns = ("slice", "billing_period")
        async with sink.scan("activities", columns, {"slice": list(periods)}) as batches:
            async for batch in batches:
                for name, period in await to_thread.run_sync(_distinct, batch):
                    periods[name].add(period)
        return {entry.slice: _part(entry, periods[entry.slice]) for entry in entries}


def _without(entries: Iterable[LedgerEntry], parts: Mapping[str, Part]) -> list[LedgerEntry]:
    return [entry for entry in entries if entry.slice not in parts]


def _distinct(batch: pa.RecordBatch) -> list[tuple[str, str | None]]:
    pairs = pa.Table.from_batches([batch]).group_by(batch.schema.names).aggregate([])
    slices, periods = (column.to_pylist() for column in pairs.columns)
    return list(zip(slices, periods, strict=True))


def _part(entry: LedgerEntry, periods: set[str | None]) -> Part:
    named = frozenset(filter(None, periods))
    if len(periods) > 1:
        return Part(
            digest=entry.digest,
            periods=named,
            doubt=f"{entry.slice} has rows of {len(periods)} billing periods; their exact sums are "
            "in its package, which the archive has not",
        )
    sums = {name: Decimal(amount) for name, amount in entry.sums.items()}
    return Part(digest=entry.digest, periods=named, sums=dict.fromkeys(periods, sums))


def _unseen(entry: LedgerEntry) -> Part:
    return Part(
        digest=entry.digest,
        periods=frozenset(_months(entry.period)),
        doubt=f"the billing periods of {entry.slice} are in its package, which the archive has "
        "not, and the sink cannot be read",
    )


def _months(period: Period) -> Iterator[str]:
    month = Period.month(f"{period.start:%Y-%m}")
    while month.overlaps(period):
        yield str(month)
        month = Period.month(f"{month.end:%Y-%m}")
