"""
A billing API on raw sockets that goes wrong on demand.

    GET /partitions -> the month, its version and the first page    endpoint "discover"
    GET /rows?page=1                                                endpoint "discover"
    GET /rows?page=2, 3 -> rows, the next link, at last the object  endpoint "page"
    GET /object -> 100 kB of CSV with ETag, Range and If-Match      endpoint "download"

Each endpoint has a port of its own, so that what goes wrong before a request hits one alone.
"""

from __future__ import annotations

import asyncio
import contextlib
import email.utils
import json
import re
import socket
import ssl
import struct
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Self
from urllib.parse import parse_qs, urlsplit

OPERATIONS = ("discover", "page", "download")
PAGES = 3
PAGE_ROWS = 5
OBJECT_ROWS = 100
DATE = datetime(2026, 10, 5, 12, tzinfo=UTC)  # what every answer says in its Date header


def rows(version: int) -> dict[str, int]:
    """Return the truth: cost by service, other services and costs in each version."""
    listed = [page_rows(version, page) for page in range(1, PAGES + 1)]
    return listed[0] | listed[1] | listed[2] | object_rows(version)


def page_rows(version: int, page: int) -> dict[str, int]:
    """Return what a page holds."""
    return {f"page-{page}-{number}-of-v{version}": page + version for number in range(PAGE_ROWS)}


