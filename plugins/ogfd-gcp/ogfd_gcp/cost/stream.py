"""
The stream ``cost``: a slice for each day on which rows were exported.

    rows and last change of each day, or else how many rows and their sums      partitions()
    one job for one day, added up to the grain; has the day changed meanwhile?  read()

A day of export has rows of usage of several days, and a correction comes weeks later, on the day
that it comes and in the invoice of its own. So nothing is looked for by the time of usage: a day of
export is read again when it has changed, and never otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Any, Final

import pyarrow as pa
from anyio import to_thread

from ogfd.plugin import (
    Context,
    FatalError,
    Output,
    Partition,
    PartitionState,
    Period,
    SourceChanged,
    Totals,
    Wanted,
)
from ogfd_gcp.answers import records
from ogfd_gcp.config import GcpConfig
from ogfd_gcp.cost.days import DAY, reaching
from ogfd_gcp.cost.mapping import mapped
from ogfd_gcp.cost.totals import Invoices
from ogfd_gcp.identifiers import TableName
from ogfd_gcp.jobs import Jobs
from ogfd_gcp.price import QueryPrice
from ogfd_gcp.rows import read_slice
from ogfd_gcp.session import Session
from ogfd_gcp.slicing import Slicing
from ogfd_gcp.sql.cost import charges, columns_of, layout_of
from ogfd_gcp.sql.partitions import TOKENS, cost_tokens
from ogfd_gcp.watch import Seen, Token, Watch

_SETTLED: Final = timedelta(days=10)  # of the next month: the invoice is final by then
_DIGITS: Final = 8
_NULL: Final = "__NULL__"
_STREAMED: Final = "__UNPARTITIONED__"


@dataclass(frozen=True, slots=True, kw_only=True)
class Day:
    """
    A day of export as it was listed.

    Attributes:
        version: of its rows.
        bytes: of all its columns, if known.
        modified: when its rows were changed last; of the whole table, if no more is known.
    """

    version: str
    bytes: int | None
    modified: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """The table as it was when its *days* were listed."""

    seen: Seen
    slicing: Slicing
    days: Mapping[str, Day]


class CostStream:
    """
    Reads a billing export.

    Args:
        ctx: of the run.
        session: makes the requests.
        jobs: runs the queries.
        config: of the connector.
        name: of the table.
    """

    name = "cost"

    def __init__(
        self, ctx: Context, session: Session, jobs: Jobs, config: GcpConfig, name: TableName
    ) -> None:
        self._ctx = ctx
        self._session = session
        self._jobs = jobs
        self._accounts = frozenset(config.billing_account_ids)
        self._price = QueryPrice(config.price_usd_per_tib)
        self._name = name
        self._watch = Watch(ctx, session, jobs, name)
        other = None if config.cost is None else config.cost.other
        self._invoices = Invoices(
            ctx, session, jobs, config, other or name, independent=other is not None
        )
        self._listing: Listing | None = None

    async def partitions(self, window: Period) -> Sequence[Partition]:
        """
        List the days of export that may have rows of *window*; reads next to nothing of them.

        What each will cost is told by one dry run over all of them.
        """
        listing = await self.listed(reaching(window, self._ctx.now()))
        self._listing = listing
        share = await self._read_share(listing)
        return [self._partition(key, day, share) for key, day in sorted(listing.days.items())]

    async def read(self, partition: Partition, out: Output) -> None:
        """
        Read a day of export, added up to the grain.

        Raises:
            SourceChanged: if it was changed since it was listed.
            SourceError, Parked: if it cannot be read.
        """
        listing = self._listing
        modified = None if listing is None else listing.seen.modified
        if listing is None or partition.key not in listing.days:
            listing = await self.listed(partition.period)
        wanted, accounts = out.wanted, self._accounts
        day = listing.days.get(partition.key)

        async def take(table: pa.Table, before: int) -> None:
            place = f"{self._name}, {partition.key}"
            rows = await to_thread.run_sync(mapped, table, wanted, accounts, place, before)
            await rows.put(out)

        await read_slice(
            self._ctx,
            self._session,
            self._jobs,
            self._query(listing, partition.period, wanted),
            names=columns_of(wanted),
            take=take,
            location=listing.seen.location,
            identity=(partition.key, partition.version or ""),
            since=None if day is None else day.modified,
            check=partial(self._check, partition, modified),
        )

    async def totals(self, billing_period: str) -> Totals:
        """
        Return the sums of an invoice month, of the reference or else of the table itself.

        Raises:
            NotPublished: if it has not all of the month.
            SourceError, Parked: if it cannot be asked.
        """
        return await self._invoices.totals(billing_period)

    async def listed(self, period: Period) -> Listing:
        """Return the table, and which days of *period* it has."""
        seen = await self._watch.look()
        layout = layout_of(seen.schema)
        slicing = Slicing.of(seen.table, seen.schema, layout.exported)
        tokens = await self._watch.tokens(seen) if slicing.partitioned else None
        if tokens is not None:
            return Listing(seen=seen, slicing=slicing, days=_by_partition(tokens, period, seen))
        query = cost_tokens(
            self._name,
            slicing,
            period,
            newest=layout.exported,
            cost=layout.cost(seen.schema),
            credits=layout.credits(seen.schema),
        )
        rows = await records(
            self._ctx, self._session, self._jobs, query, TOKENS, location=seen.location
        )
        return Listing(seen=seen, slicing=slicing, days=_by_rows(rows, seen))

    def _query(self, listing: Listing, period: Period, wanted: Wanted) -> Any:
        return charges(self._name, listing.seen.schema, listing.slicing, period, wanted)

    async def _check(self, partition: Partition, listed: datetime | None) -> None:
        """Make sure that the job has read what was listed."""
        if listed is not None and (await self._watch.look()).modified == listed:
            return
        now = (await self.listed(partition.period)).days.get(partition.key)
        if now is None or now.version != partition.version:
            raise SourceChanged(f"{partition.key} of {self._name} was changed since it was listed")

    async def _read_share(self, listing: Listing) -> Decimal | None:
        """Return which share of a day's bytes a read reads; None if that cannot be told."""
        whole = sum(day.bytes or 0 for day in listing.days.values())
        if not whole:
            return None
        first, last = _day(min(listing.days)), _day(max(listing.days))
        query = self._query(listing, Period(first.start, last.end), Wanted())
        read = await self._jobs.dry_run(query, location=listing.seen.location)
        return Decimal(read) / whole

    def _partition(self, key: str, day: Day, share: Decimal | None) -> Partition:
        period = _day(key)
        size = None if share is None or day.bytes is None else int(day.bytes * share)
        month = Period.month(key[:7])
        return Partition(
            key=key,
            period=period,
            version=day.version,
            state=_state(month, self._ctx.now()),
            source=str(self._name),
            size_bytes=size,
            price=None if size is None else self._price.of(size),
        )


