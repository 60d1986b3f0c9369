"""
What answers on both ports: hands a request to its service, keeps the log, and spoils by rule.

On the port without TLS lies the control side too, below ``/_sandbox/``.
"""

from __future__ import annotations

import json
import socket
import struct
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, Protocol
from urllib.parse import unquote

import anyio
from aiohttp import web

from ogfd_sandbox.azure.arm import ArmService
from ogfd_sandbox.azure.blobs import BlobService
from ogfd_sandbox.azure.dashboard import DashboardService
from ogfd_sandbox.azure.directory import DirectoryService
from ogfd_sandbox.azure.login import LoginService
from ogfd_sandbox.azure.seeds import Login
from ogfd_sandbox.azure.tokens import Tokens
from ogfd_sandbox.azure.wire import Asked, Call, Reply, arm_error
from ogfd_sandbox.faults import Rule, Rules

CONTROL: Final = "/_sandbox/"
_ABORT: Final = struct.pack("ii", 1, 0)  # SO_LINGER on, 0 s: closing sends RST
_PORTAL: Final = b"<!doctype html><html><body><h1>Welcome to our Wi-Fi</h1></body></html>"
_SECRETS: Final = frozenset({"authorization", "ocp-apim-subscription-key", "x-identity-header"})
_PAGED: Final = frozenset({"pages", "repeat"})

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class _Service(Protocol):
    def asked(self, call: Call) -> Asked | None: ...


class AzureApp:
    """All services, what they are told, the rules in force and the log of requests."""

    def __init__(self) -> None:
        self._rules = Rules()
        self._log: list[dict[str, Any]] = []
        self._begin()

    def _begin(self) -> None:
        self._tokens = Tokens()
        self._login = LoginService(self._tokens)
        self._arm = ArmService(self._tokens)
        self._dashboard = DashboardService(self._tokens)
        self._directory = DirectoryService(self._tokens)
        self._blobs = BlobService(self._tokens)
        self._secure: tuple[_Service, ...] = (
            self._blobs,
            self._dashboard,
            self._directory,
            self._arm,
            self._login,
        )

    async def secure(self, request: web.Request) -> web.StreamResponse:
        """Answer a request of the port with TLS."""
        call = await _call(request)
        found = (service.asked(call) for service in self._secure)
        return await self._answer(request, call, next(filter(None, found), None))

    async def plain(self, request: web.Request) -> web.StreamResponse:
        """Answer a request of the port without TLS."""
        call = await _call(request)
        if call.target.startswith(CONTROL):
            return self._control(call)
        return await self._answer(request, call, self._login.asked_plainly(call))

    async def _answer(
        self, request: web.Request, call: Call, asked: Asked | None
    ) -> web.StreamResponse:
        asked = asked or _unknown(call)
        kept = {name: value for name, value in call.headers.items() if name not in _SECRETS}
        entry = {"operation": asked.operation, "key": asked.key, "status": 0, "headers": kept}
        entry["at"] = time.time()
        self._log.append(entry)
        rule = self._rules.hit(asked.operation, asked.key)
        if rule is not None and rule.action == "reset":
            return _reset(request)
        reply = await self._reply(rule, asked)
        entry["status"] = reply.status
        if rule is not None and rule.action in {"truncate", "stall"}:
            return await _cut(request, reply, rule)
        return _sent(reply)

    async def _reply(self, rule: Rule | None, asked: Asked) -> Reply:
        match rule:
            case Rule(action="status"):
                return _error(rule, asked)
            case Rule(action="html"):
                return Reply(body=_PORTAL, headers={"Content-Type": "text/html"})
            case Rule(action="hang"):
                await anyio.sleep(rule.seconds)
            case Rule(action="replace"):
                for bucket, key, path in rule.objects:
                    content = await anyio.Path(path).read_bytes() if path else None
                    self._blobs.change(bucket, key, content)
            case _:
                pass
        return asked.answer(rule if rule is not None and rule.action in _PAGED else None)

    def _control(self, call: Call) -> web.Response:
        name = call.target.removeprefix(CONTROL)
        if name.startswith("blobs/"):
            return self._control_blob(call, [unquote(part) for part in name.split("/")[1:]])
        orders: Mapping[tuple[str, str], Callable[[Any], Any]] = {
            ("GET", "requests"): lambda _: self._log,
            ("DELETE", "requests"): lambda _: self._log.clear(),
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
        self._log.clear()
        self._begin()


async def _call(request: web.Request) -> Call:
    target = request.raw_path
    return Call(
        method=request.method,
        path=unquote(target.partition("?")[0]),
        target=target,
        query={name: request.query[name] for name in request.query},
        headers={name.lower(): value for name, value in request.headers.items()},
        body=await request.read(),
        base=f"{request.scheme}://{request.host}",
    )


def _unknown(call: Call) -> Asked:
    message = f"No service of the stand-in answers {call.method} {call.path}."

    def answer(_rule: Rule | None) -> Reply:
        return arm_error(404, "NotFound", message)

    return Asked(operation=call.method, key=call.path, answer=answer, error=arm_error)


def _error(rule: Rule, asked: Asked) -> Reply:
    headers = dict(rule.headers)
    if rule.retry_after is not None:
        headers["Retry-After"] = rule.retry_after
    if rule.body is None:
        reply = asked.error(rule.status, rule.code, "A rule of the sandbox.")
    else:
        kind = {"Content-Type": "application/json; charset=utf-8"}
        reply = Reply(status=rule.status, body=rule.body.encode(), headers=kind)
    return Reply(status=rule.status, body=reply.body, headers={**reply.headers, **headers})


def _sent(reply: Reply) -> web.Response:
    return web.Response(status=reply.status, body=reply.body, headers=reply.headers)


def _reset(request: web.Request) -> web.StreamResponse:
    if request.transport is not None:
        wire: socket.socket = request.transport.get_extra_info("socket")
        wire.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _ABORT)
        request.transport.abort()
    return web.Response(status=500)  # nobody hears it


async def _cut(request: web.Request, reply: Reply, rule: Rule) -> web.StreamResponse:
    keep = len(reply.body) // 2 if rule.keep_bytes is None else rule.keep_bytes
    response = web.StreamResponse(status=reply.status, headers=reply.headers)
    if not rule.hide_length:
        response.content_length = len(reply.body)
    await response.prepare(request)
    await response.write(reply.body[:keep])
    if rule.action == "stall":
        await anyio.sleep(rule.seconds)
        await response.write(reply.body[keep:])
    elif request.transport is not None and not rule.hide_length:
        request.transport.close()
    return response
