"""The service ``sustainability`` as this connector asks it; no answer is trusted unseen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, Final

from ogfd.plugin import Context, Listing, Period, TransientError
from ogfd_aws.carbon.estimates import EMISSIONS_TYPES
from ogfd_aws.config import AwsConfig
from ogfd_aws.regions import partition_of
from ogfd_aws.session import Clients

OPERATION: Final = "sustainability:GetEstimatedCarbonEmissions"
"""The operation, and the action of IAM that permits it."""

_PAGE: Final = 1000  # always sent: the service's own default was 40 once, and is 1000 now
_TIMEOUT: Final = timedelta(seconds=30)
_HOME: Final = "us-east-1"

Answer = Mapping[str, Any]


class Emissions:
    """Asks for emissions, every request under the policy of *ctx*."""

    def __init__(self, ctx: Context, client: Any) -> None:
        self._ctx = ctx
        self._client = client

    def pages(self, period: Period, *, by: Sequence[str] = ()) -> Listing[Answer]:
        """
        Ask for all emissions of the months that begin in *period*, by month and *by*.

        Each page raises `SourceError` if it cannot be had or is no answer of the service.
        """

        async def page(token: str | None) -> Answer:
            return await self._ask(period, by, token)

        return self._ctx.pages(page, next_token=_next)

    async def _ask(self, period: Period, by: Sequence[str], token: str | None) -> Answer:
        query: dict[str, Any] = {
            "TimePeriod": {"Start": period.start, "End": period.end},
            "Granularity": "MONTHLY",
            "EmissionsTypes": list(EMISSIONS_TYPES),
            "MaxResults": _PAGE,
        }
        if by:
            query["GroupBy"] = list(by)
        if token is not None:
            query["NextToken"] = token

        async def ask() -> Any:
            return await self._client.get_estimated_carbon_emissions(**query)

        answer: Answer = await self._ctx.call(OPERATION, ask, timeout=_TIMEOUT)
        if not isinstance(answer.get("Results"), list):
            # The SDK makes an empty success of a page of HTML with status 200 (botocore 1.43).
            raise TransientError(
                f"the answer to {OPERATION} is not one of AWS",
                hint="a proxy may have answered in its place; check the network and endpoint_url",
            )
        return answer


async def open_emissions(ctx: Context, clients: Clients, config: AwsConfig) -> Emissions:
    """
    Return the service with the credentials of *clients*.

    Raises:
        SourceError: if the SDK refuses the settings.
    """
    # One for the whole partition: the SDK signs for us-east-1 whatever the Region (botocore 1.43,
    # endpoint rules of sustainability), so the Region of the bucket has no say.
    region = _HOME if partition_of(config.region) == "aws" else config.region
    return Emissions(ctx, await clients.open("sustainability", region=region))


def _next(answer: Answer) -> str | None:
    token = answer.get("NextToken")
    return str(token) if token else None
