"""
``ogfd check``: may the account do what the streams need, and is there anything to mend?

    who is it?    -- refused -->  one finding; no role would help
       |
    run a query   -- refused -->  roles/bigquery.jobUser
       |
    read its row, if over the Storage Read API  -- refused -->  roles/bigquery.readSessionUser
       |
    each table: look, list, read a query's plan  -- refused -->  roles/bigquery.dataViewer
       |
    each table: has it the accounts that are asked for?
       |
    carbon: months that Google has corrected, months that lack, models that are mixed
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AsyncExitStack
from datetime import timedelta
from typing import Any, Final

import pyarrow as pa

from ogfd.plugin import (
    Context,
    ErrorClass,
    FatalError,
    Finding,
    FindingLevel,
    NotFoundError,
    Parked,
    Period,
    SourceError,
    Wanted,
)
from ogfd_gcp import grants
from ogfd_gcp.answers import records
from ogfd_gcp.carbon.corrections import BACKFILL, outdated
from ogfd_gcp.carbon.publication import PUBLISH_LAG
from ogfd_gcp.carbon.stream import CarbonStream, Listed
from ogfd_gcp.config import GcpConfig
from ogfd_gcp.cost.stream import CostStream, Listing
from ogfd_gcp.cost.totals import Invoices
from ogfd_gcp.faults import lacks_permission
from ogfd_gcp.identifiers import TableName
from ogfd_gcp.jobs import Jobs
from ogfd_gcp.query import Query
from ogfd_gcp.rows import read_arrow
from ogfd_gcp.session import Session, open_session
from ogfd_gcp.sql.carbon import HEALTH, MARKET_SINCE, health
from ogfd_gcp.sql.cost import charges
from ogfd_gcp.sql.totals import SPAN, spanned
from ogfd_gcp.tokens import OPERATION as SIGN_IN
from ogfd_gcp.watch import Seen

RUN: Final = "bigquery.jobs.create"
READ: Final = "bigquery.tables.getData"

SESSIONS: Final = "bigquery.readsessions.create"

_ONE: Final = Query(purpose="check", sql="SELECT 1 AS one")
_EVER: Final = Period.months("2019-01", "2100-12")
_DAY: Final = timedelta(days=1)
_LATELY: Final = timedelta(days=7)  # in which an account that costs anything has a row
_NAMED: Final = 8


async def check(config: GcpConfig, ctx: Context) -> Sequence[Finding]:
    """Probe every stream that is configured; changes nothing and reads next to nothing."""
    async with AsyncExitStack() as stack:
        try:
            session = await stack.enter_async_context(open_session(ctx, config))
        except FatalError as exc:  # of what is not installed
            return [_failed("storage_api", exc)]
        probe = Probe(ctx, config, session)
        return await probe.all()


class Probe:
    """
    Probes one connector.

    Args:
        ctx: of the check.
        config: of the connector.
        session: makes the requests.
    """

    def __init__(self, ctx: Context, config: GcpConfig, session: Session) -> None:
        self._ctx = ctx
        self._config = config
        self._session = session
        self._jobs = Jobs(ctx, session, config)

    async def all(self) -> list[Finding]:
        """Return all findings."""
        signed_in = await self.sign_in()
        if signed_in.level is FindingLevel.ERROR:
            return [signed_in]
        found = [signed_in]
        if self._config.carbon is None and self._config.cost is None:
            message = (
                "no stream is on; add a table [connectors.NAME.carbon] or .cost with a table; "
                "ogfd check --discover finds exports"
            )
            return [*found, _warning("streams", message)]
        found.append(await self.run_jobs())
        if found[-1].level is FindingLevel.ERROR:
            return found
        if self._config.storage_api:
            found.append(await self.read_sessions())
        if self._config.carbon is not None:
            found += await self.carbon(self._config.carbon.of(self._config.job_project))
        if (cost := self._config.cost) is not None:
            found += await self.cost(cost.name)
            if cost.other is not None:
                found.append(await self.reference(cost.other))
        return found

    async def sign_in(self) -> Finding:
        """Get a token, and tell whose it is."""
        try:
            await self._session.signed_in()
        except (SourceError, Parked) as exc:
            return _failed(SIGN_IN, exc)
        return _ok(SIGN_IN, f"as {self._session.email or 'an account without an address'}")

    async def run_jobs(self) -> Finding:
        """Plan a query that reads nothing."""
        project = self._config.job_project
        try:
            await self._jobs.dry_run(_ONE, location=None)
        except (SourceError, Parked) as exc:
            return self._refused(f"{RUN} {project}", exc, grants.run_jobs(project, self._who))
        return _ok(f"{RUN} {project}", "queries can be run")

    async def read_sessions(self) -> Finding:
        """Read one row over the Storage Read API, of a query that costs nothing."""
        project = self._config.job_project
        subject = f"{SESSIONS} {project}"
        rows: list[Any] = []

        async def take(table: pa.Table, _: int) -> None:
            rows.extend(table.to_pylist())

        try:
            job = await self._jobs.run(_ONE, location=None)
            await read_arrow(self._ctx, self._session, job, ["one"], take)
        except (SourceError, Parked) as exc:
            return self._refused(subject, exc, grants.read_sessions(project, self._who))
        return _ok(subject, f"{len(rows)} row came over the Storage Read API")

    async def carbon(self, name: TableName) -> list[Finding]:
        """Look at a carbon export and its months."""
        everyone = self._config.model_copy(update={"billing_account_ids": ()})
        stream = CarbonStream(self._ctx, self._session, self._jobs, everyone, name)
        try:
            seen, listed = await stream.listed(_EVER)
            odd = await self._health(seen, name)
        except (SourceError, Parked) as exc:
            return [self._closed(name, exc)]
        if not listed:
            message = (
                "no rows yet: pending; the export of a month is written on the 15th of the next, "
                f"and of earlier ones if asked for: {BACKFILL}"
            )
            return [_warning(f"{READ} {name}", message)]
        lacking = self._lacking(name, {account for account, _ in listed}, "")
        chosen = self._config.billing_account_ids
        months = {key: month for key, month in listed.items() if not chosen or key[0] in chosen}
        if not months:
            return lacking
        newest = max(month for _, month in months)
        accounts = {account for account, _ in months}
        told = f"{len({m for _, m in months})} months up to {newest} of {len(accounts)} accounts"
        return [
            _ok(f"{READ} {name}", f"{told}; in {seen.location}"),
            *lacking,
            *self._late(name, newest),
            *_to_export_anew(name, months),
            *_odd(name, odd),
        ]

    async def cost(self, name: TableName) -> list[Finding]:
        """Look at a billing export and its days, and plan to read one."""
        stream = CostStream(self._ctx, self._session, self._jobs, self._config, name)
        subject = f"{READ} {name}"
        try:
            listing = await stream.listed(_EVER)
            if not listing.days:
                return [_warning(subject, "no rows yet: pending; the first come within a day")]
            newest = max(listing.days)
            start = Period.month(newest[:7]).start + _DAY * (int(newest[8:]) - 1)
            day = Period(start, start + _DAY)
            query = charges(name, listing.seen.schema, listing.slicing, day, Wanted())
            await self._jobs.dry_run(query, location=listing.seen.location)
            lacking = await self._lacking_of(name, listing, Period(day.end - _LATELY, day.end))
        except (SourceError, Parked) as exc:
            return [self._closed(name, exc)]
        told = f"{len(listing.days)} days of export up to {newest}; in {listing.seen.location}"
        found = [_ok(subject, told), *lacking]
        if listing.days[newest].bytes is None:
            message = (
                "BigQuery does not tell which days have changed, so every run counts rows and sums "
                "of the whole table; name the table of the export itself if this is a view"
            )
            found.append(_warning(f"partitions of {name}", message))
        return found

    async def reference(self, name: TableName) -> Finding:
        """Look at the export to compare with, and plan to add it up."""
        invoices = Invoices(
            self._ctx, self._session, self._jobs, self._config, name, independent=True
        )
        try:
            seen = await invoices.planned()
        except (SourceError, Parked) as exc:
            return self._closed(name, exc)
        return _ok(f"{READ} {name}", f"ogfd reconcile compares with it; in {seen.location}")

    @property
    def _who(self) -> str:
        return grants.member(self._session.email)

    async def _health(self, seen: Seen, name: TableName) -> list[dict[str, Any]]:
        return await records(
            self._ctx,
            self._session,
            self._jobs,
            health(name, seen.schema, _EVER),
            HEALTH,
            location=seen.location,
        )

    async def _lacking_of(self, name: TableName, listing: Listing, days: Period) -> list[Finding]:
        """Warn of accounts that have no rows on *days*, whose column of accounts is read."""
        if not self._config.billing_account_ids:
            return []
        seen = listing.seen
        rows = await records(
            self._ctx,
            self._session,
            self._jobs,
            spanned(name, seen.schema, listing.slicing, days, accounts=()),
            SPAN,
            location=seen.location,
        )
        there = {row["account"] for row in rows if row["account"]}
        return self._lacking(name, there, f" exported on {days.start:%Y-%m-%d} or since")

    def _lacking(self, name: TableName, there: set[str], when: str) -> list[Finding]:
        """Warn of accounts that are to be read and are not *there*."""
        lacking = [each for each in self._config.billing_account_ids if each not in there]
        if not lacking:
            return []
        message = (
            f"no rows of {_some(lacking)}{when}; there are rows of {_some(sorted(there))}: "
            "correct billing_account_ids, or the table"
        )
        return [_warning(f"billing_account_ids of {name}", message)]

    def _late(self, name: TableName, newest: str) -> list[Finding]:
        due = self._ctx.now() - PUBLISH_LAG
        expected = f"{Period.month(f'{due:%Y-%m}').start - _DAY:%Y-%m}"
        if newest >= expected:
            return []
        message = f"{expected} should be there by now; look at the runs of its data transfer"
        return [_warning(f"months of {name}", message)]

    def _closed(self, name: TableName, exc: SourceError | Parked) -> Finding:
        if isinstance(exc, NotFoundError):
            # Google says the same of a dataset that one may not see.
            return Finding(
                level=FindingLevel.ERROR,
                subject=f"{READ} {name}",
                message=str(exc),
                grant=grants.read_dataset(name, self._who),
                error_class=exc.error_class,
            )
        return self._refused(f"{READ} {name}", exc, grants.read_dataset(name, self._who))

    def _refused(self, subject: str, exc: SourceError | Parked, grant: str) -> Finding:
        if isinstance(exc, Parked) or not lacks_permission(exc):
            return _failed(subject, exc)
        return Finding(
            level=FindingLevel.ERROR,
            subject=subject,
            message=str(exc.args[0]),  # without the hint, which the grant takes the place of
            grant=grant,
            error_class=ErrorClass.AUTH,
        )


def _to_export_anew(name: TableName, months: dict[tuple[str, str], Listed]) -> list[Finding]:
    """Name the months that Google has corrected since they were exported."""
    exported = {
        month: listed.modified
        for (_, month), listed in months.items()
        if listed.modified is not None
    }
    if not exported:
        message = "when months were exported is not known, so neither what was corrected since"
        return [_ok(f"corrections of {name}", message)]
    return [
        _warning(
            f"corrections of {one.month} in {name}",
            f"exported on {one.exported}, corrected since: "
            + "; ".join(f"on {each.published}, {each.what}" for each in one.corrections)
            + f". Have the data transfer run again for {one.run_date}: {BACKFILL}",
        )
        for one in outdated(exported)
    ]


def _odd(name: TableName, months: Sequence[dict[str, Any]]) -> list[Finding]:
    found = []
    without = sorted(
        row["month"]
        for row in months
        if row["month"] >= MARKET_SINCE and row["without_market"] == row["total_rows"]
    )
    if without:
        message = f"not in {', '.join(without)}: have these exported once more: {BACKFILL}"
        found.append(_warning(f"market-based figures of {name}", message))
    mixed = sorted(row["month"] for row in months if int(row["models"]) > 1)
    if mixed:
        message = f"more than one in {', '.join(mixed)}: have these exported once more: {BACKFILL}"
        found.append(_warning(f"model versions of {name}", message))
    return found


def _some(names: Sequence[str]) -> str:
    more = len(names) - _NAMED
    return ", ".join(names[:_NAMED]) + (f" and {more} more" if more > 0 else "")


def _ok(subject: str, message: str) -> Finding:
    return Finding(level=FindingLevel.OK, subject=subject, message=message)


def _warning(subject: str, message: str) -> Finding:
    return Finding(level=FindingLevel.WARNING, subject=subject, message=message)


def _failed(subject: str, exc: SourceError | Parked) -> Finding:
    return Finding(
        level=FindingLevel.ERROR, subject=subject, message=str(exc), error_class=exc.error_class
    )
