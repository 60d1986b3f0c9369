"""Opens the streams that are configured, over the tokens of one run."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager

from ogfd.plugin import Context, Stream
from ogfd_azure.arm import Arm
from ogfd_azure.blob import open_container
from ogfd_azure.carbon.stream import CarbonStream
from ogfd_azure.config import AzureConfig
from ogfd_azure.credentials import SignIn
from ogfd_azure.dashboard.service import Emissions
from ogfd_azure.dashboard.stream import DashboardStream
from ogfd_azure.exports.stream import CostStream
from ogfd_azure.query.reference import Reference
from ogfd_azure.query.service import Queries
from ogfd_azure.query.stream import CostQueryStream
from ogfd_azure.tokens import Tokens


@asynccontextmanager
async def open_streams(config: AzureConfig, ctx: Context) -> AsyncGenerator[Mapping[str, Stream]]:
    """Open what *config* names; nothing is asked of Azure yet."""
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
