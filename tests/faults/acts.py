"""What a server does instead of the healthy answer."""

from __future__ import annotations

import asyncio
import zlib
from dataclasses import replace

from faults.server import Act, Answer, Exchange

ELSEWHERE = "https://elsewhere.test"
INSIDE = "https://inside.test"
_STEP_SECONDS = 5.0


def status(code: int, **headers: str) -> Act:
    """Answer with a status; ``_`` in the name of a header stands for ``-``."""
    fields = {name.replace("_", "-"): value for name, value in headers.items()}

    async def act(exchange: Exchange) -> None:
        body = b"" if code in {204, 304} else b'{"error": "because the matrix says so"}'
        await exchange.answer(Answer(status=code, headers=fields, body=body))

    return act


def body(content: bytes, kind: str, **headers: str) -> Act:
    """Answer 200 with a body of another kind; the rest is as it should be."""

    async def act(exchange: Exchange) -> None:
        healthy = exchange.healthy.headers
        fields = {**healthy, "Content-Type": kind, "Content-Range": None, **headers}
        await exchange.answer(Answer(headers=fields, body=content))

    return act


async def silence(exchange: Exchange) -> None:
    """Answer nothing until the client goes away."""
    await _patience(exchange)
    await exchange.reader.read()


async def reset_at_once(exchange: Exchange) -> None:
    """Lose the connection before the answer."""
    exchange.reset()


async def close_at_once(exchange: Exchange) -> None:
    """Close before the status."""
    exchange.close()


async def close_in_headers(exchange: Exchange) -> None:
    """Close in the middle of the headers."""
    await exchange.send(exchange.healthy.head[:40])
    exchange.close()


async def close_in_body(exchange: Exchange) -> None:
    """Close in the middle of the body."""
    await exchange.send(exchange.healthy.head + _half(exchange))
    exchange.close()


async def reset_in_body(exchange: Exchange) -> None:
    """Lose the connection in the middle of the body."""
    await exchange.send(exchange.healthy.head + _half(exchange))
    await asyncio.sleep(0.01)  # a reset overtakes what was not read yet
    exchange.reset()


async def stall_in_body(exchange: Exchange) -> None:
    """Send half of the body and keep the connection open."""
    await exchange.send(exchange.healthy.head + _half(exchange))
    await _patience(exchange)
    await exchange.reader.read()


async def cut_chunked(exchange: Exchange) -> None:
    """Close a chunked body before its last chunk."""
    half = _half(exchange)
    headers = {**exchange.healthy.headers, "Content-Length": None, "Transfer-Encoding": "chunked"}
    await exchange.send(replace(exchange.healthy, headers=headers).head)
    await exchange.send(b"%x\r\n%s\r\n" % (len(half), half))
    exchange.close()


async def drip(exchange: Exchange) -> None:
    """Send a byte now and then, so that there always comes one."""
    await exchange.send(exchange.healthy.head)
    for byte in exchange.healthy.body:
        if exchange.reader.at_eof() or exchange.writer.is_closing():
            return
        await exchange.send(bytes([byte]))
        await _patience(exchange, _STEP_SECONDS)


async def length_too_short(exchange: Exchange) -> None:
    """Send the whole body and tell half of its length."""
    headers = {**exchange.healthy.headers, "Content-Length": str(len(_half(exchange)))}
    await exchange.answer(replace(exchange.healthy, headers=headers))
    exchange.close()


async def cut_to_length(exchange: Exchange) -> None:
    """Send half of the body with the length of that half: only the content can tell."""
    await exchange.answer(replace(exchange.healthy, body=_half(exchange)))


async def cut_gzip(exchange: Exchange) -> None:
    """Send half of a gzip stream with the length of that half."""
    await _gzipped(exchange, whole=False)


async def whole_gzip(exchange: Exchange) -> None:
    """Send gzip that was not asked for."""
    await _gzipped(exchange, whole=True)


async def without_length(exchange: Exchange) -> None:
    """Let the end of the connection be the end of the body."""
    await exchange.send(_endless(exchange).head + exchange.healthy.body)
    exchange.close()


async def cut_without_length(exchange: Exchange) -> None:
    """The same, and close too early."""
    await exchange.send(_endless(exchange).head + _half(exchange))
    exchange.close()


async def garbage(exchange: Exchange) -> None:
    """Answer in another protocol."""
    await exchange.send(b"220 mail.example ESMTP\r\n")
    exchange.close()


async def huge_header(exchange: Exchange) -> None:
    """Answer with a header of 64 KiB."""
    headers = {**exchange.healthy.headers, "X-Padding": "x" * (64 << 10)}
    await exchange.answer(replace(exchange.healthy, headers=headers))


async def expire(exchange: Exchange) -> None:
    """Take no token any more but a new one."""
    exchange.api.token += 1
    await exchange.answer(Answer(status=401))


async def replace_in_body(exchange: Exchange) -> None:
    """Put a new version in the object's place while it is sent, and cut the old one."""
    if exchange.healthy.status >= 300:
        await exchange.answer(exchange.healthy)
        return
    exchange.api.version += 1
    await close_in_body(exchange)


async def whole_for_range(exchange: Exchange) -> None:
    """Know no ranges: send the whole object, whatever was asked for."""
    headers = {"ETag": exchange.api.etag()}
    await exchange.answer(Answer(headers=headers, body=exchange.api.object()))


async def replaced_for_range(exchange: Exchange) -> None:
    """Send the whole of a new version, though the old one was asked for."""
    exchange.api.version += 1
    await whole_for_range(exchange)


async def other_range(exchange: Exchange) -> None:
    """Send other bytes than were asked for."""
    content = exchange.api.object()
    headers = {"ETag": exchange.api.etag(), "Content-Range": f"bytes 1-9/{len(content)}"}
    await exchange.answer(Answer(status=206, headers=headers, body=content[1:10]))


def _half(exchange: Exchange) -> bytes:
    return exchange.healthy.body[: len(exchange.healthy.body) // 2]


def _endless(exchange: Exchange) -> Answer:
    headers = {**exchange.healthy.headers, "Content-Length": None, "Connection": "close"}
    return replace(exchange.healthy, headers=headers)


async def _gzipped(exchange: Exchange, *, whole: bool) -> None:
    packer = zlib.compressobj(wbits=31)
    packed = packer.compress(exchange.healthy.body) + packer.flush()
    headers = {**exchange.healthy.headers, "Content-Encoding": "gzip"}
    content = packed if whole else packed[: len(packed) // 2]
    await exchange.answer(replace(exchange.healthy, headers=headers, body=content))


async def _patience(exchange: Exchange, seconds: float = 31.0) -> None:
    """Let time pass once the client has taken what was sent."""
    await asyncio.sleep(0.005)
    exchange.api.step(seconds)
