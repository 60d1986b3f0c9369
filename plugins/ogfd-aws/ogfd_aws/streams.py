"""Opens the streams that are configured, over the clients of one run."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager

from ogfd.plugin import Context, Stream
from ogfd_aws.bucket import Bucket
from ogfd_aws.carbon.export.stream import CarbonExportStream
from ogfd_aws.carbon.service import open_emissions
from ogfd_aws.carbon.stream import CarbonStream
from ogfd_aws.config import AwsConfig
from ogfd_aws.cur.stream import CostStream
from ogfd_aws.explorer.reference import Reference
from ogfd_aws.explorer.service import open_explorer
from ogfd_aws.explorer.stream import CostExplorerStream
from ogfd_aws.identity import Payer
from ogfd_aws.session import Clients, open_clients


@asynccontextmanager
async def open_streams(config: AwsConfig, ctx: Context) -> AsyncGenerator[Mapping[str, Stream]]:
    """Open what *config* names; a configuration without a stream asks AWS nothing."""
    if not config.has_streams:
        yield {}
        return
    streams: dict[str, Stream] = {}
    async with open_clients(ctx, config) as clients:
        payer = Payer(ctx, clients).account
        streams |= await _costs(config, ctx, clients, payer)
        if config.carbon is not None:
            emissions = await open_emissions(ctx, clients, config)
            streams["carbon"] = CarbonStream(ctx, emissions, payer)
        if (export := config.carbon_export) is not None:
            client = await clients.open("s3")
            bucket = Bucket(ctx, client, export.bucket, requester_pays=export.requester_pays)
            streams["carbon_export"] = CarbonExportStream(ctx, bucket, export)
        yield streams


async def _costs(
    config: AwsConfig, ctx: Context, clients: Clients, payer: Callable[[], Awaitable[str]]
) -> dict[str, Stream]:
    """Return the streams of cost; of both, the export's rows count, the other one proves them."""
    streams: dict[str, Stream] = {}
    totals = None
    if (table := config.cost_explorer) is not None:
        explorer = await open_explorer(ctx, clients)
        totals = Reference(ctx, explorer).totals
        streams["cost_explorer"] = CostExplorerStream(
            ctx, explorer, payer, table.group_by, counts=config.cost is None
        )
    if (cost := config.cost) is not None:
        client = await clients.open("s3")
        bucket = Bucket(ctx, client, cost.bucket, requester_pays=cost.requester_pays)
        streams["cost"] = CostStream(ctx, bucket, cost, totals=totals)
    return streams
