"""
Azure connector of ogfd: cost from exports and Cost Management, carbon from Microsoft.Carbon.

This only announces. What asks Azure is imported when Azure is asked: the SDK takes longer to import
than most commands take, and they have no use for it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import timedelta

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
from ogfd_azure.carbon import publication as carbon
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
from ogfd_azure.dashboard import publication as dashboard
from ogfd_azure.query import months
from ogfd_azure.quotas import remaining

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
        classify=_classify,
        check=_check,
        discover=_discover,
        quotas=remaining,
        environment=ENVIRONMENT,
        summary="Azure cost from exports or Cost Management, emissions from Microsoft.Carbon and the "
        "Emissions Impact Dashboard",
    )


def _open(config: AzureConfig, ctx: Context) -> AbstractAsyncContextManager[Mapping[str, Stream]]:
    from ogfd_azure.streams import open_streams  # noqa: PLC0415 - see above

    return open_streams(config, ctx)


def _classify(exc: BaseException) -> Fault | None:
    from ogfd_azure.faults import classify  # noqa: PLC0415 - see above

    return classify(exc)


async def _check(config: AzureConfig, ctx: Context) -> Sequence[Finding]:
    """Probe every stream that is configured; changes nothing."""
    from ogfd_azure.check import check  # noqa: PLC0415 - see above

    return await check(config, ctx)


async def _discover(config: AzureConfig, ctx: Context) -> Sequence[Finding]:
    from ogfd_azure.discover import discover  # noqa: PLC0415 - see above

    return await discover(config, ctx)
