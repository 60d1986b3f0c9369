"""
The command line's side of the unix socket.

Speaks HTTP/1.0 by itself: the answer then ends with the connection and needs no library, which
would cost the command line most of its start-up time.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import anyio
from anyio.abc import ByteStream
from anyio.streams.buffered import BufferedByteReceiveStream

from ogfd.control.protocol import EX_FAILED, EX_UNAVAILABLE, Emit, OperationError

_CONNECT_SECONDS: Final = 5.0
_SILENCE_SECONDS: Final = 60.0  # the daemon writes an empty line every 15 seconds
_LONGEST_LINE: Final = 256 << 20
_LONGEST_HEAD: Final = 64 << 10


async def call(
    socket_path: Path, name: str, params: Mapping[str, Any], on_event: Emit
) -> dict[str, Any]:
    """
    Have the daemon do an operation; cancelling the call cancels the operation.

    Args:
        socket_path: where the daemon listens.
        name: of the operation.
        params: its parameters, JSON-ready.
        on_event: takes events as they come.

    Raises:
        OperationError: the operation's own, or code 69 if the daemon cannot be reached or goes
            away before it answered.
    """
    async with await _connect(socket_path) as stream:
        try:
            await stream.send(_request(name, params))
            status, lines = await _answer(stream)
            if status != 200:
                raise OperationError(await _refusal(status, lines), EX_FAILED)
            return await _result(lines, on_event)
        except (anyio.EndOfStream, anyio.BrokenResourceError, anyio.IncompleteRead):
            raise OperationError(
                f"the daemon went away before it had answered to {name}",
                EX_UNAVAILABLE,
                hint="what it had committed stays; see its log",
            ) from None
        except TimeoutError:
            raise OperationError(
                f"the daemon at {socket_path} does not answer", EX_UNAVAILABLE
            ) from None


async def _connect(path: Path) -> ByteStream:
    try:
        with anyio.fail_after(_CONNECT_SECONDS):
            return await anyio.connect_unix(path)
    except (OSError, ValueError) as exc:
        # It is only asked when a process holds the state.
        hint = "another command may be at work, or a daemon be starting; try again"
        if isinstance(exc, PermissionError):
            hint = "only root and the socket's group may; add yourself to it: usermod -aG ogfd USER"
        reason = getattr(exc, "strerror", None) or str(exc) or "it does not answer"
        raise OperationError(
            f"cannot connect to the daemon at {path}: {reason}", EX_UNAVAILABLE, hint=hint
        ) from exc


def _request(name: str, params: Mapping[str, Any]) -> bytes:
    body = json.dumps(params).encode()
    head = (
        f"POST /operations/{quote(name, safe='')} HTTP/1.0\r\nHost: localhost\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


async def _answer(stream: ByteStream) -> tuple[int, BufferedByteReceiveStream]:
    lines = BufferedByteReceiveStream(stream)
    with anyio.fail_after(_SILENCE_SECONDS):
        try:
            head = await lines.receive_until(b"\r\n\r\n", _LONGEST_HEAD)
            return int(head.split(maxsplit=2)[1]), lines
        except (anyio.DelimiterNotFound, ValueError, IndexError):
            raise OperationError("what listens on the socket is no ogfd daemon") from None


async def _refusal(status: int, lines: BufferedByteReceiveStream) -> str:
    with anyio.fail_after(_SILENCE_SECONDS):
        body = await lines.receive_exactly(1)
        body += lines.buffer
    try:
        reason = json.loads(body)["error"]
    except (ValueError, KeyError, TypeError):
        reason = f"HTTP status {status}"
    return f"the daemon refused the request: {reason}"


async def _result(lines: BufferedByteReceiveStream, on_event: Emit) -> dict[str, Any]:
    while True:
        document = await _document(lines)
        if "event" in document:
            on_event(document["event"])
        elif "result" in document:
            result: dict[str, Any] = document["result"]
            return result
        elif "error" in document:
            error = document["error"]
            raise OperationError(str(error["message"]), int(error["exit_code"]))


async def _document(lines: BufferedByteReceiveStream) -> dict[str, Any]:
    line = b""
    while not line:
        with anyio.fail_after(_SILENCE_SECONDS):  # anew for each line: empty ones count
            line = (await lines.receive_until(b"\n", _LONGEST_LINE)).strip()
    document: dict[str, Any] = json.loads(line)
    return document
