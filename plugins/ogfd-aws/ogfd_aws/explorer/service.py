"""
Cost Explorer (``ce``) as this connector asks it; no answer is trusted unseen.

Every request costs money, and every page is a request. So there is one operation, the most is made
of each, and what no repetition mends is not repeated.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from botocore import exceptions as sdk

from ogfd.plugin import (
    BadRequestError,
    Context,
    Listing,
    NotPublished,
    Period,
    SourceChanged,
    TransientError,
)
from ogfd_aws.explorer.answers import AMORTISED, UNBLENDED, Answer
from ogfd_aws.explorer.fee import OPERATION
from ogfd_aws.explorer.groups import Group
from ogfd_aws.faults import code_of
from ogfd_aws.session import Clients

_TIMEOUT: Final = timedelta(seconds=30)
_NO_DATA: Final = "DataUnavailableException"
_LOST: Final = frozenset({"InvalidNextTokenException", "RequestChangedException"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """
    What to ask for.

    Attributes:
        period: whole days in UTC.
        monthly: whether to add up months, else days.
        by: at most two groups.
    """

    period: Period
    monthly: bool
    by: tuple[Group, ...] = ()

    def parameters(self, token: str | None) -> dict[str, Any]:
        """Return the parameters of a page: those of all its pages, and the token."""
        told: dict[str, Any] = {
            "TimePeriod": {
                "Start": f"{self.period.start:%Y-%m-%d}",
                "End": f"{self.period.end:%Y-%m-%d}",
            },
            "Granularity": "MONTHLY" if self.monthly else "DAILY",
            "Metrics": [UNBLENDED, AMORTISED],
        }
        if self.by:
            told["GroupBy"] = [group.definition for group in self.by]
        if token is not None:
            told["NextPageToken"] = token
        return told


class Explorer:
    """Asks for costs, every request under the policy of *ctx*."""

    def __init__(self, ctx: Context, client: Any) -> None:
        self._ctx = ctx
        self._client = client

    def pages(self, query: Query) -> Listing[Answer]:
        """
        Ask for *query*, page by page.

        Each page raises:
            SourceChanged: if AWS does not go on with the pages that it began.
            NotPublished: if AWS has no data yet.
            SourceError: if the page cannot be had or is no answer of the service.
            Parked: if the month's budget is spent.
        """

        async def page(token: str | None) -> Answer:
            try:
                return await self._ask(query.parameters(token))
            except BadRequestError as exc:
                if token is None or exc.code not in _LOST:
                    raise
                raise SourceChanged(f"{query.period}: the pages broke off: {exc}") from exc

        return self._ctx.pages(page, next_token=_next)

    async def _ask(self, parameters: Mapping[str, Any]) -> Answer:
        async def ask() -> Any:
            try:
                return await self._client.get_cost_and_usage(**parameters)
            except sdk.ClientError as exc:
                if code_of(exc) != _NO_DATA:
                    raise
                # Another attempt within seconds would find none either, and cost as much.
                # https://docs.aws.amazon.com/cost-management/latest/userguide/ce-enable.html
                raise NotPublished(
                    f"Cost Explorer has no data from {parameters['TimePeriod']['Start']} on",
                    hint="AWS prepares it within a day after Cost Explorer was enabled, the months "
                    "before within some days",
                ) from exc

        answer: Answer = await self._ctx.call(OPERATION, ask, timeout=_TIMEOUT)
        if not isinstance(answer.get("ResultsByTime"), list):
            # The SDK makes an empty success of a page of HTML with status 200 (botocore 1.43).
            raise TransientError(
                f"the answer to {OPERATION} is not one of AWS",
                hint="a proxy may have answered in its place; check the network and endpoint_url",
            )
        return answer


async def open_explorer(ctx: Context, clients: Clients) -> Explorer:
    """
    Return the service with the credentials of *clients*.

    The SDK finds its one home in each partition, whatever the Region of the bucket: us-east-1, of
    China cn-northwest-1 (botocore 1.43, endpoint rules of ce).

    Raises:
        SourceError: if the SDK refuses the settings.
    """
    return Explorer(ctx, await clients.open("ce"))


def _next(answer: Answer) -> str | None:
    token = answer.get("NextPageToken")
    return str(token) if token else None
