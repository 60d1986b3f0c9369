"""
The tokens that are out, the one service account, and what its signature is good for.

A request to BigQuery shows a token that was issued here, or one that the account signed itself:
https://developers.google.com/identity/protocols/oauth2/service-account#jwt-auth, 2026.
"""

from __future__ import annotations

import base64
import json
import secrets
import time
from collections.abc import Mapping
from typing import Any, Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from ogfd_sandbox.azure.wire import RefusedError
from ogfd_sandbox.bigquery.tables import PROJECT

CLIENT_EMAIL: Final = f"ogfd-reader@{PROJECT}.iam.gserviceaccount.com"
_AUTH: Final = "https://www.googleapis.com/auth/"
QUERIES: Final = frozenset({f"{_AUTH}bigquery", f"{_AUTH}cloud-platform"})
IMPERSONATION: Final = frozenset({f"{_AUTH}iam", f"{_AUTH}cloud-platform"})
REST: Final = "https://bigquery.googleapis.com/"
STORAGE: Final = "https://bigquerystorage.googleapis.com/"
_CLOCK_SKEW_SECONDS: Final = 300
LIFETIME_SECONDS: Final = 3600
_INVALID: Final = (
    "Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie "
    "or other valid authentication credential."
)


class Tokens:
    """Issues tokens of some scopes and a lifetime each, and checks what is shown."""

    def __init__(self) -> None:
        self._key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self.key_id = secrets.token_hex(20)
        self._out: dict[str, tuple[frozenset[str], float]] = {}
        self._not_before = 0
        self.lifetime_seconds = LIFETIME_SECONDS

    def live_for(self, seconds: int) -> None:
        """Let tokens that are issued from now on live for *seconds*."""
        self.lifetime_seconds = seconds

    def private_key(self) -> str:
        """Return the key of the service account in PEM."""
        return self._key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ).decode()

    def issue(self, scopes: str) -> str:
        """Return a token for *scopes*, which spaces or commas part."""
        token = f"ya29.c.{secrets.token_urlsafe(48)}"
        wanted = frozenset(scopes.replace(",", " ").split())
        self._out[token] = wanted, time.time() + self.lifetime_seconds
        return token

    def revoke(self) -> None:
        """Let every token be expired; what the account signs counts in whole seconds."""
        self._out = {token: (scopes, 0.0) for token, (scopes, _) in self._out.items()}
        self._not_before = int(time.time())

    def signed(self, assertion: str) -> dict[str, Any] | None:
        """Return the claims that the service account signed; None if it did not."""
        head, _, rest = assertion.partition(".")
        body, _, signature = rest.partition(".")
        try:
            header, claims = (json.loads(_decoded(part)) for part in (head, body))
            self._key.public_key().verify(
                _decoded(signature), f"{head}.{body}".encode(), padding.PKCS1v15(), hashes.SHA256()
            )
        except (ValueError, InvalidSignature):
            return None
        trusted = header.get("alg") == "RS256" and header.get("kid") == self.key_id
        return dict(claims) if trusted and claims.get("iss") == CLIENT_EMAIL else None

    def check(
        self, authorization: str, scopes: frozenset[str] = QUERIES, audience: str = REST
    ) -> None:
        """
        Check the header of a request.

        Args:
            authorization: the header, or nothing.
            scopes: one of which the token must be for.
            audience: of a token that the account signed itself for one service, not for scopes.

        Raises:
            RefusedError: 401 or 403, as Google says it.
        """
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer" or not token:
            message = "Request is missing required authentication credential. Expected OAuth 2 "
            message += "access token, login cookie or other valid authentication credential."
            raise RefusedError(401, "required", message)
        shown, until = self._out.get(token) or self._own(token, audience)
        if until <= time.time():
            raise RefusedError(401, "authError", _INVALID)
        if not shown & scopes:
            message = "Request had insufficient authentication scopes."
            raise RefusedError(403, "insufficientPermissions", message)

    def _own(self, token: str, audience: str) -> tuple[frozenset[str], float]:
        """Return the scopes and the end of a token that the account signed itself."""
        claims = self.signed(token)
        if claims is None or not fresh(claims) or claims["iat"] < self._not_before:
            return frozenset(), 0.0
        if "scope" not in claims:
            return QUERIES, float(claims["exp"]) if claims.get("aud") == audience else 0.0
        return frozenset(str(claims.get("scope", "")).split()), float(claims["exp"])


def fresh(claims: Mapping[str, Any]) -> bool:
    """Tell whether a signed token is neither too old, too long-lived nor of the future."""
    issued, ends, now = claims.get("iat"), claims.get("exp"), time.time()
    if not isinstance(issued, int | float) or not isinstance(ends, int | float):
        return False
    return issued - _CLOCK_SKEW_SECONDS <= now < ends <= issued + LIFETIME_SECONDS


def _decoded(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
