"""
Totals of queries, for the reconciliation of the stream ``cost``: a request for each cost and scope.

They come by another path than the files of an export, so they are independent. Queries know neither
taxes nor credits, which FOCUS has as rows of their own: where there are such, they are what differs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Context as Arithmetic
from decimal import Decimal
from typing import Final

from ogfd.plugin import Context, Period, Totals
from ogfd_azure.exports.charges import Dataset
from ogfd_azure.query.answers import costs
from ogfd_azure.query.months import kept
from ogfd_azure.query.service import Costs, Queries, Query

_ORIGIN: Final = "Cost Management query"
_EXACT: Final = Arithmetic(prec=76)
_OF: Final[Mapping[Dataset | None, tuple[Costs, ...]]] = {
    Dataset.FOCUS: (Costs.BILLED, Costs.EFFECTIVE),
    Dataset.AMORTISED: (Costs.EFFECTIVE,),
}


class Reference:
    """
    Totals of months as Cost Management adds them up.

    Args:
        ctx: of the run.
        queries: the service.
        scopes: those of the export, together.
    """

    def __init__(self, ctx: Context, queries: Queries, scopes: Sequence[str]) -> None:
        self._ctx = ctx
        self._queries = queries
        self._scopes = scopes

    async def totals(self, billing_period: str, dataset: Dataset | None) -> Totals | None:
        """
        Return the totals of a month; None if there are no costs, or it is too long ago.

        Args:
            billing_period: ``YYYY-MM``.
            dataset: only costs that it has are asked for; None stands for actual costs.

        Raises:
            SourceError, Parked: if an answer cannot be had or understood.
        """
        month = Period.month(billing_period)
        if month not in kept(month, self._ctx.now()):
            return None
        sums: dict[str, Decimal] = {}
        for what in _OF.get(dataset, (Costs.BILLED,)):
            for scope in self._scopes:
                query = Query(scope=scope, costs=what, month=month, daily=False)
                async for page in self._queries.pages(query):
                    for cost in costs(page, by=(), daily=False):
                        name = f"{what.measure}:{cost.currency}"
                        sums[name] = _EXACT.add(sums.get(name, Decimal()), cost.amount)
        return Totals(origin=_ORIGIN, independent=True, sums=sums) if sums else None
