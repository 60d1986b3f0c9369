"""
What answers: hands a request to its service, keeps the log, and spoils by rule.

The control side lies below ``/_sandbox/``. Services work in threads, so that a long query holds
nobody up.
"""

from __future__ import annotations

import json
import socket
import struct
import time
from collections.abc import Callable, Mapping
from typing import Any, Final, Protocol

import anyio.to_thread
from aiohttp import web

from ogfd_sandbox.azure.wire import Asked, Call, Reply
from ogfd_sandbox.bigquery.catalog import CatalogService
from ogfd_sandbox.bigquery.errors import google_error
from ogfd_sandbox.bigquery.identity import IdentityService
from ogfd_sandbox.bigquery.jobs import JobService
from ogfd_sandbox.bigquery.tables import PROJECT, Table
from ogfd_sandbox.bigquery.tokens import LIFETIME_SECONDS, Tokens
from ogfd_sandbox.bigquery.warehouse import Warehouse
from ogfd_sandbox.faults import Rule, Rules

CONTROL: Final = "/_sandbox/"
_ABORT: Final = struct.pack("ii", 1, 0)  # SO_LINGER on, 0 s: closing sends RST
_PORTAL: Final = b"<!doctype html><html><body><h1>Welcome to our Wi-Fi</h1></body></html>"
_SECRETS: Final = frozenset({"authorization"})
_FOR_SERVICE: Final = frozenset({"pages", "repeat", "fail", "run"})


class _Service(Protocol):
    def asked(self, call: Call) -> Asked | None: ...


class BigQueryApp:
    """All services, what they are told, the rules in force and the log of requests."""

    def __init__(self) -> None:
        self._rules = Rules()
        self._log: list[dict[str, Any]] = []
        self._tokens = Tokens()
        self._identity = IdentityService(self._tokens)
        self._begin()

    def _begin(self) -> None:
        self._warehouse = Warehouse()
        self._tokens.live_for(LIFETIME_SECONDS)
        self._jobs = JobService(self._tokens, self._warehouse)
        self._services: tuple[_Service, ...] = (
            self._jobs,
            CatalogService(self._tokens, self._warehouse),
            self._identity,
        )

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer a request."""
        call = await _call(request)
        if call.path.startswith(CONTROL):
            return await self._control(call)
        found = (service.asked(call) for service in self._services)
        asked = next(filter(None, found), None) or _unknown(call)
        kept = {name: value for name, value in call.headers.items() if name not in _SECRETS}
        entry = {"operation": asked.operation, "key": asked.key, "status": 0, "headers": kept}
        entry["at"] = time.time()
        self._log.append(entry)
        rule = self._rules.hit(asked.operation, asked.key)
        if rule is not None and rule.action == "reset":
            return _reset(request)
        reply = await _reply(rule, asked)
        if rule is not None and rule.action == "lost":
            return _reset(request)
        entry["status"] = reply.status
        if rule is not None and rule.action in {"truncate", "stall"}:
            return await _cut(request, reply, rule)
        return web.Response(status=reply.status, body=reply.body, headers=reply.headers)

    async def _control(self, call: Call) -> web.Response:
        name = call.path.removeprefix(CONTROL)
        orders: Mapping[tuple[str, str], Callable[[Any], Any]] = {
            ("GET", "requests"): lambda _: self._log,
            ("DELETE", "requests"): lambda _: self._log.clear(),
            ("GET", "jobs"): lambda _: self._jobs.described(),
            ("PUT", "faults"): lambda rules: self._rules.replace(map(Rule.from_json, rules)),
            ("DELETE", "all"): lambda _: self._forget(),
            ("PUT", "tables"): self._set_table,
            ("DELETE", "tables"): lambda told: self._warehouse.drop(Table.from_json(told)),
            ("PUT", "datasets"): self._create_dataset,
            ("POST", "partitions"): self._partitions,
            ("PUT", "denied"): self._warehouse.deny,
            ("PUT", "lifetime"): self._tokens.live_for,
            ("DELETE", "tokens"): lambda _: self._tokens.revoke(),
        }
        order = orders.get((call.method, name))
        if name.startswith("credentials/"):
            kind = name.removeprefix("credentials/")
            return web.json_response(self._identity.credentials(kind, call.base))
        if order is None:
            return web.json_response({"unknown": name}, status=404)
        try:
            done = await anyio.to_thread.run_sync(order, json.loads(call.body or b"null"))
        except Exception as exc:  # noqa: BLE001 - whatever it is, the test must read of it
            return web.json_response({type(exc).__name__: str(exc)}, status=400)
        return web.json_response(done)

    def _set_table(self, told: Mapping[str, Any]) -> None:
        table = Table.from_json(told["table"])
        self._warehouse.put(table, told["paths"], told["modified"])

    def _create_dataset(self, told: Mapping[str, Any]) -> None:
        project = told["project"] or PROJECT
        self._warehouse.create_dataset(project, told["dataset"], told["location"])

    def _partitions(self, told: Mapping[str, Any]) -> dict[str, int]:
        table = Table.from_json(told)
        stored = self._warehouse.find(table.project, table.dataset, table.name)
        return {} if stored is None else {one.id: one.rows for one in stored.partitions}

    def _forget(self) -> None:
        self._rules.replace(())
        self._log.clear()
        self._begin()


async def _reply(rule: Rule | None, asked: Asked) -> Reply:
    match rule:
        case Rule(action="status"):
            return _error(rule, asked)
        case Rule(action="html"):
            return Reply(body=_PORTAL, headers={"Content-Type": "text/html"})
        case Rule(action="hang"):
            await anyio.sleep(rule.seconds)
        case _:
            pass
    told = rule if rule is not None and rule.action in _FOR_SERVICE else None
    reply = await anyio.to_thread.run_sync(asked.answer, told)
    return _error(rule, asked) if rule is not None and rule.action == "unsure" else reply


async def _call(request: web.Request) -> Call:
    return Call(
        method=request.method,
        path=request.path,
        target=request.raw_path,
        query={name: request.query[name] for name in request.query},
        headers={name.lower(): value for name, value in request.headers.items()},
        body=await request.read(),
        base=f"{request.scheme}://{request.host}",
    )


def _unknown(call: Call) -> Asked:
    message = f"No service of the stand-in answers {call.method} {call.path}."

    def answer(_rule: Rule | None) -> Reply:
        return google_error(404, "notFound", message)

    return Asked(operation=call.method, key=call.path, answer=answer, error=google_error)


def _error(rule: Rule, asked: Asked) -> Reply:
    headers = dict(rule.headers)
    if rule.retry_after is not None:
        headers["Retry-After"] = rule.retry_after
    if rule.body is None:
        reply = asked.error(rule.status, rule.code, rule.message)
    else:
        kind = {"Content-Type": "application/json; charset=UTF-8"}
        reply = Reply(status=rule.status, body=rule.body.encode(), headers=kind)
    return Reply(status=rule.status, body=reply.body, headers={**reply.headers, **headers})


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
