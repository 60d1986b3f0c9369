"""
The Cloud for Sustainability API (preview) as this connector asks it.

https://learn.microsoft.com/industry/sustainability/api-odata
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from anyio import to_thread

from ogfd.plugin import Auth, Context, Listing, Period, Secret
from ogfd_azure.arm import answer_of
from ogfd_azure.config import DashboardConfig
from ogfd_azure.tokens import TokenAuth, Tokens

OPERATION: Final = "dashboard:Emissions"

SCOPE: Final = "c3163bf1-092f-436b-b260-7ade5973e5b9/.default"
"""
What a token is asked for: the API's own application, of which the connector's needs the permission
App.Emission.Read (https://learn.microsoft.com/industry/sustainability/api-overview).
"""

Answer = Mapping[str, Any]


class _KeyedAuth:
    """Adds the subscription key to the token; both stay out of logs, unlike plain headers."""

    def __init__(self, token: TokenAuth, key: Secret) -> None:
        self._token = token
        self._key = key

    async def __call__(self) -> Mapping[str, str]:
        # In a thread: it may be in a file.
        key = await to_thread.run_sync(self._key.reveal)
        return {**await self._token(), "Ocp-Apim-Subscription-Key": key}

    async def refresh(self) -> None:
        await self._token.refresh()


class Emissions:
    """
    Asks for emissions of enrollments, every request under the policy of *ctx*.

    Args:
        ctx: of the run.
        config: of the stream.
        tokens: of the run.
    """

    def __init__(self, ctx: Context, config: DashboardConfig, tokens: Tokens) -> None:
        self._ctx = ctx
        self._root = f"{config.endpoint}/api/v1.0/instances/{config.instance_id}/enrollments"
        self._auth: Auth = _KeyedAuth(tokens.auth(SCOPE), config.subscription_key)

    def pages(self, enrollment: str, month: Period) -> Listing[Answer]:
        """
        Ask for all records of a month; a page has at most 1000 of them.

        Each page raises `SourceError` if it cannot be had or is no answer of the service.
        """
        first = f"{self._url(enrollment)}?$filter=dateKey%20eq%20{date_key(month)}&$count=true"

        async def page(link: str | None) -> Answer:
            return await self._ask(link or first)

        return self._ctx.pages(page, next_link=_next)

    async def any(self, enrollment: str, first: Period, last: Period) -> bool:
        """
        Tell whether there is a record of the months from *first* to *last*.

        Raises:
            SourceError, Parked: if it cannot be told.
        """
        bounds = f"dateKey%20ge%20{date_key(first)}%20and%20dateKey%20le%20{date_key(last)}"
        answer = await self._ask(f"{self._url(enrollment)}?$filter={bounds}&$top=1")
        return bool(answer["value"])

    def _url(self, enrollment: str) -> str:
        return f"{self._root}/{enrollment}/emissions"

    async def _ask(self, url: str) -> Answer:
        response = await self._ctx.request(
            "GET", url, operation=OPERATION, auth=self._auth, expects_json=True
        )
        return await to_thread.run_sync(answer_of, response)


def date_key(month: Period) -> int:
    """Return how the API writes *month*: ``yyyymm01``."""
    return int(f"{month.start:%Y%m}01")


def _next(answer: Answer) -> str | None:
    return answer.get("@odata.nextLink")
