"""An object in a store, and all the ways in which its bytes fail to come."""

from typing import Any

import anyio


def answer(status: Any, body: Any = b"", *fields: Any) -> Any:
    """Every byte of an answer that ends as it should."""
    lines = [f"HTTP/1.1 {status} Reason".encode(), b"Content-Length: %d" % len(body), *fields]
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


def cut(count: Any) -> Any:
    """Breaks the body off after *count* bytes with an orderly end of the connection."""

    async def fault(writer: Any, head: Any, body: Any) -> Any:
        writer.write(head + body[:count])
        await writer.drain()
        writer.close()

    return fault


def reset(count: Any) -> Any:
    """Breaks the body off after *count* bytes with a reset, once these have been read."""

    async def fault(writer: Any, head: Any, body: Any) -> Any:
        writer.write(head + body[:count])
        await writer.drain()
        await anyio.sleep(0.02)
        writer.transport.abort()

    return fault


def drip(count: Any) -> Any:
    """Serves *count* bytes, and then one now and then for ever."""

    async def fault(writer: Any, head: Any, body: Any) -> Any:
        writer.write(head + body[:count])
        for at in range(count, len(body)):
            await writer.drain()
            await anyio.sleep(0.02)
            writer.write(body[at : at + 1])

    return fault


def stall(count: Any) -> Any:
    """Serves *count* bytes and nothing more, and keeps the connection."""

    async def fault(writer: Any, head: Any, body: Any) -> Any:
        writer.write(head + body[:count])
        await writer.drain()
        await anyio.sleep_forever()

    return fault


def chunked(head: Any, body: Any) -> Any:
    """The same answer without a length, and without the chunk that ends it."""
    start, *lines = head.split(b"\r\n")
    kept = [line for line in lines if not line.startswith(b"Content-Length")]
    told = b"\r\n".join([start, b"Transfer-Encoding: chunked", *kept])
    return told + b"%x\r\n%s\r\n" % (len(body), body)


def chunked_cut(count: Any) -> Any:
    """Breaks a chunked body off after *count* bytes, at the end of a chunk."""

    async def fault(writer: Any, head: Any, body: Any) -> Any:
        writer.write(chunked(head, body[:count]))
        await writer.drain()
        writer.close()

    return fault


class Store:
    """
    A server with one object, for `raw_server`.

    The n-th fault befalls the n-th answer: bytes are sent instead of it, a function sends it as
    it likes, a dictionary replaces fields of its head (None leaves one out), None lets it be.
    """

    def __init__(self, content: Any, *faults: Any, etag: Any = '"v1"') -> None:
        self.content = content
        self.faults = faults
        self.etag = etag
        self.starts: list[Any] = []
        self.asked: list[dict[str, str]] = []

    async def __call__(self, server: Any, writer: Any) -> Any:
        asked = fields(server.requests[-1])
        self.asked.append(asked)
        number = len(self.asked)
        fault = self.faults[number - 1] if number <= len(self.faults) else None
        start = (
            int(asked["range"].removeprefix("bytes=").removesuffix("-")) if "range" in asked else 0
        )
        self.starts.append(start if "range" in asked else None)
        if isinstance(fault, bytes):
            writer.write(fault)
        elif asked.get("if-match", self.etag) != self.etag:
            writer.write(answer(412))
        else:
            head, body = self.answered(start, "range" in asked, fault)
            if callable(fault):
                await fault(writer, head, body)
            else:
                writer.write(head + body)
        await writer.drain()

    def answered(self, start: Any, partial: Any, fault: Any) -> Any:
        body = self.content[start:]
        size = len(self.content)
        told = {"Content-Length": str(len(body)), "ETag": self.etag}
        if partial:
            told["Content-Range"] = f"bytes {start}-{size - 1}/{size}"
        status = 206 if partial else 200
        if isinstance(fault, dict):
            fault = dict(fault)
            status = fault.pop("status", status)
            body = fault.pop("body", body)
            told |= {"Content-Length": str(len(body))} | fault
        lines = [f"HTTP/1.1 {status} Reason"]
        lines += [f"{name}: {value}" for name, value in told.items() if value is not None]
        return "\r\n".join([*lines, "", ""]).encode(), body


def fields(request: Any) -> Any:
    lines = request.decode().split("\r\n")[1:]
    return {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
