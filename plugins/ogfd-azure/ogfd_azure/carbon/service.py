"""
``Microsoft.Carbon`` as this connector asks it; no answer is trusted unseen.

https://learn.microsoft.com/rest/api/carbon/carbon-service
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from http import HTTPStatus
from typing import Any, Final

from anyio import to_thread

from ogfd.plugin import (
    AuthError,
    Context,
    ErrorClass,
    FatalError,
    Listing,
    Parked,
    Period,
)
from ogfd_azure.arm import Arm, answer_of, exact
from ogfd_azure.calendar import month_before, month_of
from ogfd_azure.carbon.publication import PUBLISHED_ON

REPORTS: Final = "carbon:Reports"
RANGE: Final = "carbon:AvailableDateRange"

BATCH: Final = 100
"""Most subscriptions that one report is made of."""

KEPT_MONTHS: Final = 12
"""How many months Azure keeps (troubleshooting page of Carbon optimization)."""

_API: Final = "2025-04-01"
_PAGE: Final = 5000
_ROOT: Final = "/providers/Microsoft.Carbon"

Answer = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Available:
    """
    The months that there are.

    Attributes:
        first: the first of them, ``YYYY-MM``.
        last: the last one.
        reckoned: whether the calendar says so, and not Azure.
    """

    first: str
    last: str
    reckoned: bool = False


class Reports:
    """Asks for emissions, every request under the policy of *ctx*."""

    def __init__(self, ctx: Context, arm: Arm) -> None:
        self._ctx = ctx
        self._arm = arm

    async def available(self) -> Available | None:
        """
        Ask which months there are; None if there are none yet.

        The role Carbon Optimization Reader has the action of the reports alone; where it does not
        do for this question, the calendar answers it.

        Raises:
            SourceError, Parked: if it cannot be had or understood.
        """
        try:
            return await self.told()
        except AuthError as exc:
            if exc.status != HTTPStatus.FORBIDDEN:
                raise
            return reckoned(self._ctx.now())
        except Parked as exc:
            if exc.error_class is not ErrorClass.AUTH:
                raise
            return reckoned(self._ctx.now())

    async def told(self) -> Available | None:
        """
        Ask which months there are; None if there are none yet.

        Raises:
            SourceError, Parked: if it cannot be had or understood, or may not be asked.
        """
        url = self._arm.url(f"{_ROOT}/queryCarbonEmissionDataAvailableDateRange", _API)
        answer = exact(await self._arm.post(url, None, operation=RANGE))
        bounds = [answer.get(name) for name in ("startDate", "endDate")]
        if not all(bounds):
            return None
        try:
            first, last = (f"{datetime.fromisoformat(str(bound)):%Y-%m}" for bound in bounds)
        except ValueError:
            raise FatalError("the range of months with emissions has no dates") from None
        return Available(first=first, last=last)

    def items(self, month: Period, subscriptions: Sequence[str], scope: int) -> Listing[Answer]:
        """
        Ask for the emissions of each resource of at most `BATCH` subscriptions.

        Each page raises `SourceError` if it cannot be had or is no answer of the service.
        """

        async def page(token: str | None) -> Answer:
            # By name: amounts have ties, and what is ordered by them may move between pages.
            details = {
                "categoryType": "Resource",
                "orderBy": "ItemName",
                "sortDirection": "Asc",
                "pageSize": _PAGE,
            }
            if token is not None:
                details["skipToken"] = token
            return await self._report("ItemDetailsReport", month, subscriptions, scope, details)

        return self._ctx.pages(page, next_token=_next)

    async def overall(
        self, month: Period, subscriptions: Sequence[str], scope: int
    ) -> tuple[Decimal, Mapping[str, str]]:
        """
        Ask for the emissions of at most `BATCH` subscriptions together.

        Returns:
            The kilograms of those that may be read, and of the others why they may not.

        Raises:
            SourceError, Parked: if it cannot be had or understood.
        """
        answer = await self._report("OverallSummaryReport", month, subscriptions, scope, {})
        amounts = [each.get("latestMonthEmissions") for each in answer["value"]]
        if not all(isinstance(amount, int | Decimal) for amount in amounts):
            raise FatalError("the summary of the emissions lacks latestMonthEmissions")
        return sum(map(Decimal, amounts), Decimal()), denied_in(answer)

    async def _report(
        self,
        kind: str,
        month: Period,
        subscriptions: Sequence[str],
        scope: int,
        details: Mapping[str, Any],
    ) -> Answer:
        day = f"{month.start:%Y-%m-%d}"
        query = {
            "reportType": kind,
            "subscriptionList": list(subscriptions),
            # One at a time: the answer is their sum and does not say of what.
            "carbonScopeList": [f"Scope{scope}"],
            "dateRange": {"start": day, "end": day},
            **details,
        }
        url = self._arm.url(f"{_ROOT}/carbonEmissionReports", _API)
        response = await self._arm.post(url, query, operation=REPORTS)
        return await to_thread.run_sync(answer_of, response)


def denied_in(answer: Answer) -> Mapping[str, str]:
    """Return the subscriptions that an answer leaves out for want of a permission, and why."""
    decisions = answer.get("subscriptionAccessDecisionList") or ()
    return {
        str(each.get("subscriptionId", "")).lower(): str(each.get("denialReason") or "")
        for each in decisions
        # Whatever else it may say one day: what is not allowed is not in the sum.
        if str(each.get("decision", "")).lower() != "allowed"
    }


def reckoned(now: datetime) -> Available:
    """Return the months that there are by the calendar."""
    last = month_before(month_of(now), 1 if now.day >= PUBLISHED_ON else 2)
    return Available(first=str(month_before(last, KEPT_MONTHS - 1)), last=str(last), reckoned=True)


def _next(answer: Answer) -> str | None:
    token = answer.get("skipToken")
    return str(token) if token else None
