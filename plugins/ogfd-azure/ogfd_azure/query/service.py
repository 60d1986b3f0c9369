"""
The query API of Cost Management as this connector asks it; no answer is trusted unseen.

A link to the next page is posted again, byte for byte and with the same body: it may name an older
version of the API, and another spelling of it is refused.
https://learn.microsoft.com/rest/api/cost-management/query/usage
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from http import HTTPStatus
from typing import Any, Final

from anyio import to_thread

from ogfd.plugin import Context, Listing, Period, Response
from ogfd_azure.arm import Arm, exact
from ogfd_azure.query.answers import Page, page_of

OPERATION: Final = "cost_query:Query"

_API: Final = "2025-03-01"
_PAGE: Final = 5000  # the most that it gives; 1000 unless asked
_ROOT: Final = "/providers/Microsoft.CostManagement/query"
_DAY: Final = timedelta(days=1)


class Costs(Enum):
    """What is added up; the value is its name in a query."""

    BILLED = "ActualCost"
    EFFECTIVE = "AmortizedCost"

    @property
    def measure(self) -> str:
        """The column of an activity that holds it."""
        return f"{self.name.lower()}_cost"


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """
    What to ask for.

    Attributes:
        scope: such as ``/subscriptions/ID``.
        costs: what to add up.
        month: of the costs; a query by day may span 31 days.
        daily: whether by day.
        by: at most two dimensions.
    """

    scope: str
    costs: Costs
    month: Period
    daily: bool
    by: tuple[str, ...] = ()

    def body(self, now: datetime) -> Mapping[str, Any]:
        """Return the body: to today at most, as days to come are shifted without a word."""
        last = max(self.month.start, min(self.month.end - _DAY, now))
        return {
            "type": self.costs.value,
            "timeframe": "Custom",
            "timePeriod": {
                "from": f"{self.month.start:%Y-%m-%d}T00:00:00Z",
                "to": f"{last:%Y-%m-%d}T23:59:59Z",
            },
            "dataset": {
                "granularity": "Daily" if self.daily else "None",
                "aggregation": {"totalCost": {"name": "Cost", "function": "Sum"}},
                **(
                    {"grouping": [{"type": "Dimension", "name": name} for name in self.by]}
                    if self.by
                    else {}
                ),
            },
        }


class Queries:
    """Asks for costs, every request under the policy of *ctx*."""

    def __init__(self, ctx: Context, arm: Arm) -> None:
        self._ctx = ctx
        self._arm = arm

    def pages(self, query: Query) -> Listing[Page]:
        """
        Ask for *query*, page by page; a scope without costs has one page without rows.

        Each page raises `SourceError` or `Parked` if it cannot be had or is no answer of the
        service.
        """
        first = f"{self._arm.url(f'{query.scope}{_ROOT}', _API)}&$top={_PAGE}"
        body = query.body(self._ctx.now())

        async def page(link: str | None) -> Page:
            answer = await self._arm.post(
                link or first, body, operation=OPERATION, scope=query.scope.lower()
            )
            return await to_thread.run_sync(_read, answer)

        return self._ctx.pages(page, next_link=lambda found: found.link)


def _read(answer: Response) -> Page:
    return Page() if answer.status == HTTPStatus.NO_CONTENT else page_of(exact(answer))
