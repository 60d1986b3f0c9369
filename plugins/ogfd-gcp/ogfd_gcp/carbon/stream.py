"""
The stream ``carbon``: a slice for each month and billing account.

    what was changed in each month, or else a fingerprint of its rows       partitions()
    one job for one account and month; has the month changed meanwhile?     read()

Google corrects its figures, but the export keeps what it had until its owner asks for the month
once more. So every month is looked at on every run, and `ogfd_gcp.carbon.corrections` knows which
of them should have been asked for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final

import pyarrow as pa
from anyio import to_thread

from ogfd.plugin import (
    Context,
    NotPublished,
    Output,
    Partition,
    PartitionState,
    Period,
    SourceChanged,
    Totals,
)
from ogfd_gcp.answers import records
from ogfd_gcp.carbon.mapping import mapped
from ogfd_gcp.carbon.publication import PUBLISH_LAG
from ogfd_gcp.config import GcpConfig
from ogfd_gcp.identifiers import TableName
from ogfd_gcp.jobs import Jobs
from ogfd_gcp.price import QueryPrice
from ogfd_gcp.rows import read_slice
from ogfd_gcp.session import Session
from ogfd_gcp.sql.carbon import COLUMNS, MEASURES, REQUIRED, footprint
from ogfd_gcp.sql.partitions import MONTH_TOKENS, MONTHS, carbon_months, carbon_tokens
from ogfd_gcp.sql.totals import EMITTED, emitted
from ogfd_gcp.totals import added
from ogfd_gcp.watch import Seen, Token, Watch

_MONTH_FIELD: Final = "usage_month"
_LENGTHS: Final = {"MONTH": 6, "DAY": 8}
_EMPTY_IDS: Final = ("__NULL__", "__UNPARTITIONED__")


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """
    A month of an account as it was listed.

    Attributes:
        version: of its rows.
        modified: when they were changed last; None if nobody knows.
        bytes: of the month with all accounts and columns; None if nobody knows.
    """

    version: str
    modified: datetime | None = None
    bytes: int | None = None


class CarbonStream:
    """
    Reads the Carbon Footprint export.

    Args:
        ctx: of the run.
        session: makes the requests.
        jobs: runs the queries.
        config: of the connector.
        name: of the table.
    """

    name = "carbon"

    def __init__(
        self, ctx: Context, session: Session, jobs: Jobs, config: GcpConfig, name: TableName
    ) -> None:
        self._ctx = ctx
        self._session = session
        self._jobs = jobs
        self._accounts = config.billing_account_ids
        self._price = QueryPrice(config.price_usd_per_tib)
        self._name = name
        self._watch = Watch(ctx, session, jobs, name)
        self._seen: Seen | None = None

    async def partitions(self, window: Period) -> Sequence[Partition]:
        """
        List the accounts and months of *window*; asks for next to nothing of the rows.

        The month that is over and not exported yet is listed too.
        """
        seen, found = await self.listed(window)
        self._seen = seen
        return [
            self._partition(account, month, listed)
            for (account, month), listed in self._with_due(found, window).items()
        ]

    async def read(self, partition: Partition, out: Output) -> None:
        """
        Read a month of an account.

        Raises:
            NotPublished: if it is not exported yet.
            SourceChanged: if it was changed since it was listed.
            SourceError, Parked: if it cannot be read.
        """
        account, month = partition.key.rpartition("/")[0], partition.period
        if partition.version is None:
            raise NotPublished(self._due(month))
        seen = self._seen or await self._look()
        listed = None if self._seen is None else seen.modified

        async def take(table: pa.Table, before: int) -> None:
            place = f"{self._name}, {partition.key}"
            rows = await to_thread.run_sync(mapped, table, account, month, place, before)
            await rows.put(out)

        await read_slice(
            self._ctx,
            self._session,
            self._jobs,
            footprint(self._name, seen.schema, account, month),
            names=COLUMNS,
            take=take,
            location=seen.location,
            identity=(partition.key, partition.version),
            since=seen.modified,
            check=partial(self._check, partition, listed),
        )

    async def totals(self, billing_period: str) -> Totals:
        """
        Return the sums of a month of the table itself, without projects that are not selected.

        The export of a month has some thousand rows, so BigQuery bills the least that it bills.

        Raises:
            NotPublished: if the month is not exported yet.
            SourceError, Parked: if it cannot be asked.
        """
        month = Period.month(billing_period)
        seen = await self._look()
        query = emitted(self._name, seen.schema, month, self._accounts)
        rows = await records(
            self._ctx, self._session, self._jobs, query, EMITTED, location=seen.location
        )
        sums = added(rows, tuple(MEASURES), self._ctx.selects)
        if not sums:
            raise NotPublished(self._due(month))
        return Totals(origin=f"sums of {self._name}", independent=False, sums=sums, selected=True)

    async def listed(self, window: Period) -> tuple[Seen, dict[tuple[str, str], Listed]]:
        """Return the table, and which accounts and months of *window* it has."""
        seen = await self._look()
        tokens = await self._watch.tokens(seen) if _by_month(seen) else None
        if tokens is None:
            found = await self._ask(seen, carbon_tokens(self._name, window), MONTH_TOKENS)
            return seen, {key: _by_rows(row) for key, row in found.items()}
        found = await self._ask(seen, carbon_months(self._name, window), MONTHS)
        months = _months(tokens)
        return seen, {
            (account, month): Listed(
                version="+".join(token.version for token in months[month]),
                modified=max(token.modified for token in months[month]),
                bytes=sum(token.bytes for token in months[month]),
            )
            for account, month in found
            if month in months
        }

    async def _look(self) -> Seen:
        seen = await self._watch.look()
        seen.schema.require(REQUIRED, "Carbon Footprint export")
        return seen

    async def _ask(
        self, seen: Seen, query: Any, names: Sequence[str]
    ) -> dict[tuple[str, str], dict[str, Any]]:
        rows = await records(
            self._ctx, self._session, self._jobs, query, names, location=seen.location
        )
        return {
            (row["account"], row["month"]): row
            for row in sorted(rows, key=lambda row: (row["month"], row["account"] or ""))
            if row["account"] and (not self._accounts or row["account"] in self._accounts)
        }

    async def _check(self, partition: Partition, listed: datetime | None) -> None:
        """Make sure that the job has read what was listed."""
        if listed is not None and (await self._watch.look()).modified == listed:
            return
        _, found = await self.listed(partition.period)
        account, month = partition.key.rpartition("/")[0], str(partition.period)
        now = found.get((account, month))
        if now is None or now.version != partition.version:
            raise SourceChanged(f"{partition.key} was exported once more since it was listed")

    def _with_due(
        self, found: Mapping[tuple[str, str], Listed], window: Period
    ) -> dict[tuple[str, str], Listed | None]:
        """Add the newest month that is over, of each account that has not got it."""
        last = _month_before(self._ctx.now())
        known = set(self._accounts) | {account for account, _ in found}
        due: dict[tuple[str, str], Listed | None] = dict(found)
        if last.overlaps(window):
            for account in sorted(known):
                due.setdefault((account, str(last)), None)
        return due

    def _partition(self, account: str, month: str, listed: Listed | None) -> Partition:
        period = Period.month(month)
        closed = self._ctx.now() >= period.end + PUBLISH_LAG
        return Partition(
            key=f"{account}/{month}",
            period=period,
            version=None if listed is None else listed.version,
            state=PartitionState.CLOSED if closed else PartitionState.CLOSING,
            source=str(self._name),
            size_bytes=None if listed is None else listed.bytes,
            price=None if listed is None or listed.bytes is None else self._price.of(listed.bytes),
        )

    def _due(self, month: Period) -> str:
        when = month.end + PUBLISH_LAG - timedelta(days=1)
        if self._ctx.now() < when:
            return f"Google exports {month} about {when:%Y-%m-%d}"
        return f"{self._name} has no rows of {month}; see the runs of its data transfer"


def _by_month(seen: Seen) -> bool:
    how = seen.table.time_partitioning
    return how is not None and how.field == _MONTH_FIELD and how.type_ in _LENGTHS


def _months(tokens: Mapping[str, Token]) -> dict[str, list[Token]]:
    found: dict[str, list[Token]] = {}
    for key in sorted(set(tokens) - set(_EMPTY_IDS)):
        found.setdefault(f"{key[:4]}-{key[4:6]}", []).append(tokens[key])
    return found


def _by_rows(row: Mapping[str, Any]) -> Listed:
    return Listed(version=f"{row['total_rows']}-{row['fingerprint']}")


def _month_before(now: datetime) -> Period:
    start = Period.month(f"{now:%Y-%m}").start
    return Period.month(f"{start - timedelta(days=1):%Y-%m}")