def _state(month: Period, now: datetime) -> PartitionState:
    """Return how final the days of *month* are."""
    if now < month.end:
        return PartitionState.OPEN
    return PartitionState.CLOSING if now < month.end + _SETTLED else PartitionState.CLOSED


def _by_partition(tokens: Mapping[str, Token], period: Period, seen: Seen) -> dict[str, Day]:
    if (lost := tokens.get(_NULL)) is not None and lost.rows:
        raise FatalError(
            f"{lost.rows} rows of {seen.schema.table} are in no partition",
            hint="its partitioning column is null in them; use the export that Google writes",
        )
    found: dict[str, list[Token]] = {}
    for name, token in sorted(tokens.items()):
        if name != _STREAMED and name[:_DIGITS].isdecimal() and token.rows:
            found.setdefault(_key(name), []).append(token)
    return {
        key: Day(
            version="+".join(token.version for token in hours),
            bytes=sum(token.bytes for token in hours),
            modified=max(token.modified for token in hours),
        )
        for key, hours in found.items()
        if _day(key).overlaps(period)
    }


def _by_rows(rows: Sequence[Mapping[str, Any]], seen: Seen) -> dict[str, Day]:
    found = {}
    for row in rows:
        if (name := row["partition_id"]) is None:  # not in a partition yet
            continue
        version = "-".join(str(row[name] or 0) for name in TOKENS[1:])
        found[_key(name)] = Day(version=version, bytes=None, modified=seen.modified)
    return found


def _key(partition: str) -> str:
    return f"{partition[:4]}-{partition[4:6]}-{partition[6:8]}"


def _day(key: str) -> Period:
    start = datetime.combine(date.fromisoformat(key), datetime.min.time(), UTC)
    return Period(start, start + DAY)
