"""The unix socket's ``POST /operations/{name}``; see `ogfd.control.protocol`."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Final

import anyio
from aiohttp import web
from anyio.abc import TaskGroup
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream

from ogfd.control.app import json_answer
from ogfd.control.protocol import EX_FAILED, EX_UNAVAILABLE, Emit, Operations
from ogfd.plugin import OgfdError

_EVENTS: Final = 4096  # events that wait for a slow reader; further ones are dropped
_KEEPALIVE_SECONDS: Final = 15.0

log: Final = logging.getLogger(__name__)

Line = dict[str, Any]


class Operate:
    """
    Runs operations for clients of the socket.

    Args:
        operations: does them.
        tasks: where they run. Not in the handler's task: a client that goes away cancels that
            one by asyncio's means, which shields around a commit would not hold off.
    """

    def __init__(self, operations: Operations, tasks: TaskGroup) -> None:
        self._operations = operations
        self._tasks = tasks

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer with the lines of the protocol."""
        params = await _params(request)
        if params is None:
            return json_answer({"error": "the body must be a JSON object"}, status=400)
        response = web.StreamResponse(headers={"Content-Type": "application/x-ndjson"})
        await response.prepare(request)
        scope = anyio.CancelScope()
        inbox, lines = anyio.create_memory_object_stream[Line](_EVENTS)
        answer: list[Line] = []
        self._tasks.start_soon(self._run, request.match_info["name"], params, scope, inbox, answer)
        try:
            with lines, suppress(ConnectionError):
                await _forward(lines, response)
                last = answer[0] if answer else _error("the daemon is stopping", EX_UNAVAILABLE)
                await response.write(_line(last))
        finally:
            scope.cancel()
        return response

    async def _run(
        self,
        name: str,
        params: Mapping[str, Any],
        scope: anyio.CancelScope,
        inbox: MemoryObjectSendStream[Line],
        answer: list[Line],
    ) -> None:
        with inbox, scope:
            try:
                result = await self._operations.call(name, params, _emitter(inbox))
                answer.append({"result": result})
            except OgfdError as exc:
                answer.append(_error(str(exc), _code(exc)))
            except Exception:  # the border of HTTP: a bug in one operation stops no other
                log.exception("an operation failed", extra={"operation": name})
                answer.append(_error(f"{name} failed by a bug; see the daemon's log", EX_FAILED))


def _emitter(inbox: MemoryObjectSendStream[Line]) -> Emit:
    def emit(event: dict[str, Any]) -> None:
        with suppress(anyio.WouldBlock, anyio.BrokenResourceError, anyio.ClosedResourceError):
            inbox.send_nowait({"event": event})

    return emit


async def _forward(lines: MemoryObjectReceiveStream[Line], response: web.StreamResponse) -> None:
    """Write events until the operation is through."""
    while True:
        try:
            with anyio.fail_after(_KEEPALIVE_SECONDS):
                line = await lines.receive()
        except TimeoutError:
            await response.write(b"\n")
        except anyio.EndOfStream:
            return
        else:
            await response.write(_line(line))


async def _params(request: web.Request) -> Mapping[str, Any] | None:
    try:
        params = json.loads(await request.read() or b"{}")
    except (ValueError, RecursionError):
        return None
    return params if isinstance(params, dict) else None


def _code(exc: OgfdError) -> int:
    """Return the exit code; the code of a provider's error is a text, and none of ours."""
    code = getattr(exc, "code", None)
    return code if isinstance(code, int) else EX_FAILED


def _error(message: str, code: int) -> Line:
    return {"error": {"message": message, "exit_code": code}}


def _line(document: Line) -> bytes:
    return json.dumps(document, default=str).encode() + b"\n"
