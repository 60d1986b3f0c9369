"""
What answers on both ports: hands a request to its service, keeps the log, and spoils by rule.

On the port without TLS lies the control side too, below ``/_sandbox/``.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final
from urllib.parse import unquote

import anyio
from aiohttp import web

from ogfd_sandbox.azure.answers import Service, answered, call_of, unknown
from ogfd_sandbox.azure.arm import ArmService
from ogfd_sandbox.azure.blobs import BlobService
from ogfd_sandbox.azure.dashboard import DashboardService
from ogfd_sandbox.azure.directory import DirectoryService
from ogfd_sandbox.azure.login import LoginService
from ogfd_sandbox.azure.seeds import Login
from ogfd_sandbox.azure.tokens import Tokens
from ogfd_sandbox.azure.wire import Asked, Call, Reply, arm_error
from ogfd_sandbox.child import CONTROL
from ogfd_sandbox.faults import Rule, Rules
from ogfd_sandbox.journal import Journal

_SECRETS: Final = frozenset({"authorization", "ocp-apim-subscription-key", "x-identity-header"})
_PAGED: Final = frozenset({"pages", "repeat"})

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class AzureApp:
    """All services, what they are told, the rules in force and the log of requests."""

    def __init__(self) -> None:
        self._rules = Rules()
        self._journal = Journal(_SECRETS)
        self._begin()

    def _begin(self) -> None:
        self._tokens = Tokens()
        self._login = LoginService(self._tokens)
        self._arm = ArmService(self._tokens)
        self._dashboard = DashboardService(self._tokens)
        self._directory = DirectoryService(self._tokens)
        self._blobs = BlobService(self._tokens)
        self._secure: tuple[Service, ...] = (
            self._blobs,
            self._dashboard,
            self._directory,
            self._arm,
            self._login,
        )

    async def secure(self, request: web.Request) -> web.StreamResponse:
        """Answer a request of the port with TLS."""
        call = await call_of(request)
        found = (service.asked(call) for service in self._secure)
        return await self._answer(request, call, next(filter(None, found), None))

    async def plain(self, request: web.Request) -> web.StreamResponse:
        """Answer a request of the port without TLS."""
        call = await call_of(request)
        if call.target.startswith(CONTROL):
            return self._control(call)
        return await self._answer(request, call, self._login.asked_plainly(call))

    async def _answer(
        self, request: web.Request, call: Call, found: Asked | None
    ) -> web.StreamResponse:
        asked = found or unknown(call, "NotFound", arm_error)

        async def work(rule: Rule | None) -> Reply:
            if rule is not None and rule.action == "replace":
                await self._replace(rule)
            return asked.answer(rule if rule is not None and rule.action in _PAGED else None)

        return await answered(
            request, call, asked, rules=self._rules, journal=self._journal, work=work
        )

    async def _replace(self, rule: Rule) -> None:
        for bucket, key, path in rule.objects:
            content = await anyio.Path(path).read_bytes() if path else None
            self._blobs.change(bucket, key, content)

    def _control(self, call: Call) -> web.Response:
        name = call.target.removeprefix(CONTROL)
        if name.startswith("blobs/"):
            return self._control_blob(call, [unquote(part) for part in name.split("/")[1:]])
        orders: Mapping[tuple[str, str], Callable[[Any], Any]] = {
            ("GET", "requests"): lambda _: self._journal.entries(),
            ("DELETE", "requests"): lambda _: self._journal.clear(),
            ("PUT", "faults"): lambda rules: self._rules.replace(map(Rule.from_json, rules)),
            ("DELETE", "all"): lambda _: self._forget(),
            ("PUT", "login"): self._set_login,
            ("DELETE", "tokens"): lambda _: self._tokens.revoke(),
            ("PUT", "dashboard"): self._dashboard.tell,
            ("PUT", "directory"): self._directory.tell,
            **{("PUT", what): tell for what, tell in self._arm.orders.items()},
        }
        order = orders.get((call.method, name))
        if order is None:
            return web.json_response({"unknown": name}, status=404)
        return web.json_response(order(json.loads(call.body or b"null")))

    def _control_blob(self, call: Call, parts: list[str]) -> web.Response:
        bucket, key = "/".join(parts[:2]), "/".join(parts[2:])
        match call.method, len(parts) > 2:
            case "PUT", False:
                self._blobs.create(bucket)
                return web.json_response(None)
            case "PUT", True:
                return web.json_response({"etag": self._blobs.change(bucket, key, call.body)})
            case "DELETE", True:
                return web.json_response(self._blobs.change(bucket, key, None))
            case "GET", False:
                return web.json_response(self._blobs.names(bucket))
            case _:
                content = self._blobs.content(bucket, key)
                return web.Response(status=404 if content is None else 200, body=content)

    def _set_login(self, told: Mapping[str, Any]) -> None:
        clients = {name: tuple(secrets) for name, secrets in told["clients"].items()}
        self._login.known = Login(**{**told, "clients": clients})

    def _forget(self) -> None:
        self._rules.replace(())
        self._journal.clear()
        self._begin()
