"""
When the secret that the connector signs in with ends, where the directory tells.

Reading the own registration takes a permission that nothing else here needs, so without it there is
less to tell, and that is no error. https://learn.microsoft.com/graph/api/application-get
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any, Final

import anyio
from anyio import to_thread

from ogfd.plugin import Context, Finding, FindingLevel, OgfdError, SourceError
from ogfd_azure.clouds import CLOUDS
from ogfd_azure.config import AzureConfig
from ogfd_azure.tokens import Tokens

OPERATION: Final = "graph:GetApplication"

_SOON: Final = timedelta(days=30)
_PATIENCE_SECONDS: Final = (
    20.0  # a network that does not let Graph be reached must not hold up check
)
_HINT_LETTERS: Final = 3  # of a secret, which is all that Graph shows of it


async def ending(ctx: Context, config: AzureConfig, tokens: Tokens) -> Finding | None:
    """
    Say when the client secret or certificate ends; None if it signs in by neither.

    A login service at an address of the operator's own has the directory of the cloud for none: that
    is asked only if its address is given too.
    """
    elsewhere = config.authority is not None and config.graph_endpoint is None
    if not config.has_ending_credential or elsewhere:
        return None
    what = "client secret" if config.sign_in == "client_secret" else "certificate"
    subject = f"end of the {what}"
    try:
        with anyio.fail_after(_PATIENCE_SECONDS):
            ends = await _ends(ctx, config, tokens)
    except (OgfdError, TimeoutError) as exc:
        return Finding(level=FindingLevel.OK, subject=subject, message=_untold(exc))
    if ends is None:
        message = "the directory knows of none that is good still"
        return Finding(level=FindingLevel.OK, subject=subject, message=message)
    soon = ends - ctx.now() < _SOON
    return Finding(
        level=FindingLevel.WARNING if soon else FindingLevel.OK,
        subject=subject,
        message=f"{ends:%Y-%m-%d}{'; make a new one' if soon else ''}",
    )


async def _ends(ctx: Context, config: AzureConfig, tokens: Tokens) -> datetime | None:
    """
    Return when the earliest of those ends that may be the one in use.

    Raises:
        OgfdError: if it is not told.
    """
    path = f"/v1.0/applications(appId='{config.client_id}')"
    answer = await ctx.request(
        "GET",
        f"{config.endpoints.graph_endpoint}{path}?$select=passwordCredentials,keyCredentials",
        operation=OPERATION,
        auth=tokens.auth(f"{CLOUDS[config.cloud].graph_endpoint}/.default"),
        expects_json=True,
    )
    app = answer.json()
    if config.sign_in == "certificate":
        return _earliest(app, "keyCredentials", "", ctx.now())
    secret = config.client_secret
    revealed = "" if secret is None else await to_thread.run_sync(secret.reveal)
    return _earliest(app, "passwordCredentials", revealed[:_HINT_LETTERS], ctx.now())


def _earliest(app: Any, kind: str, hint: str, now: datetime) -> datetime | None:
    """Return the earliest end after *now*: it signs in, so what ended before is not in use."""
    found = app.get(kind) if isinstance(app, Mapping) else None
    ends = [
        _instant(one.get("endDateTime"))
        for one in found or ()
        if isinstance(one, Mapping) and hint.startswith(one.get("hint") or "")
    ]
    return min((end for end in ends if end is not None and end > now), default=None)


def _instant(text: Any) -> datetime | None:
    try:
        found = datetime.fromisoformat(text)
    except (TypeError, ValueError):
        return None
    return found if found.tzinfo is not None else None


def _untold(exc: BaseException) -> str:
    refused = isinstance(exc, SourceError) and exc.status == HTTPStatus.FORBIDDEN
    if refused:
        return "with the permission Application.Read.All of Microsoft Graph it would stand here"
    return "the directory does not tell"
