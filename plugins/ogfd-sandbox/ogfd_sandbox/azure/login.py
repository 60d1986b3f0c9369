"""
The login authority, and the endpoints that give managed identities their tokens.

It knows one tenant, and checks all of an assertion but its signature. Errors are worded as the
authority words them: learn.microsoft.com/entra/identity-platform/reference-error-codes, 2026.
"""

from __future__ import annotations

import base64
import json
import time
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import parse_qs

from ogfd_sandbox.azure.seeds import Login
from ogfd_sandbox.azure.tokens import Tokens
from ogfd_sandbox.azure.wire import Asked, Call, RefusedError, Reply, guarded, json_reply
from ogfd_sandbox.faults import Rule

IDENTITY_PATH: Final = "/msi/token"
IDENTITY_HEADER: Final = "sandbox-identity"
_IMDS_PATH: Final = "/metadata/identity/oauth2/token"
_JWT_BEARER: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_FEDERATION: Final = "api://AzureADTokenExchange"

# what OAuth calls the cases that have a number; another is named after its status
_OAUTH: Final = {
    "50027": "invalid_request",
    "70011": "invalid_scope",
    "90002": "invalid_request",
    "90024": "temporarily_unavailable",
    "90033": "temporarily_unavailable",
    "90055": "temporarily_unavailable",
    "500011": "invalid_resource",
    "700016": "unauthorized_client",
    "700213": "invalid_request",
    "900144": "invalid_request",
}
_OAUTH_OF_STATUS: Final = {400: "invalid_request", 401: "invalid_client"}


class LoginService:
    """Answers as the authority of one tenant, and for its managed identity."""

    def __init__(self, tokens: Tokens) -> None:
        self._tokens = tokens
        self.known = Login()

    def asked(self, call: Call) -> Asked | None:
        """Recognise a request of the port with TLS."""
        tenant, _, rest = call.path[1:].partition("/")
        if rest == "oauth2/v2.0/token" and call.method == "POST":
            form = _form(call.body)
            parts = [tenant, form.get("client_id", "-"), form.get("scope", "-")]
            key = " ".join([*parts, *(["claims"] if "claims" in form else [])])
            return _asked("Token", key, lambda _: self._token(call, tenant, form))
        if rest == "v2.0/.well-known/openid-configuration":
            return _asked("Discovery", call.path, lambda _: self._configuration(call, tenant))
        if call.path == "/common/discovery/instance":
            return _asked("Discovery", call.path, lambda _: self._instance(call))
        return None

    def asked_plainly(self, call: Call) -> Asked | None:
        """Recognise a request of the port without TLS."""
        resource = call.query.get("resource", "")
        if call.path == _IMDS_PATH:
            trusted = call.headers.get("metadata") == "true"
            return _asked("IdentityToken", f"imds {resource}", lambda _: self._own(call, trusted))
        if call.path == IDENTITY_PATH:
            trusted = call.headers.get("x-identity-header") == IDENTITY_HEADER
            key = f"app_service {resource}"
            return _asked("IdentityToken", key, lambda _: self._own(call, trusted))
        return None

    def _token(self, call: Call, tenant: str, form: Mapping[str, str]) -> Reply:
        self._check_tenant(tenant)
        for name in ("client_id", "scope"):
            if not form.get(name):
                raise RefusedError(
                    400,
                    "900144",
                    f"The request body must contain the following parameter: '{name}'.",
                )
        if form.get("grant_type") != "client_credentials":
            message = "The app requested an unsupported grant type."
            raise RefusedError(400, "70003", message)
        client = form["client_id"]
        if client not in self.known.clients:
            message = f"Application with identifier '{client}' was not found in the directory"
            raise RefusedError(400, "700016", f"{message} '{tenant}'.")
        if "client_assertion" in form:
            self._check_assertion(call, tenant, form)
        elif form.get("client_secret") not in self.known.clients[client]:
            raise RefusedError(
                401,
                "7000215",
                "Invalid client secret provided. Ensure the secret being sent in the request is "
                "the client secret value, not the client secret ID, for a secret added to app "
                f"'{client}'.",
            )
        return self._issued(tenant, client, form["scope"])

    def _issued(self, tenant: str, client: str, scope: str) -> Reply:
        if not scope.endswith("/.default"):
            message = f"The provided value for scope {scope} is not valid. Client credential flows"
            raise RefusedError(
                400, "70011", f"{message} must have a scope value with /.default suffixed."
            )
        resource = scope.removesuffix("/.default")
        claims = {"tid": tenant, "appid": client, "oid": client, "idtyp": "app"}
        token = self._tokens.issue(resource, claims, self.known.lifetime_seconds)
        if token is None:
            message = f"The resource principal named {resource} was not found in the tenant"
            raise RefusedError(400, "500011", f"{message} named {tenant}.")
        answer = {
            "token_type": "Bearer",
            "expires_in": self.known.lifetime_seconds,
            "ext_expires_in": self.known.lifetime_seconds,
            "access_token": token,
        }
        if self.known.refresh_in_seconds is not None:
            answer["refresh_in"] = self.known.refresh_in_seconds
        return json_reply(answer, headers={"Cache-Control": "no-store, no-cache"})

    def _check_tenant(self, tenant: str) -> None:
        if tenant.lower() != self.known.tenant_id.lower():
            message = f"Tenant '{tenant}' not found. Check to make sure you have the correct tenant"
            raise RefusedError(
                400, "90002", f"{message} ID and are signing into the correct cloud."
            )

    def _check_assertion(self, call: Call, tenant: str, form: Mapping[str, str]) -> None:
        header, claims = _jwt(form["client_assertion"])
        if form.get("client_assertion_type") != _JWT_BEARER or claims is None:
            raise RefusedError(400, "50027", "JWT token is invalid or malformed.")
        if not isinstance(claims.get("exp"), int | float) or claims["exp"] <= time.time():
            message = "Client assertion is not within its valid time range."
            raise RefusedError(401, "700024", message)
        audience, subject = claims.get("aud"), claims.get("sub", "")
        if {"x5t", "x5t#S256"} & header.keys():
            urls = {f"{call.base}/{tenant}/oauth2/v2.0/token", f"{call.base}/{tenant}/v2.0"}
            if audience not in urls or subject != form["client_id"]:
                message = f"Client assertion audience claim '{audience}' does not match"
                raise RefusedError(401, "700023", f"{message} Realm issuer.")
        elif audience != _FEDERATION or self.known.subject not in {"", subject}:
            message = "No matching federated identity record found for presented assertion subject"
            raise RefusedError(400, "700213", f"{message} '{subject}'.")

    def _own(self, call: Call, trusted: bool) -> Reply:
        if not trusted:
            return json_reply({"error": "invalid_request", "error_description": "no header"}, 400)
        resource, life = call.query.get("resource", ""), self.known.lifetime_seconds
        client = call.query.get("client_id") or next(iter(self.known.clients), "")
        claims = {"tid": self.known.tenant_id, "appid": client, "oid": client}
        token = self._tokens.issue(resource, claims, life)
        if token is None:
            detail = f"AADSTS500011: The resource principal named {resource} was not found."
            return json_reply({"error": "invalid_resource", "error_description": detail}, 400)
        return json_reply(
            {
                "access_token": token,
                "client_id": client,
                "expires_in": str(life),
                "expires_on": str(int(time.time()) + life),
                "resource": resource,
                "token_type": "Bearer",
            }
        )

    def _configuration(self, call: Call, tenant: str) -> Reply:
        self._check_tenant(tenant)
        root = f"{call.base}/{tenant}"
        return json_reply(
            {
                "issuer": f"{root}/v2.0",
                "authorization_endpoint": f"{root}/oauth2/v2.0/authorize",
                "token_endpoint": f"{root}/oauth2/v2.0/token",
                "jwks_uri": f"{root}/discovery/v2.0/keys",
                "response_types_supported": ["code"],
                "subject_types_supported": ["pairwise"],
                "id_token_signing_alg_values_supported": ["RS256"],
            }
        )

    def _instance(self, call: Call) -> Reply:
        host = call.base.partition("://")[2]
        return json_reply(
            {
                "tenant_discovery_endpoint": f"{call.base}/{self.known.tenant_id}/v2.0/.well-known"
                "/openid-configuration",
                "api-version": "1.1",
                "metadata": [
                    {"preferred_network": host, "preferred_cache": host, "aliases": [host]}
                ],
            }
        )


