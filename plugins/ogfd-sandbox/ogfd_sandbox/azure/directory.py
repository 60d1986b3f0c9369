"""
Microsoft Graph, as far as an app asks for its own registration: until when its secrets are good.

Without the permission for it, as most apps are, the answer is 403. As
learn.microsoft.com/graph/api/application-get and resources/passwordcredential have it, 2026.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping
from typing import Any, Final

from ogfd_sandbox.azure.seeds import TENANT_ID
from ogfd_sandbox.azure.tokens import GRAPH, Tokens
from ogfd_sandbox.azure.wire import Asked, Call, RefusedError, Reply, arm_error, guarded, json_reply
from ogfd_sandbox.faults import Rule

_PATH: Final = re.compile(r"/v1\.0/applications\(appId='([^']+)'\)")
_HINT: Final = 3  # so many letters of a secret Graph shows
_SELECT: Final = frozenset({"id", "appId", "displayName", "passwordCredentials", "keyCredentials"})


class DirectoryService:
    """The registrations of the apps that may read them."""

    def __init__(self, tokens: Tokens) -> None:
        self._tokens = tokens
        self._apps: Mapping[str, Mapping[str, Any]] | None = None

    def tell(self, told: Mapping[str, Any] | None) -> None:
        """Answer with *told* from now on; None refuses everybody."""
        self._apps = told

    def asked(self, call: Call) -> Asked | None:
        """Recognise a request."""
        found = _PATH.fullmatch(call.path)
        if found is None or call.method != "GET":
            return None
        client = found[1].lower()

        def answer(_rule: Rule | None) -> Reply:
            return self._answer(call, client)

        return Asked(
            operation="GetApplication",
            key=client,
            answer=guarded(answer, arm_error),
            error=arm_error,
        )

    def _answer(self, call: Call, client: str) -> Reply:
        authorization = call.headers.get("authorization", "")
        self._tokens.check(authorization, GRAPH, f"{call.base}/{TENANT_ID}")
        if self._apps is None:
            message = "Insufficient privileges to complete the operation."
            raise RefusedError(403, "Authorization_RequestDenied", message)
        if client not in self._apps:
            message = f"Resource '{client}' does not exist or one of its queried reference-property"
            raise RefusedError(404, "Request_ResourceNotFound", f"{message} objects are missing.")
        wanted = set(call.query.get("$select", "").split(",")) - {""}
        if not wanted <= _SELECT:
            message = f"Could not find a property named '{min(wanted - _SELECT)}'."
            raise RefusedError(400, "BadRequest", message)
        app = self._apps[client]
        body = {
            "id": str(uuid.uuid5(uuid.NAMESPACE_OID, client)),
            "appId": client,
            "displayName": "ogfd",
            "passwordCredentials": [
                _credential(number, until) | {"hint": secret[:_HINT], "secretText": None}
                for number, (secret, until) in enumerate(app["secrets"])
            ],
            "keyCredentials": [
                _credential(number, until) | {"type": "AsymmetricX509Cert", "usage": "Verify"}
                for number, until in enumerate(app["certificates"])
            ],
        }
        return json_reply({name: body[name] for name in body if not wanted or name in wanted})


def _credential(number: int, until: str) -> dict[str, Any]:
    return {
        "keyId": str(uuid.uuid5(uuid.NAMESPACE_OID, f"{number} {until}")),
        "displayName": "ogfd",
        "customKeyIdentifier": None,
        "startDateTime": "2024-01-01T00:00:00Z",
        "endDateTime": until,
    }
