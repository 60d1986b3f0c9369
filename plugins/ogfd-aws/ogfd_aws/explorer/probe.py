"""``ogfd check``: may the credentials ask Cost Explorer? AWS charges for that question too."""

from __future__ import annotations

from typing import Final

from ogfd.plugin import Context, Finding, FindingLevel, NotPublished, Parked, Period, SourceError
from ogfd_aws import policies
from ogfd_aws.config import AwsConfig
from ogfd_aws.explorer.answers import Cost, costs
from ogfd_aws.explorer.fee import FEE, OPERATION
from ogfd_aws.explorer.service import Query, open_explorer
from ogfd_aws.probes import Probed, fine, refused
from ogfd_aws.session import Clients

_PAID: Final = f"this check cost {FEE.amount} {FEE.currency}"


async def probe_explorer(ctx: Context, clients: Clients, config: AwsConfig) -> list[Probed]:
    """
    Probe ``ce:GetCostAndUsage`` by the total of the current month: one paid request.

    There is no free one that tells as much: permission, whether Cost Explorer is enabled, and
    whether it has data. It counts like any other, and is not made beyond the budget.
    """
    if config.cost_explorer is None:
        return []
    try:
        return [fine(OPERATION, await _asked(ctx, clients))]
    except NotPublished as exc:
        return [fine(OPERATION, f"{exc}: pending; {_PAID}")]
    except Parked as exc:
        finding = Finding(level=FindingLevel.WARNING, subject=OPERATION, message=str(exc))
        return [Probed(finding=finding)]
    except SourceError as exc:
        needed = policies.on_all("OgfdReadCostExplorer", OPERATION)
        return [refused(OPERATION, exc, lambda _: [needed])]


async def _asked(ctx: Context, clients: Clients) -> str:
    month = Period.month(f"{ctx.now():%Y-%m}")
    explorer = await open_explorer(ctx, clients)
    found: list[Cost] = []
    async for page in explorer.pages(Query(period=month, monthly=True)):
        found += costs(page, groups=0)
    told = ", ".join(f"{cost.unblended:f} {cost.currency}" for cost in found)
    return f"{month} so far: {told or 'nothing'}; {_PAID}"
