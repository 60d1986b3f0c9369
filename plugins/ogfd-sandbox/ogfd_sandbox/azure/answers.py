"""How an answer leaves a stand-in over HTTP: whole, as a rule spoils it, or not at all."""

from __future__ import annotations

import socket
import struct
from collections.abc import Awaitable, Callable
from typing import Final, Protocol
from urllib.parse import unquote

import anyio
from aiohttp import web

from ogfd_sandbox.azure.wire import Asked, Call, Error, Reply
from ogfd_sandbox.faults import Rule, Rules
from ogfd_sandbox.journal import Journal

_ABORT: Final = struct.pack("ii", 1, 0)  # SO_LINGER on, 0 s: closing sends RST
_PORTAL: Final = b"<!doctype html><html><body><h1>Welcome to our Wi-Fi</h1></body></html>"


class Service(Protocol):
    """One of those that a stand-in consists of."""

    def asked(self, call: Call) -> Asked | None:
        """Recognise a request; None if it is not for this service."""


async def call_of(request: web.Request) -> Call:
    """Return a request with its body read."""
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


def unknown(call: Call, code: str, error: Error) -> Asked:
    """Return a request that no service knows: not found, by the *code* and the form of *error*."""
    message = f"No service of the stand-in answers {call.method} {call.path}."
    return Asked(
        operation=call.method,
        key=call.path,
        answer=lambda _rule: error(404, code, message),
        error=error,
    )


async def answered(
    request: web.Request,
    call: Call,
    asked: Asked,
    *,
    rules: Rules,
    journal: Journal,
    work: Callable[[Rule | None], Awaitable[Reply]],
) -> web.StreamResponse:
    """
    Answer a request, and keep it in the journal.

    Args:
        request: as it came.
        call: the same, its body read.
        asked: what it is.
        rules: in force.
        journal: of the stand-in.
        work: does what is asked under a rule that it knows, or None.
    """
    entry = journal.begin(asked.operation, asked.key, call.headers)
    rule = rules.hit(asked.operation, asked.key)
    if rule is not None and rule.action == "reset":
        return _reset(request)
    reply = await _replaced(rule, asked) or await work(rule)
    if rule is not None and rule.action == "lost":
        return _reset(request)
    if rule is not None and rule.action == "unsure":
        reply = _error(rule, asked)
    entry.status, entry.sent = reply.status, len(reply.body)
    if rule is not None and rule.action in {"truncate", "stall"}:
        keep = len(reply.body) // 2 if rule.keep_bytes is None else rule.keep_bytes
        if rule.action == "truncate":
            entry.sent = min(keep, entry.sent)
        return await _cut(request, reply, rule, keep)
    return web.Response(status=reply.status, body=reply.body, headers=reply.headers)


async def _replaced(rule: Rule | None, asked: Asked) -> Reply | None:
    """Return what *rule* has answered in place of the service, at once or after a while."""
    match rule:
        case Rule(action="status"):
            return _error(rule, asked)
        case Rule(action="html"):
            return Reply(body=_PORTAL, headers={"Content-Type": "text/html"})
        case Rule(action="hang"):
            await anyio.sleep(rule.seconds)
        case _:
            pass
    return None


def _error(rule: Rule, asked: Asked) -> Reply:
    headers = dict(rule.headers)
    if rule.retry_after is not None:
        headers["Retry-After"] = rule.retry_after
    if rule.body is None:
        reply = asked.error(rule.status, rule.code, rule.message)
    else:
        kind = {"Content-Type": "application/json; charset=utf-8"}
        reply = Reply(status=rule.status, body=rule.body.encode(), headers=kind)
    return Reply(status=rule.status, body=reply.body, headers={**reply.headers, **headers})


def _reset(request: web.Request) -> web.StreamResponse:
    if request.transport is not None:
        wire: socket.socket = request.transport.get_extra_info("socket")
        wire.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _ABORT)
        request.transport.abort()
    return web.Response(status=500)  # nobody hears it


async def _cut(request: web.Request, reply: Reply, rule: Rule, keep: int) -> web.StreamResponse:
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
