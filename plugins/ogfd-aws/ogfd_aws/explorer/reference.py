"""
Totals of Cost Explorer, for the reconciliation of the stream ``cost``: one request a month.

Without groups and filters Cost Explorer adds up all charge types, taxes, credits, refunds and fees
included, as the sums of all lines of an export do; unblended cost is their billed cost, amortised
cost their effective cost. It comes by another path than the export, so it is independent.
"""

from __future__ import annotations

from decimal import Context as Arithmetic
from decimal import Decimal
from typing import Final

from ogfd.plugin import Context, Period, Totals
from ogfd_aws.explorer.answers import costs
from ogfd_aws.explorer.months import kept
from ogfd_aws.explorer.service import Explorer, Query

_ORIGIN: Final = "Cost Explorer GetCostAndUsage"
_EXACT: Final = Arithmetic(prec=76)


class Reference:
    """
    Totals of months as *explorer* gives them.

    Args:
        ctx: of the run.
        explorer: the service.
    """

    def __init__(self, ctx: Context, explorer: Explorer) -> None:
        self._ctx = ctx
        self._explorer = explorer

    async def totals(self, billing_period: str) -> Totals | None:
        """
        Return the totals of a month; None, and no request, for one that AWS does not keep.

        Raises:
            NotPublished: if AWS has no data yet.
            Parked: if the month's budget is spent.
            SourceError: if the answer cannot be had or understood.
        """
        month = Period.month(billing_period)
        if month not in kept(month, self._ctx.now()):
            return None
        sums: dict[str, Decimal] = {}
        estimated = False
        async for page in self._explorer.pages(Query(period=month, monthly=True)):
            for cost in costs(page, groups=0):
                estimated |= cost.estimated
                for measure, amount in (
                    (f"billed_cost:{cost.currency}", cost.unblended),
                    (f"effective_cost:{cost.currency}", cost.amortised),
                ):
                    sums[measure] = _EXACT.add(sums.get(measure, Decimal()), amount)
        origin = f"{_ORIGIN}, estimated" if estimated else _ORIGIN
        return Totals(origin=origin, independent=True, sums=sums)
