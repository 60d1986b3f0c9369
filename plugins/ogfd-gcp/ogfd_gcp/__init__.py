"""
Google Cloud connector of ogfd: cost and carbon footprint from the exports in BigQuery.

This only announces. What asks Google is imported when Google is asked: the SDK takes longer to
import than most commands take, and they have no use for it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import timedelta
from typing import Final

from ogfd.plugin import (
    ConnectorSpec,
    Context,
    Fault,
    Finding,
    Kind,
    Limit,
    Stream,
    StreamSpec,
    hookimpl,
)
from ogfd_gcp.carbon import publication as carbon
from ogfd_gcp.config import ENVIRONMENT, CarbonConfig, CostConfig, GcpConfig, principal

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
            "cost": StreamSpec(
                config=CostConfig,
                kind=Kind.COST,
                publish_lag=_COST_LAG,
                reconcile=False,  # its totals are billed by the bytes of months of rows
            ),
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
            # A request of ReadRows brings some 30,000 rows, so nobody needs more. A choice of ours,
            # not Google's quota, see https://cloud.google.com/bigquery/quotas#storage-limits
            "storage": Limit(rate=20, burst=100),
            # A token lasts an hour: whoever needs more than this goes round in a circle.
            "login": Limit(rate=0.5, burst=5),
        },
        principal=principal,
        classify=_classify,
        check=_check,
        discover=_discover,
        environment=ENVIRONMENT,
        summary="Google Cloud cost from billing exports and emissions from Carbon Footprint, both in "
        "BigQuery",
    )


def _open(config: GcpConfig, ctx: Context) -> AbstractAsyncContextManager[Mapping[str, Stream]]:
    from ogfd_gcp.streams import open_streams  # noqa: PLC0415 - see above

    return open_streams(config, ctx)


def _classify(exc: BaseException) -> Fault | None:
    from ogfd_gcp.faults import classify  # noqa: PLC0415 - see above

    return classify(exc)


async def _check(config: GcpConfig, ctx: Context) -> Sequence[Finding]:
    """Probe every stream that is configured; changes nothing and reads no rows but of carbon."""
    from ogfd_gcp.check import check  # noqa: PLC0415 - see above

    return await check(config, ctx)


async def _discover(config: GcpConfig, ctx: Context) -> Sequence[Finding]:
    from ogfd_gcp.discover import discover  # noqa: PLC0415 - see above

    return await discover(config, ctx)
