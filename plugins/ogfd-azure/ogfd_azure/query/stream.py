"""
The stream ``cost_query``: cost by service and day, one partition a scope and month.

    the calendar -> the months that can be asked for, nothing is asked    partitions()
    one month by day and two dimensions, once billed, once effective      read()

A query takes two dimensions at most: within a subscription they are service and resource group,
above it subscription and service.

Beside the stream ``cost`` it lists nothing: the same money would count twice. It is the reference
then, see `ogfd_azure.query.reference`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from ogfd.plugin import (
    ActivityBuilder,
    Context,
    FatalError,
    Grain,
    Output,
    Partition,
    Period,
    SourceChanged,
)
from ogfd_azure.places import Naming
from ogfd_azure.query.answers import Cost, costs
from ogfd_azure.query.months import first, kept, state_of, version_of
from ogfd_azure.query.service import Costs, Queries, Query

SOURCE: Final = "azure_cost_query"

_SERVICE: Final = "ServiceName"
_GROUP: Final = "ResourceGroup"
_SUBSCRIPTION: Final = "SubscriptionId"
_DAY: Final = timedelta(days=1)
_MIXED: Final = [("charges", "mixed")]
_PRODUCTS: Final[Mapping[str, str]] = {
    "application insights": "Azure Monitor",
    "azure cosmos db": "Cosmos DB",
    "azure database for mariadb": "Azure DB for MariaDB",
    "azure database for mysql": "Azure DB for MySQL",
    "azure database for postgresql": "Azure DB for PostgreSQL",
    "backup": "Azure Backup",
    "bandwidth": "Virtual Network",
    "container instances": "Azure Container Instances",
    "container registry": "Azure Container Registry",
    "expressroute": "Azure ExpressRoute",
    "log analytics": "Azure Monitor",
    "nat gateway": "Azure NAT Gateway",
    "redis cache": "Azure Cache for Redis",
    "security center": "Microsoft Defender for Cloud",
    "sql database": "Azure SQL Database",
    "storage": "Storage Accounts",
    "virtual machines licenses": "Virtual Machines",
}
"""
Names that prices alone have, to the service of the tables: ``ServiceName`` is that of a price.

https://learn.microsoft.com/rest/api/cost-management/retail-prices/azure-retail-prices, 2025
"""

_IN_SUBSCRIPTION: Final = re.compile(r"/subscriptions/([^/]+)(/.*)?")
_IN_ACCOUNT: Final = re.compile(r"/providers/microsoft\.billing/billingaccounts/([^/]+)(/.*)?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """
    What is asked about.

    Attributes:
        path: as it is configured.
        subscription: which it is in, if it is in one.
        payer: the billing account, else the subscription, else the scope itself.
    """

    path: str
    subscription: str | None
    payer: str

    @classmethod
    def of(cls, path: str) -> Scope:
        """Return the scope of *path*."""
        lowered = path.lower()
        within, account = _IN_SUBSCRIPTION.fullmatch(lowered), _IN_ACCOUNT.fullmatch(lowered)
        subscription = within[1] if within else None
        payer = account[1] if account else subscription or lowered.rpartition("/")[2]
        return cls(path=path, subscription=subscription, payer=payer)

    @property
    def key(self) -> str:
        """What partitions are called by."""
        return self.path.strip("/").lower()

    @property
    def by(self) -> tuple[str, str]:
        """What its costs are grouped by."""
        return (_SUBSCRIPTION, _SERVICE) if self.subscription is None else (_SERVICE, _GROUP)


class CostQueryStream:
    """
    Reads costs by queries.

    Args:
        ctx: of the run.
        queries: the service.
        scopes: to ask about.
        counts: whether its rows count; if not, there are none.
    """

    name = "cost_query"

    def __init__(
        self, ctx: Context, queries: Queries, scopes: Sequence[str], *, counts: bool
    ) -> None:
        self._ctx = ctx
        self._queries = queries
        self._scopes = {scope.key: scope for scope in map(Scope.of, scopes)}
        self._counts = counts

    async def partitions(self, window: Period) -> Sequence[Partition]:
        """List scopes and months of *window* that can be asked for, without asking."""
        if not self._counts:
            return []
        now = self._ctx.now()
        earliest = first(now)
        if window.start < earliest.start:
            self._ctx.log.warning("queries reach back to %s; exports have earlier months", earliest)
        return [
            Partition(
                key=f"{key}/{month}",
                period=month,
                version=version_of(month, now),
                state=state_of(month, now),
                requests=len(Costs),  # and one more for each further page: nobody knows before
            )
            for month in kept(window, now)
            for key in self._scopes
        ]

    async def read(self, partition: Partition, out: Output) -> None:
        """
        Read a month of a scope.

        Raises:
            SourceChanged: if the pages moved.
            SourceError, Parked: if an answer cannot be had or understood.
        """
        scope = self._scopes[partition.key.rpartition("/")[0]]
        daily = out.wanted.grain is not Grain.MONTHLY
        rows = _Rows(scope, partition.period, out)
        async with ActivityBuilder(out) as builder:
            for what in Costs:
                query = Query(
                    scope=scope.path, costs=what, month=partition.period, daily=daily, by=scope.by
                )
                async for page in self._queries.pages(query):
                    for cost in costs(page, by=scope.by, daily=daily):
                        await builder.add(rows.row(what, cost))


class _Rows:
    """Makes the rows of a month of a scope out of its costs."""

    def __init__(self, scope: Scope, month: Period, out: Output) -> None:
        self._scope = scope
        self._month = month
        self._naming = Naming(out)
        self._seen: set[tuple[Costs, Any, tuple[str, ...], str]] = set()

    def row(self, what: Costs, cost: Cost) -> Mapping[str, Any]:
        """
        Return the activity of *cost*: of the two costs of an activity each comes as a row.

        Raises:
            SourceChanged: if it came before.
            FatalError: if it is of another month.
        """
        self._check(what, cost)
        start = cost.day or self._month.start
        named = dict(zip(self._scope.by, cost.keys, strict=True))
        service = named[_SERVICE]
        account = self._scope.subscription or named[_SUBSCRIPTION].lower() or None
        return {
            "source": SOURCE,
            "billing_account_id": self._scope.payer,
            "account_id": account,
            "billing_period": str(self._month),
            "period_start": start,
            "period_end": self._month.end if cost.day is None else start + _DAY,
            # A sum of all that was charged: most of it is usage.
            "charge_category": "usage",
            "resource_group": named.get(_GROUP, "").lower() or None,
            what.measure: cost.amount,
            "currency": cost.currency,
            "metadata": _MIXED,
            **self._naming.service(_PRODUCTS.get(service.casefold(), service), 1),
        }

    def _check(self, what: Costs, cost: Cost) -> None:
        if cost.day is not None and not self._month.start <= cost.day < self._month.end:
            raise FatalError(f"asked for {self._month}, got a cost of {cost.day:%Y-%m-%d}")
        place = (what, cost.day, cost.keys, cost.currency)
        if place in self._seen:
            raise SourceChanged(f"{self._month}: the pages moved, {cost.keys} came twice")
        self._seen.add(place)
