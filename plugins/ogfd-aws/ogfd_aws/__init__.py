"""AWS connector of ogfd: cost from exports in S3, carbon from the service for it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta

from ogfd.plugin import ConnectorSpec, Context, Kind, Limit, Stream, StreamSpec, hookimpl
from ogfd_aws.bucket import Bucket
from ogfd_aws.carbon.service import open_emissions
from ogfd_aws.carbon.stream import PUBLISH_LAG, REFRESH, CarbonStream
from ogfd_aws.check import check
from ogfd_aws.config import ENVIRONMENT, AwsConfig, CarbonConfig, CostConfig, principal
from ogfd_aws.cur.stream import CostStream
from ogfd_aws.faults import classify
from ogfd_aws.session import open_clients

_ALL_THERE_IS = timedelta(days=365 * 100)  # the stream knows where that begins


@hookimpl
def ogfd_connector() -> ConnectorSpec:
    """Announce the connector ``aws``."""
    return ConnectorSpec(
        name="aws",
        provider="aws",
        config=AwsConfig,
        streams={
            "cost": StreamSpec(config=CostConfig, kind=Kind.COST, publish_lag=timedelta(hours=24)),
            "carbon": StreamSpec(
                config=CarbonConfig,
                kind=Kind.CARBON,
                history=_ALL_THERE_IS,
                publish_lag=PUBLISH_LAG,
                schedule="1d",
                refresh=REFRESH,
            ),
        },
        open=_open,
        mapping_version=2,
        limits={
            "s3": Limit(rate=50, burst=100),
            # AWS publishes no quota of it; a first run asks for some sixty months at once.
            "sustainability": Limit(rate=5, burst=10),
            "": Limit(rate=5, burst=100),
        },
        principal=principal,
        classify=classify,
        check=check,
        environment=ENVIRONMENT,
        summary="AWS cost from CUR and FOCUS exports in S3, and the carbon footprint of AWS",
    )


@asynccontextmanager
async def _open(config: AwsConfig, ctx: Context) -> AsyncGenerator[Mapping[str, Stream]]:
    if config.cost is None and config.carbon is None:
        yield {}
        return
    streams: dict[str, Stream] = {}
    async with open_clients(ctx, config) as clients:
        if (cost := config.cost) is not None:
            client = await clients.open("s3")
            bucket = Bucket(ctx, client, cost.bucket, requester_pays=cost.requester_pays)
            streams["cost"] = CostStream(ctx, bucket, cost)
        if config.carbon is not None:
            streams["carbon"] = CarbonStream(ctx, await open_emissions(ctx, clients, config))
        yield streams
