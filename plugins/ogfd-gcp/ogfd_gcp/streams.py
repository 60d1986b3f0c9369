"""Opens the streams that are configured, over the session of one run."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager

from ogfd.plugin import Context, Stream
from ogfd_gcp.carbon.stream import CarbonStream
from ogfd_gcp.config import GcpConfig
from ogfd_gcp.cost.stream import CostStream
from ogfd_gcp.jobs import Jobs
from ogfd_gcp.session import open_session


@asynccontextmanager
async def open_streams(config: GcpConfig, ctx: Context) -> AsyncGenerator[Mapping[str, Stream]]:
    """Open what *config* names."""
    async with open_session(ctx, config) as session:
        jobs = Jobs(ctx, session, config)
        streams: dict[str, Stream] = {}
        if config.carbon is not None:
            name = config.carbon.of(config.job_project)
            streams["carbon"] = CarbonStream(ctx, session, jobs, config, name)
        if config.cost is not None:
            streams["cost"] = CostStream(ctx, session, jobs, config, config.cost.name)
        yield streams