def login_error(status: int, code: str, message: str) -> Reply:
    """Return an error as the authority words it; *code* is a number, with ``AADSTS`` or not."""
    number = code.removeprefix("AADSTS")
    other = "server_error" if status >= 500 else "temporarily_unavailable"
    now = datetime.fromtimestamp(time.time(), UTC)
    trace, correlation = uuid.uuid4(), uuid.uuid4()
    stamp = f"{now:%Y-%m-%d %H:%M:%SZ}"
    return json_reply(
        {
            "error": _OAUTH.get(number, _OAUTH_OF_STATUS.get(status, other)),
            "error_description": f"AADSTS{number}: {message} Trace ID: {trace} "
            f"Correlation ID: {correlation} Timestamp: {stamp}",
            "error_codes": [int(number)] if number.isdigit() else [],
            "timestamp": stamp,
            "trace_id": str(trace),
            "correlation_id": str(correlation),
            "error_uri": f"https://login.microsoftonline.com/error?code={number}",
        },
        status,
    )


def _asked(operation: str, key: str, work: Any) -> Asked:
    def answer(rule: Rule | None) -> Reply:
        reply: Reply = work(rule)
        return reply

    return Asked(
        operation=operation, key=key, answer=guarded(answer, login_error), error=login_error
    )


def _form(body: bytes) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(body.decode("utf-8", "replace")).items()}


def _jwt(text: str) -> tuple[dict[str, Any], dict[str, Any] | None]:
    """Return the header and the claims of a token; no claims if it is none."""
    try:
        parts = [json.loads(base64.urlsafe_b64decode(part + "==")) for part in text.split(".")[:2]]
    except ValueError:
        return {}, None
    if text.count(".") != 2 or not all(isinstance(part, dict) for part in parts):
        return {}, None
    return parts[0], parts[1]
