"""AWS connector of ogfd: cost from Cost and Usage Reports in S3."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta

from ogfd.plugin import ConnectorSpec, Context, Kind, Limit, Stream, StreamSpec, hookimpl
from ogfd_aws.bucket import Bucket
from ogfd_aws.check import check
from ogfd_aws.config import ENVIRONMENT, AwsConfig, CostConfig, principal
from ogfd_aws.cur.stream import CostStream
from ogfd_aws.faults import classify
from ogfd_aws.session import open_client


@hookimpl
def ogfd_connector() -> ConnectorSpec:
    """Announce the connector ``aws``."""
    return ConnectorSpec(
        name="aws",
        provider="aws",
        config=AwsConfig,
        streams={
            "cost": StreamSpec(config=CostConfig, kind=Kind.COST, publish_lag=timedelta(hours=24)),
        },
        open=_open,
        mapping_version=1,
        limits={"s3": Limit(rate=50, burst=100), "": Limit(rate=5, burst=100)},
        principal=principal,
        classify=classify,
        check=check,
        environment=ENVIRONMENT,
        summary="AWS cost from Cost and Usage Reports in S3",
    )


@asynccontextmanager
async def _open(config: AwsConfig, ctx: Context) -> AsyncGenerator[Mapping[str, Stream]]:
    if config.cost is None:
        yield {}
        return
    async with open_client(ctx, config, "s3") as client:
        bucket = Bucket(ctx, client, config.cost.bucket, requester_pays=config.cost.requester_pays)
        yield {"cost": CostStream(ctx, bucket, config.cost)}
