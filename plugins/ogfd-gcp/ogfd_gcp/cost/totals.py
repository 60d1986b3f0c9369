"""
Totals of the stream ``cost``: what an export has of an invoice, added up in one query.

    the table that the rows are read from   shows what was lost on the way, or has come since
    another export of the same accounts     Google writes it by itself: equal sums are a match

Google has no other door: no API tells what was billed. A query is billed by the bytes that it reads,
so totals are asked for by ``ogfd reconcile`` alone.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

from ogfd.plugin import Context, NotPublished, Period, Totals
from ogfd_gcp.answers import records
from ogfd_gcp.config import GcpConfig
from ogfd_gcp.cost.days import reaching, tomorrow
from ogfd_gcp.identifiers import TableName
from ogfd_gcp.jobs import Jobs
from ogfd_gcp.query import Query
from ogfd_gcp.session import Session
from ogfd_gcp.slicing import Slicing
from ogfd_gcp.sql.cost import COSTS, layout_of
from ogfd_gcp.sql.totals import INVOICED, SPAN, invoiced, spanned
from ogfd_gcp.totals import added
from ogfd_gcp.watch import Seen, Watch

_BEFORE: Final = timedelta(days=31)
"""How long before a month an export is looked for that was there when the month began."""
_FIRST: Final = datetime(2008, 1, 1, tzinfo=UTC)  # Google Cloud is not older


class Invoices:
    """
    Adds up an export by the month of its invoices.

    Args:
        ctx: of the run.
        session: makes the requests.
        jobs: runs the queries.
        config: of the connector.
        name: of the table.
        independent: whether the rows are read from another one.
    """

    def __init__(
        self,
        ctx: Context,
        session: Session,
        jobs: Jobs,
        config: GcpConfig,
        name: TableName,
        *,
        independent: bool,
    ) -> None:
        self._ctx = ctx
        self._session = session
        self._jobs = jobs
        self._accounts = config.billing_account_ids
        self._name = name
        self._independent = independent
        self._watch = Watch(ctx, session, jobs, name)

    async def totals(self, billing_period: str) -> Totals:
        """
        Return the sums of an invoice month, without projects that are not selected.

        Raises:
            NotPublished: if the export has nothing of the month or, being another one than that
                of the rows, not all of it.
            SourceError, Parked: if it cannot be asked.
        """
        month = Period.month(billing_period)
        seen = await self._watch.look()
        query = self._query(seen, month)  # first, as it checks the columns
        if self._independent:
            await self._covers(seen, month)
        sums = added(await self._ask(seen, query, INVOICED), COSTS, self._ctx.selects, "currency")
        if not sums:
            raise NotPublished(f"{self._name} has no rows of {month}")
        return Totals(
            origin=f"sums of {self._name}",
            independent=self._independent,
            sums=sums,
            selected=True,
        )

    async def planned(self) -> Seen:
        """
        Look at the table, and plan the query for the month of now; nothing is read or billed.

        Raises:
            SourceError, Parked: if the query would not run.
        """
        seen = await self._watch.look()
        query = self._query(seen, Period.month(f"{self._ctx.now():%Y-%m}"))
        await self._jobs.dry_run(query, location=seen.location)
        return seen

    async def _covers(self, seen: Seen, month: Period) -> None:
        """
        Make sure that the export was there from the first day of *month* to its end.

        What was billed before it was turned on it has in part or not at all, and that proves
        nothing about the rows. Of several accounts, each has to be there.
        """
        days = self._days(seen, month)
        wider = Period(min(days.start, month.start - _BEFORE), days.end)
        query = spanned(
            self._name, seen.schema, self._slicing(seen), wider, accounts=self._accounts
        )
        spans = {row["account"]: row for row in await self._ask(seen, query, SPAN)}
        if not spans:
            raise NotPublished(f"{self._name} has no rows of {month}")
        if lacking := sorted(set(self._accounts) - set(spans)):
            raise NotPublished(f"{self._name} has no rows of {', '.join(lacking)}")
        for account, row in sorted(spans.items()):
            first, last = (date.fromisoformat(row[name]) for name in SPAN[1:])
            of = f"{self._name}, of {account},"
            if first > month.start.date():
                raise NotPublished(f"{of} begins on {first}, and lacks what was before")
            if last < month.end.date() and self._ctx.now() >= month.end:
                raise NotPublished(f"{of} ends on {last}, and lacks what came after")

    async def _ask(self, seen: Seen, query: Query, names: tuple[str, ...]) -> list[dict[str, Any]]:
        return await records(
            self._ctx, self._session, self._jobs, query, names, location=seen.location
        )

    def _query(self, seen: Seen, month: Period) -> Query:
        days = self._days(seen, month)
        return invoiced(
            self._name,
            seen.schema,
            self._slicing(seen),
            days,
            month=month,
            accounts=self._accounts,
        )

    def _slicing(self, seen: Seen) -> Slicing:
        return Slicing.of(seen.table, seen.schema, layout_of(seen.schema).exported)

    def _days(self, seen: Seen, month: Period) -> Period:
        now = self._ctx.now()
        if self._slicing(seen).by_export:
            return reaching(month, now)
        # A copy that is cut by another time: an invoice has usage of long before.
        return Period(_FIRST, tomorrow(now))
