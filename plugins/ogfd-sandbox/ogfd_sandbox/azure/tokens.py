"""The tokens that are out: for whom, and until when."""

from __future__ import annotations

import base64
import json
import secrets
import time
from collections.abc import Mapping
from typing import Any, Final

from ogfd_sandbox.azure.wire import RefusedError

ARM: Final = frozenset(
    {
        "https://management.azure.com",
        "https://management.core.windows.net",
        "https://management.usgovcloudapi.net",
        "https://management.core.usgovcloudapi.net",
        "https://management.chinacloudapi.cn",
        "https://management.core.chinacloudapi.cn",
    }
)
STORAGE: Final = frozenset({"https://storage.azure.com"})
DASHBOARD: Final = frozenset(
    {
        "c3163bf1-092f-436b-b260-7ade5973e5b9",
        "api://c3163bf1-092f-436b-b260-7ade5973e5b9",
    }
)
GRAPH: Final = frozenset(
    {
        "https://graph.microsoft.com",
        "https://graph.microsoft.us",
        "https://microsoftgraph.chinacloudapi.cn",
    }
)
_KNOWN: Final = ARM | STORAGE | DASHBOARD | GRAPH


class Tokens:
    """Issues tokens of one audience and a lifetime each, and checks what is shown."""

    def __init__(self) -> None:
        self._out: dict[str, tuple[str, float]] = {}

    def issue(self, audience: str, claims: Mapping[str, Any], lifetime_seconds: int) -> str | None:
        """Return a token for *audience*, or None if nothing here has that name."""
        if audience.rstrip("/") not in _KNOWN:
            return None
        now = time.time()
        body = {**claims, "aud": audience, "iat": int(now), "exp": int(now) + lifetime_seconds}
        parts = [
            _segment({"typ": "JWT", "alg": "RS256"}),
            _segment(body),
            secrets.token_urlsafe(32),
        ]
        token = ".".join(parts)
        self._out[token] = audience.rstrip("/"), now + lifetime_seconds
        return token

    def revoke(self) -> None:
        """Let every token be expired."""
        self._out = {token: (audience, 0.0) for token, (audience, _) in self._out.items()}

    def check(self, authorization: str, audiences: frozenset[str], authority: str) -> None:
        """
        Check the header of a request.

        Args:
            authorization: the header, or nothing.
            audiences: one of which the token must be for.
            authority: where a client is told to get a token.

        Raises:
            RefusedError: 401, as Resource Manager says it, with ``WWW-Authenticate``.
        """
        scheme, _, token = authorization.partition(" ")
        challenge = f'Bearer authorization_uri="{authority}"'
        if scheme.lower() != "bearer" or not token:
            message = "Authentication failed. The 'Authorization' header is missing."
            raise RefusedError(
                401, "AuthenticationFailed", message, {"WWW-Authenticate": challenge}
            )
        audience, until = self._out.get(token, (None, 0.0))
        if audience is None:
            code, message = "InvalidAuthenticationToken", "The access token is invalid."
        elif until <= time.time():
            code, message = "ExpiredAuthenticationToken", "The access token expiry is in the past."
        elif audience not in audiences:
            code = "InvalidAuthenticationTokenAudience"
            message = f"The access token has been obtained for the wrong audience '{audience}'."
        else:
            return
        detail = f'{challenge}, error="invalid_token", error_description="{message}"'
        raise RefusedError(401, code, message, {"WWW-Authenticate": detail})


def _segment(value: Mapping[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()
