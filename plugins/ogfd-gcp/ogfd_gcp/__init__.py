"""Google Cloud connector of ogfd: cost and carbon footprint from the exports in BigQuery."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Final

from ogfd.plugin import ConnectorSpec, Context, Kind, Limit, Stream, StreamSpec, hookimpl
from ogfd_gcp.carbon import stream as carbon
from ogfd_gcp.carbon.stream import CarbonStream
from ogfd_gcp.check import check
from ogfd_gcp.config import ENVIRONMENT, CarbonConfig, CostConfig, GcpConfig, principal
from ogfd_gcp.cost.stream import CostStream
from ogfd_gcp.discover import discover
from ogfd_gcp.faults import classify
from ogfd_gcp.jobs import Jobs
from ogfd_gcp.session import open_session

_COST_LAG: Final = timedelta(hours=24)
"""
Most rows are exported within a day; Google promises nothing.

https://cloud.google.com/billing/docs/how-to/export-data-bigquery-tables#data-load-frequency
"""


@hookimpl
def ogfd_connector() -> ConnectorSpec:
    """Announce the connector ``gcp``."""
    return ConnectorSpec(
        name="gcp",
        provider="gcp",
        config=GcpConfig,
        streams={
            "cost": StreamSpec(config=CostConfig, kind=Kind.COST, publish_lag=_COST_LAG),
            "carbon": StreamSpec(
                config=CarbonConfig,
                kind=Kind.CARBON,
                history=carbon.HISTORY,
                publish_lag=carbon.PUBLISH_LAG,
                schedule="1d",
            ),
        },
        open=_open,
        mapping_version=1,
        limits={
            # 100 a second for a user and method: https://cloud.google.com/bigquery/quotas
            "": Limit(rate=20, burst=200),
            # A token lasts an hour: whoever needs more than this goes round in a circle.
            "login": Limit(rate=0.5, burst=5),
        },
        principal=principal,
        classify=classify,
        check=check,
        discover=discover,
        environment=ENVIRONMENT,
        summary="Google Cloud cost from billing exports and emissions from Carbon Footprint, both in "
        "BigQuery",
    )


@asynccontextmanager
async def _open(config: GcpConfig, ctx: Context) -> AsyncGenerator[Mapping[str, Stream]]:
    async with open_session(ctx, config) as session:
        jobs = Jobs(ctx, session, config)
        streams: dict[str, Stream] = {}
        if config.carbon is not None:
            name = config.carbon.of(config.job_project)
            streams["carbon"] = CarbonStream(ctx, session, jobs, config, name)
        if config.cost is not None:
            streams["cost"] = CostStream(ctx, session, jobs, config, config.cost.name)
        yield streams
