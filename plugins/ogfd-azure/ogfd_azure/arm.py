"""
Resource Manager as this connector asks it: one address, one token, one name for itself.

Links that it hands out go back to it byte for byte, as ``ctx.request`` sends what it is given.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from typing import Any, Final

from ogfd.plugin import (
    AuthError,
    BadRequestError,
    Context,
    FatalError,
    Response,
    TransientError,
)
from ogfd_azure.config import AzureConfig
from ogfd_azure.faults import HINTS, challenge_in
from ogfd_azure.tokens import Tokens

HEADERS: Final[Mapping[str, str]] = {"ClientType": "ogfd"}
"""
Sent with every request: Cost Management gives each client type a quota of its own, and all who
name none share one (https://github.com/electrolux-oss/azure-cost-exporter/issues/8).
"""

_SUBSCRIPTIONS: Final = "2022-12-01"
_CLAIMS: Final = re.compile(r'claims="([^"]+)"')


class Arm:
    """
    Asks Resource Manager, every request under the policy of *ctx*.

    Args:
        ctx: of the run.
        config: says where it is, and for what a token is asked.
        tokens: of the run.
    """

    def __init__(self, ctx: Context, config: AzureConfig, tokens: Tokens) -> None:
        self._ctx = ctx
        self._base = config.endpoints.arm_endpoint
        self._auth = tokens.auth(config.endpoints.arm_scope)

    def url(self, path: str, api_version: str) -> str:
        """Return the URL of *path*, which begins with a slash, in a version of its API."""
        return f"{self._base}{path}?api-version={api_version}"

    async def get(self, url: str, *, operation: str, scope: str = "") -> Response:
        """
        Read *url*: one of `url`, or a link as it came.

        Raises:
            SourceError, Parked: as ``ctx.request``.
        """
        return await self._send("GET", url, operation=operation, scope=scope)

    async def post(self, url: str, body: Any, *, operation: str, scope: str = "") -> Response:
        """
        Send *body* as a query, which changes nothing there and may be repeated.

        Args:
            url: one of `url`, or a link as it came.
            body: sent as JSON; None sends an empty one.
            operation: as in ``ctx.request``.
            scope: as in ``ctx.request``.

        Raises:
            SourceError, Parked: as ``ctx.request``.
        """
        return await self._send("POST", url, operation=operation, scope=scope, json=body)

    async def subscriptions(self) -> tuple[str, ...]:
        """
        Return the ids of all subscriptions that the credential sees, sorted, in lower case.

        Raises:
            SourceError, Parked: as ``ctx.request``.
            TransientError: if an answer is none of the service.
            FatalError: if a subscription has no id.
        """
        found: set[str] = set()

        async def page(link: str | None) -> Mapping[str, Any]:
            url = link or self.url("/subscriptions", _SUBSCRIPTIONS)
            return answer_of(await self.get(url, operation="arm:ListSubscriptions"))

        async for each in self._ctx.pages(page, next_link=_next_link):
            found |= set(map(_subscription, each["value"]))
        return tuple(sorted(found))

    async def _send(self, method: str, url: str, **options: Any) -> Response:
        try:
            return await self._once(method, url, **options)
        except BadRequestError as exc:
            header = challenge_in(exc.__cause__)
            if header is None:
                raise
            await self._auth.challenged(_claims(header))
        try:
            return await self._once(method, url, **options)
        except BadRequestError as exc:
            if challenge_in(exc.__cause__) is None:
                raise
            raise AuthError(
                f"{options['operation']}: a token with the claims that were asked for is refused",
                hint=HINTS["claims"],
            ) from exc

    async def _once(self, method: str, url: str, **options: Any) -> Response:
        return await self._ctx.request(
            method,
            url,
            headers=HEADERS,
            auth=self._auth,
            idempotent=True,
            expects_json=True,
            **options,
        )


def answer_of(response: Response) -> Mapping[str, Any]:
    """
    Return the answer to a listing or a report, with the numbers as they were sent.

    Raises:
        TransientError: if it is no object with a list of the name ``value``.
    """
    answer = exact(response)
    if not isinstance(answer.get("value"), list):
        raise _foreign(response)
    return answer


def exact(response: Response) -> Mapping[str, Any]:
    """
    Return the object in *response* with its fractions as `decimal.Decimal`, digit by digit.

    Raises:
        TransientError: if it is no object.
    """
    answer = response.json()
    if not isinstance(answer, Mapping):
        raise _foreign(response)
    return answer


def _foreign(response: Response) -> TransientError:
    return TransientError(
        "the answer is not one of Azure",
        hint="a proxy may have answered in its place; check the network and the endpoints",
        status=response.status,
    )


def _subscription(one: Any) -> str:
    found = one.get("subscriptionId") if isinstance(one, Mapping) else None
    if not isinstance(found, str) or not found:
        raise FatalError("the list of subscriptions has one without an id")
    return found.lower()


def _next_link(answer: Mapping[str, Any]) -> str | None:
    return answer.get("nextLink")


def _claims(header: str) -> str:
    """
    Return what a claims challenge asks for, as JSON.

    Raises:
        AuthError: if it cannot be read.
    """
    found = _CLAIMS.search(header)
    text = found[1] if found else ""
    try:
        return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode()
    except (binascii.Error, UnicodeDecodeError):
        raise AuthError(
            "a claims challenge of Azure cannot be read", hint=HINTS["claims"]
        ) from None
