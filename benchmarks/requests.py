"""
What ``ctx.request`` costs over bare aiohttp, against a local server that keeps connections.

    python -m benchmarks.requests [--rounds N] [--requests N]

The server is a process of its own that answers every request alike, so nothing but the clients
differs. They take turns, round after round; figures are medians of the rounds, ratios medians of
the ratios within a round.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import logging
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import aiohttp
import anyio

from benchmarks.measure import python
from ogfd.plugin import Limit
from ogfd.traffic import Lanes, Spool, Traffic, TrafficSettings

AT_ONCE: Final = (1, 16)
PLENTY: Final = Limit(rate=1e6, burst=1e6)
BODY: Final = json.dumps({"items": list(range(200))}).encode()
HEAD: Final = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"

Ask = Callable[[], Awaitable[object]]


class Answers(asyncio.Protocol):
    """Answers each request head on a connection with the same page."""

    _answer = HEAD % len(BODY) + BODY

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._head = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the way to answer."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Answer what is complete."""
        *heads, self._head = (self._head + data).split(b"\r\n\r\n")
        if heads and self._transport is not None:
            self._transport.write(self._answer * len(heads))


async def serve() -> None:
    """Print the address, then answer until standard input ends."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Answers, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    print(f"http://{host}:{port}/", flush=True)
    await loop.run_in_executor(None, sys.stdin.buffer.read)


@contextmanager
def served() -> Iterator[str]:
    """Run the server; give its address."""
    command = python("benchmarks.requests", "--serve")
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout
        yield process.stdout.readline().strip()
    finally:
        assert process.stdin
        process.stdin.close()
        process.wait(timeout=30)


@asynccontextmanager
async def bare(url: str) -> AsyncGenerator[Ask]:
    """Give what asks with aiohttp alone and reads the whole answer."""
    async with aiohttp.ClientSession() as session:

        async def ask() -> bytes:
            async with session.get(url) as answer:
                return await answer.read()

        yield ask


@asynccontextmanager
async def ours(url: str) -> AsyncGenerator[Ask]:
    """Give what asks as a connector does."""
    settings = TrafficSettings(
        connector="bench",
        provider="bench",
        principal="1",
        limits={"": PLENTY},
        allowed_origins=[url],
    )
    with tempfile.TemporaryDirectory() as folder:
        async with Traffic(
            settings,
            lanes=Lanes(),
            spool=Spool(Path(folder), 1 << 20),
            log=logging.LoggerAdapter(logging.getLogger(__name__), {}),
            now=lambda: datetime.now(UTC),
        ) as traffic:
            yield lambda: traffic.request("GET", url, operation="api:Get")


async def per_second(ask: Ask, requests: int, at_once: int) -> float:
    """Return how many requests a second *at_once* workers get answered."""
    left = requests

    async def worker() -> None:
        nonlocal left
        while left > 0:
            left -= 1
            await ask()

    gc.collect()
    began = time.perf_counter()
    async with anyio.create_task_group() as group:
        for _ in range(at_once):
            group.start_soon(worker)
    return requests / (time.perf_counter() - began)


async def measured(url: str, rounds: int, requests: int) -> dict[int, list[tuple[float, float]]]:
    """Return requests a second of bare aiohttp and of ours, by how many are asked at once."""
    found: dict[int, list[tuple[float, float]]] = {at_once: [] for at_once in AT_ONCE}
    async with bare(url) as theirs, ours(url) as own:
        for ask in (theirs, own):
            await per_second(ask, requests // 10, max(AT_ONCE))
        for _ in range(rounds):
            for at_once, pairs in found.items():
                first = await per_second(theirs, requests, at_once)
                pairs.append((first, await per_second(own, requests, at_once)))
    return found


def options() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.requests", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--rounds", type=int, default=7, help="rounds (default 7)")
    parser.add_argument("--requests", type=int, default=1000, help="in each (default 1000)")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    return parser.parse_args()


def main() -> None:
    """Run the benchmark, or its server."""
    chosen = options()
    if chosen.serve:
        asyncio.run(serve())
        return
    with served() as url:
        found = asyncio.run(measured(url, chosen.rounds, chosen.requests))
    title = f"GET of {len(BODY)} bytes"
    print(f"{title:42} {'aiohttp':>12} {'ctx.request':>12} {'ratio':>8} {'us more':>8}")
    for at_once, pairs in found.items():
        theirs, own = (statistics.median(each) for each in zip(*pairs, strict=True))
        ratio = statistics.median(own / theirs for theirs, own in pairs)
        more = statistics.median(1e6 / own - 1e6 / theirs for theirs, own in pairs)
        title = f"requests/s, {at_once} at once"
        print(f"{title:42} {theirs:12,.0f} {own:12,.0f} {ratio:8.2f} {more:8.0f}")


if __name__ == "__main__":
    main()
