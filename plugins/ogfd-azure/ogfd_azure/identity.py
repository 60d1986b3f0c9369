"""Whose a token is: the app or person, and its directory, as the token itself says."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from ogfd.plugin import Auth

_UNTOLD: Final = "(not told)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """
    Who asks, as far as it is told.

    Attributes:
        object_id: of the service principal or user, which role assignments are about.
        app_id: of the app that signed in.
        tenant_id: the directory.
        name: how a person signs in; None for an app.
    """

    object_id: str | None = None
    app_id: str | None = None
    tenant_id: str | None = None
    name: str | None = None

    @property
    def told(self) -> str:
        """Who it is, as words."""
        if self.object_id is None and self.app_id is None:
            return "signed in; the token does not say as whom"
        who = f"app {self.app_id or _UNTOLD}" if self.name is None else f"user {self.name}"
        object_id, tenant = self.object_id or _UNTOLD, self.tenant_id or _UNTOLD
        return f"{who}, object {object_id}, in tenant {tenant}"

    @property
    def identity(self) -> str | None:
        """Who it is, in one word: the app or the person, else the object; None if it is not told."""
        # The app that a person signed in with may be a tool, such as the Azure CLI.
        known = self.app_id if self.name is None else self.name
        return self.object_id if known in {None, _UNTOLD} else known


async def principal(auth: Auth, client_id: str | None) -> Principal:
    """
    Sign in and return as whom; as the app *client_id* if the token does not say.

    The token is not verified: it came from the login service, and nothing is granted by it here.
    Its claims are those of
    https://learn.microsoft.com/entra/identity-platform/access-token-claims-reference.

    Raises:
        SourceError, Parked: if there is no token to be had.
    """
    header = await auth()
    found = principal_in(header["Authorization"].removeprefix("Bearer "))
    return found if found.app_id is not None else replace(found, app_id=client_id)


def principal_in(token: str) -> Principal:
    """Return whose *token* is; nobody if it is no JWT, which a service may change any day."""
    claims = _claims(token)
    user = claims.get("idtyp") == "user" or "scp" in claims
    name = claims.get("upn") or claims.get("unique_name") or claims.get("preferred_username")
    return Principal(
        object_id=_text(claims.get("oid")),
        app_id=_text(claims.get("appid") or claims.get("azp")),
        tenant_id=_text(claims.get("tid")),
        name=(_text(name) or _UNTOLD) if user else None,
    )


def _claims(token: str) -> Mapping[str, Any]:
    parts = token.split(".")
    if len(parts) != 3:
        return {}
    padded = parts[1] + "=" * (-len(parts[1]) % 4)
    try:
        claims = json.loads(base64.urlsafe_b64decode(padded))
    except (binascii.Error, ValueError, RecursionError):
        return {}
    return claims if isinstance(claims, Mapping) else {}


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None