def object_rows(version: int) -> dict[str, int]:
    """Return what the object holds."""
    return {f"object-{number:01000}-of-v{version}": version for number in range(OBJECT_ROWS)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """An answer as it goes over the wire; a header that is None is left out."""

    status: int = 200
    headers: Mapping[str, str | None] = field(default_factory=dict)
    body: bytes = b""

    @property
    def head(self) -> bytes:
        """Return the status line and the headers."""
        with contextlib.suppress(ValueError):
            return self._head(HTTPStatus(self.status).phrase)
        return self._head("Unheard Of")

    def _head(self, reason: str) -> bytes:
        fields: dict[str, str | None] = {
            "Date": email.utils.format_datetime(DATE, usegmt=True),
            "Content-Length": str(len(self.body)),
        }
        lines = [f"HTTP/1.1 {self.status} {reason}"]
        for name, value in (fields | dict(self.headers)).items():
            if value is not None:
                lines.append(f"{name}: {value}")
        return "\r\n".join([*lines, "", ""]).encode()


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """A request, what a healthy server would answer, and the way to answer something else."""

    api: BillingApi
    healthy: Answer
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def send(self, data: bytes) -> None:
        """Send bytes."""
        self.writer.write(data)
        await self.writer.drain()

    async def answer(self, answer: Answer) -> None:
        """Send a whole answer."""
        await self.send(answer.head + answer.body)

    def close(self) -> None:
        """Close the connection as a server does that has nothing more to say."""
        self.writer.close()

    def reset(self) -> None:
        """Close the connection as a machine does that has lost it."""
        linger = struct.pack("ii", 1, 0)
        self.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.writer.transport.abort()


Act = Callable[[Exchange], Awaitable[None]]
"""What a server does instead of the healthy answer."""


class Endpoint:
    """One port: open, closed, or with TLS of some kind."""

    def __init__(self, handle: Callable[..., Awaitable[None]]) -> None:
        self._handle = handle
        self._server: asyncio.Server | None = None
        self._socket = _bound(0)
        self.port: int = self._socket.getsockname()[1]

    async def serve(self, *, tls: ssl.SSLContext | None = None, cut: bool = False) -> None:
        """Listen, with TLS or without; *cut* ends every connection at its first bytes."""
        self._shut()
        self._server = await asyncio.start_server(
            _cut if cut else self._handle, sock=self._socket, ssl=None if cut else tls
        )

    def refuse(self) -> None:
        """Hold the port, but listen no more."""
        self._shut()

    async def aclose(self) -> None:
        """Close the port."""
        if self._server is not None:
            self._server.close()
        self._socket.close()

    def _shut(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
            self._socket = _bound(self.port)


class BillingApi:
    """
    The API with its month in some version, its token, and what is to go wrong.

    Attributes:
        version: of the month; another one has other rows.
        token: number of the only token that is accepted.
        urls: of the endpoints; a test may put other names in.
        links: what a healthy answer says instead of the next URL, by the operation it leads to.
        requests: how many came, by operation.
        step: puts the clock of the client forward.
        plans: what is done instead of the healthy answer, by operation: one act for each request,
            the last for ever if it is in `lasting`.
    """

    def __init__(self) -> None:
        self.version = 1
        self.token = 1
        self.step: Callable[[float], None] = lambda _seconds: None
        self.plans: dict[str, list[Act]] = {}
        self.lasting: set[str] = set()
        self.endpoints = {each: Endpoint(self._connected) for each in OPERATIONS}
        self.urls = {name: f"http://127.0.0.1:{each.port}" for name, each in self.endpoints.items()}
        self.links: dict[str, str] = {}
        self.requests: Counter[str] = Counter()
        self._writers: set[asyncio.StreamWriter] = set()

    async def __aenter__(self) -> Self:
        for endpoint in self.endpoints.values():
            await endpoint.serve()
        return self

    async def __aexit__(self, *_: object) -> None:
        for endpoint in self.endpoints.values():
            await endpoint.aclose()
        for writer in list(self._writers):
            writer.transport.abort()

    def heal(self) -> None:
        """Do nothing wrong from now on."""
        self.plans.clear()
        self.lasting.clear()
        self.links.clear()

    def etag(self) -> str:
        """Return the ETag of the object."""
        return f'"object-v{self.version}"'

    def object(self) -> bytes:
        """Return the content of the object."""
        return "".join(
            f"{name},{cost}\n" for name, cost in object_rows(self.version).items()
        ).encode()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            while not writer.is_closing():
                head = await reader.readuntil(b"\r\n\r\n")
                await self._respond(head.decode("latin-1"), reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # the client went away
        finally:
            self._writers.discard(writer)
            writer.close()

    async def _respond(
        self, head: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        target = urlsplit(head.split(" ", 2)[1])
        fields = dict(re.findall(r"^([^:\r\n]+): ([^\r\n]*)", head.lower(), re.MULTILINE))
        page = int(parse_qs(target.query).get("page", ["0"])[0])
        operation = {"/partitions": "discover", "/object": "download"}.get(target.path)
        if operation is None and page == 2:
            operation = "page"
        self.requests[operation or "other"] += 1
        act = self._next_act(operation)
        healthy = self._healthy(target.path, page, fields)
        exchange = Exchange(api=self, healthy=healthy, reader=reader, writer=writer)
        await (act or _healthy)(exchange)

    def _next_act(self, operation: str | None) -> Act | None:
        plan = self.plans.get(operation or "")
        if not plan:
            return None
        return plan[0] if len(plan) == 1 and operation in self.lasting else plan.pop(0)

    def _healthy(self, path: str, page: int, fields: Mapping[str, str]) -> Answer:
        if fields.get("authorization") != f"bearer t{self.token}":
            return Answer(status=401)
        if path == "/object":
            return self._object(fields)
        document = self._listing() if path == "/partitions" else self._page(page)
        return Answer(
            headers={"Content-Type": "application/json"}, body=json.dumps(document).encode()
        )

    def _listing(self) -> dict[str, object]:
        first = self.links.get("discover", f"{self.urls['discover']}/rows?page=1")
        return {"months": [{"month": "2026-10", "version": f"v{self.version}", "rows": first}]}

    def _page(self, page: int) -> dict[str, object]:
        document: dict[str, object] = {"rows": page_rows(self.version, page), "next": None}
        if page < PAGES:
            url = f"{self.urls['page']}/rows?page={page + 1}"
            return document | {"next": self.links.get("page", url) if page == 1 else url}
        url = self.links.get("download", f"{self.urls['download']}/object")
        return document | {"object": {"url": url, "etag": self.etag(), "size": len(self.object())}}

    def _object(self, fields: Mapping[str, str]) -> Answer:
        content, headers = self.object(), {"ETag": self.etag(), "Accept-Ranges": "bytes"}
        if fields.get("if-match", self.etag()) != self.etag():
            return Answer(status=412, headers=headers)
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)", fields.get("range", ""))
        if asked is None:
            return Answer(headers=headers, body=content)
        start, end = int(asked[1]), min(int(asked[2] or len(content) - 1), len(content) - 1)
        if start > end:
            return Answer(
                status=416, headers=headers | {"Content-Range": f"bytes */{len(content)}"}
            )
        span = f"bytes {start}-{end}/{len(content)}"
        return Answer(
            status=206, headers=headers | {"Content-Range": span}, body=content[start : end + 1]
        )


async def _healthy(exchange: Exchange) -> None:
    await exchange.answer(exchange.healthy)


async def _cut(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(1)
    writer.close()


def _bound(port: int) -> socket.socket:
    bound = socket.socket()
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    bound.bind(("127.0.0.1", port))
    return bound
