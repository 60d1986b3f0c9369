"""Azure connector of ogfd: cost from exports and Cost Management, carbon from Microsoft.Carbon."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta

from ogfd.plugin import ConnectorSpec, Context, Kind, Limit, Stream, StreamSpec, hookimpl
from ogfd_azure.arm import Arm
from ogfd_azure.blob import open_container
from ogfd_azure.carbon import stream as carbon
from ogfd_azure.carbon.stream import CarbonStream
from ogfd_azure.check import check
from ogfd_azure.config import (
    ENVIRONMENT,
    AzureConfig,
    CarbonConfig,
    CostConfig,
    CostQueryConfig,
    DashboardConfig,
    allowed_hosts,
    principal,
)
from ogfd_azure.credentials import SignIn
from ogfd_azure.dashboard import stream as dashboard
from ogfd_azure.dashboard.service import Emissions
from ogfd_azure.dashboard.stream import DashboardStream
from ogfd_azure.discover import discover
from ogfd_azure.exports.stream import CostStream
from ogfd_azure.faults import classify
from ogfd_azure.query import months
from ogfd_azure.query.reference import Reference
from ogfd_azure.query.service import Queries
from ogfd_azure.query.stream import CostQueryStream
from ogfd_azure.quotas import remaining
from ogfd_azure.tokens import Tokens

_COST_LAG = timedelta(hours=24)
"""
Charges come within a day, and an export within four hours after its run was due.

https://learn.microsoft.com/azure/cost-management-billing/costs/understand-cost-mgt-data
"""


@hookimpl
def ogfd_connector() -> ConnectorSpec:
    """Announce the connector ``azure``."""
    return ConnectorSpec(
        name="azure",
        provider="azure",
        config=AzureConfig,
        streams={
            "cost": StreamSpec(config=CostConfig, kind=Kind.COST, publish_lag=_COST_LAG),
            "cost_query": StreamSpec(
                config=CostQueryConfig,
                kind=Kind.COST,
                publish_lag=_COST_LAG,
                schedule="1d",
                refresh=months.REFRESH,
            ),
            "carbon": StreamSpec(
                config=CarbonConfig,
                kind=Kind.CARBON,
                history=carbon.HISTORY,
                publish_lag=carbon.PUBLISH_LAG,
                schedule="1d",
                refresh=carbon.REFRESH,
            ),
            "emissions_dashboard": StreamSpec(
                config=DashboardConfig,
                kind=Kind.CARBON,
                history=dashboard.HISTORY,
                publish_lag=dashboard.PUBLISH_LAG,
                schedule="1d",
                refresh=dashboard.REFRESH,
            ),
        },
        open=_open,
        mapping_version=1,
        limits={
            "": Limit(rate=3, burst=60),
            # Azure publishes no limit of it beyond that of Resource Manager.
            "carbon": Limit(rate=1, burst=3),
            "dashboard": Limit(rate=1, burst=3),
            # A token lasts an hour: whoever needs more than this goes round in a circle.
            "login": Limit(rate=0.5, burst=5),
            "blob": Limit(rate=50, burst=100),
            "graph": Limit(rate=1, burst=3),
            # https://learn.microsoft.com/azure/cost-management-billing/costs/manage-automation
            # and what its answers to 429 name: four a minute for a scope, the rest for a tenant.
            "cost_query": (
                Limit(rate=4 / 60, burst=4, window=timedelta(minutes=1), scoped=True),
                Limit(rate=12 / 10, burst=12, window=timedelta(seconds=10)),
                Limit(rate=60 / 60, burst=60, window=timedelta(minutes=1)),
                Limit(rate=600 / 3600, burst=600, window=timedelta(hours=1)),
            ),
        },
        principal=principal,
        allowed_hosts=allowed_hosts,
        classify=classify,
        check=check,
        discover=discover,
        quotas=remaining,
        environment=ENVIRONMENT,
        summary="Azure cost from exports or Cost Management, emissions from Microsoft.Carbon and the "
        "Emissions Impact Dashboard",
    )


@asynccontextmanager
async def _open(config: AzureConfig, ctx: Context) -> AsyncGenerator[Mapping[str, Stream]]:
    streams: dict[str, Stream] = {}
    async with Tokens(ctx, SignIn(config=config)) as tokens:
        arm = Arm(ctx, config, tokens)
        streams |= _costs(config, ctx, arm, tokens)
        if config.carbon is not None:
            streams["carbon"] = CarbonStream(ctx, arm, config)
        if (table := config.emissions_dashboard) is not None:
            emissions = Emissions(ctx, table, tokens)
            streams["emissions_dashboard"] = DashboardStream(ctx, emissions, table)
        yield streams


def _costs(config: AzureConfig, ctx: Context, arm: Arm, tokens: Tokens) -> dict[str, Stream]:
    """Return the streams of cost; of both, the export's rows count, the other one proves them."""
    streams: dict[str, Stream] = {}
    totals = None
    if (table := config.cost_query) is not None:
        queries = Queries(ctx, arm)
        totals = Reference(ctx, queries, table.scopes).totals
        streams["cost_query"] = CostQueryStream(
            ctx, queries, table.scopes, counts=config.cost is None
        )
    if (cost := config.cost) is not None:
        container = open_container(ctx, tokens, config, cost)
        streams["cost"] = CostStream(ctx, container, cost, totals=totals)
    return streams
