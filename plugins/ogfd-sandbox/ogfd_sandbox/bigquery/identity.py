"""
Google's token services: OAuth, workload identity federation, and a virtual machine's metadata.

Errors are worded as Google words them: https://developers.google.com/identity/protocols/oauth2 and
https://docs.cloud.google.com/iam/docs/reference/sts/rest, 2026.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import parse_qs

from ogfd_sandbox.azure.wire import (
    Asked,
    Call,
    Error,
    RefusedError,
    Reply,
    guarded,
    json_reply,
)
from ogfd_sandbox.bigquery.errors import google_error, oauth_error
from ogfd_sandbox.bigquery.tables import PROJECT
from ogfd_sandbox.bigquery.tokens import CLIENT_EMAIL, IMPERSONATION, Tokens, fresh
from ogfd_sandbox.faults import Rule

POOL: Final = (
    "//iam.googleapis.com/projects/100000000001/locations/global/workloadIdentityPools/acme"
    "/providers/ci"
)
_JWT_BEARER: Final = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_EXCHANGE: Final = "urn:ietf:params:oauth:grant-type:token-exchange"
_JWT_TYPE: Final = "urn:ietf:params:oauth:token-type:jwt"
_ACCESS_TYPE: Final = "urn:ietf:params:oauth:token-type:access_token"
_GOOGLE_AUDIENCE: Final = "https://oauth2.googleapis.com/token"
_PLATFORM: Final = "https://www.googleapis.com/auth/cloud-platform"
_IMPERSONATE: Final = f"/v1/projects/-/serviceAccounts/{CLIENT_EMAIL}:generateAccessToken"
_METADATA: Final = "/computeMetadata/v1/"
_FLAVOR: Final = {"Metadata-Flavor": "Google"}


class IdentityService:
    """Answers as the token services know one service account and one pool."""

    def __init__(self, tokens: Tokens) -> None:
        self._tokens = tokens

    def credentials(self, kind: str, base: str) -> dict[str, Any]:
        """
        Return the credentials of *kind* that lead here.

        Args:
            kind: ``service_account`` or ``external_account``.
            base: URL of the server.
        """
        if kind == "external_account":
            return {
                "type": kind,
                "audience": POOL,
                "subject_token_type": _JWT_TYPE,
                "token_url": f"{base}/v1/token",
                "service_account_impersonation_url": base + _IMPERSONATE,
            }
        return {
            "type": "service_account",
            "project_id": PROJECT,
            "private_key_id": self._tokens.key_id,
            "private_key": self._tokens.private_key(),
            "client_email": CLIENT_EMAIL,
            "client_id": "100000000000000000001",
            "token_uri": f"{base}/token",
            "universe_domain": "googleapis.com",
        }

    def asked(self, call: Call) -> Asked | None:
        """Recognise a request for a token."""
        if call.path == "/token" and call.method == "POST":
            form = _form(call.body)
            key = f"service_account {CLIENT_EMAIL}"
            return _asked("Token", key, lambda _: self._granted(call, form), oauth_error)
        if call.path == "/v1/token" and call.method == "POST":
            form = _form(call.body)
            key = form.get("audience", "-")
            return _asked("ExchangeToken", key, lambda _: self._exchanged(form), oauth_error)
        if call.path == _IMPERSONATE:
            return _asked(
                "ImpersonateAccount", CLIENT_EMAIL, lambda _: self._impersonated(call), google_error
            )
        if call.path.startswith(_METADATA) or call.path == "/":
            path = call.path.removeprefix(_METADATA)
            return _asked("MetadataToken", path, lambda _: self._metadata(call, path), google_error)
        return None

    def _granted(self, call: Call, form: Mapping[str, str]) -> Reply:
        if form.get("grant_type") != _JWT_BEARER:
            message = f"Invalid grant_type: {form.get('grant_type', '')}"
            raise RefusedError(400, "unsupported_grant_type", message)
        claims = self._tokens.signed(form.get("assertion", ""))
        if claims is None:
            raise RefusedError(400, "invalid_grant", "Invalid JWT Signature.")
        if claims.get("aud") not in {_GOOGLE_AUDIENCE, f"{call.base}/token"}:
            raise RefusedError(400, "invalid_grant", "Invalid JWT: Failed audience check.")
        if not fresh(claims):
            message = "Invalid JWT: Token must be a short-lived token (60 minutes) and in a "
            raise RefusedError(
                400,
                "invalid_grant",
                message + "reasonable timeframe. Check your iat and exp values in the JWT claim.",
            )
        if not claims.get("scope"):
            message = "Invalid OAuth scope or ID token audience provided."
            raise RefusedError(400, "invalid_scope", message)
        return self._issued(str(claims["scope"]))

    def _exchanged(self, form: Mapping[str, str]) -> Reply:
        if form.get("grant_type") != _EXCHANGE or form.get("audience") != POOL:
            raise RefusedError(400, "invalid_request", 'Invalid value for "audience".')
        subject = form.get("subject_token", "").strip()
        if subject in {"", "expired"}:
            message = "The ID token is stale to sign-in: it expired, or was issued too long ago."
            raise RefusedError(400, "invalid_grant", message)
        reply = json.loads(self._issued(form.get("scope", _PLATFORM)).body)
        return json_reply({**reply, "issued_token_type": _ACCESS_TYPE})

    def _impersonated(self, call: Call) -> Reply:
        self._tokens.check(call.headers.get("authorization", ""), IMPERSONATION)
        wanted = json.loads(call.body or b"{}")
        ends = datetime.fromtimestamp(time.time() + self._tokens.lifetime_seconds, UTC)
        token = self._tokens.issue(" ".join(wanted.get("scope", [])))
        return json_reply({"accessToken": token, "expireTime": f"{ends:%Y-%m-%dT%H:%M:%SZ}"})

    def _metadata(self, call: Call, path: str) -> Reply:
        if call.headers.get("metadata-flavor") != "Google":
            return Reply(status=403, headers=_FLAVOR)
        account = path.startswith(("instance/service-accounts/",))
        if account and path.endswith("/token"):
            issued = self._issued(call.query.get("scopes", _PLATFORM))
            return Reply(body=issued.body, headers={**issued.headers, **_FLAVOR})
        if account:
            body = {"aliases": ["default"], "email": CLIENT_EMAIL, "scopes": [_PLATFORM]}
            return json_reply(body, headers=_FLAVOR)
        texts = {"/": "computeMetadata/", "project/project-id": PROJECT}
        texts["universe/universe-domain"] = "googleapis.com"
        headers = {"Content-Type": "application/text", **_FLAVOR}
        if path not in texts:
            return Reply(status=404, headers=headers)
        return Reply(body=texts[path].encode(), headers=headers)

    def _issued(self, scopes: str) -> Reply:
        return json_reply(
            {
                "access_token": self._tokens.issue(scopes),
                "expires_in": self._tokens.lifetime_seconds,
                "token_type": "Bearer",
                "scope": scopes,
            }
        )


def _asked(operation: str, key: str, work: Any, error: Error) -> Asked:
    def answer(rule: Rule | None) -> Reply:
        reply: Reply = work(rule)
        return reply

    return Asked(operation=operation, key=key, answer=guarded(answer, error), error=error)


def _form(body: bytes) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(body.decode("utf-8", "replace")).items()}
