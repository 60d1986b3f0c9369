"""
AWS connector of ogfd: cost from exports in S3, carbon from the service for it.

This only announces. What asks AWS is imported when AWS is asked: the SDK takes longer to import
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
from ogfd_aws.carbon.publication import PUBLISH_LAG, REFRESH
from ogfd_aws.config import (
    ENVIRONMENT,
    AwsConfig,
    CarbonConfig,
    CarbonExportConfig,
    CostConfig,
    CostExplorerConfig,
    principal,
)
from ogfd_aws.explorer import months
from ogfd_aws.explorer.fee import prices

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
        classify=_classify,
        check=_check,
        discover=_discover,
        prices=prices,
        environment=ENVIRONMENT,
        summary="AWS cost from CUR and FOCUS exports in S3 or from Cost Explorer, and the carbon "
        "footprint of AWS",
    )


def _open(config: AwsConfig, ctx: Context) -> AbstractAsyncContextManager[Mapping[str, Stream]]:
    from ogfd_aws.streams import open_streams  # noqa: PLC0415 - see above

    return open_streams(config, ctx)


def _classify(exc: BaseException) -> Fault | None:
    from ogfd_aws.faults import classify  # noqa: PLC0415 - see above

    return classify(exc)


async def _check(config: AwsConfig, ctx: Context) -> Sequence[Finding]:
    """Probe every stream that is configured; changes nothing."""
    from ogfd_aws.check import check  # noqa: PLC0415 - see above

    return await check(config, ctx)


async def _discover(config: AwsConfig, ctx: Context) -> Sequence[Finding]:
    from ogfd_aws.discover import discover  # noqa: PLC0415 - see above

    return await discover(config, ctx)
