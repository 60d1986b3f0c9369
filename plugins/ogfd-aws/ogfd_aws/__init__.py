"""AWS connector of ogfd: cost from exports in S3, carbon from the service for it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta

from ogfd.plugin import ConnectorSpec, Context, Kind, Limit, Stream, StreamSpec, hookimpl
from ogfd_aws.bucket import Bucket
from ogfd_aws.carbon.export.stream import CarbonExportStream
from ogfd_aws.carbon.publication import PUBLISH_LAG
from ogfd_aws.carbon.service import open_emissions
from ogfd_aws.carbon.stream import REFRESH, CarbonStream
from ogfd_aws.check import check
from ogfd_aws.config import (
    ENVIRONMENT,
    AwsConfig,
    CarbonConfig,
    CarbonExportConfig,
    CostConfig,
    CostExplorerConfig,
    principal,
)
from ogfd_aws.cur.stream import CostStream
from ogfd_aws.discover import discover
from ogfd_aws.explorer import months
from ogfd_aws.explorer.reference import Reference
from ogfd_aws.explorer.service import open_explorer, prices
from ogfd_aws.explorer.stream import CostExplorerStream
from ogfd_aws.faults import classify
from ogfd_aws.identity import Payer
from ogfd_aws.session import Clients, open_clients

_ALL_THERE_IS = timedelta(days=365 * 100)  # the stream knows where that begins
_COST_LAG = timedelta(hours=24)


@hookimpl
def ogfd_connector() -> ConnectorSpec:
    """Announce the connector ``aws``."""
    return ConnectorSpec(
        name="aws",
        provider="aws",
        config=AwsConfig,
        streams={
            "cost": StreamSpec(
                config=CostConfig,
                kind=Kind.COST,
                publish_lag=_COST_LAG,
                reconcile=False,  # its totals are those of Cost Explorer, which charges for them
            ),
            "carbon": StreamSpec(
                config=CarbonConfig,
                kind=Kind.CARBON,
                history=_ALL_THERE_IS,
                publish_lag=PUBLISH_LAG,
                schedule="1d",
                refresh=REFRESH,
            ),
            "carbon_export": StreamSpec(
                config=CarbonExportConfig,
                kind=Kind.CARBON,
                history=_ALL_THERE_IS,
                publish_lag=PUBLISH_LAG,
                schedule="1d",
            ),
            "cost_explorer": StreamSpec(
                config=CostExplorerConfig,
                kind=Kind.COST,
                history=months.HISTORY,
                publish_lag=_COST_LAG,
                schedule="1d",
                refresh=months.REFRESH,
            ),
        },
        open=_open,
        mapping_version=3,
        limits={
            "s3": Limit(rate=50, burst=100),
            # AWS publishes no quota of it; a first run asks for some sixty months at once.
            "sustainability": Limit(rate=5, burst=10),
            # Nor of this; each costs money, and a first run asks for fourteen months at once.
            "ce": Limit(rate=1, burst=5),
            "": Limit(rate=5, burst=100),
        },
        principal=principal,
        classify=classify,
        check=check,
        discover=discover,
        prices=prices,
        environment=ENVIRONMENT,
        summary="AWS cost from CUR and FOCUS exports in S3 or from Cost Explorer, and the carbon "
        "footprint of AWS",
    )


@asynccontextmanager
async def _open(config: AwsConfig, ctx: Context) -> AsyncGenerator[Mapping[str, Stream]]:
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
