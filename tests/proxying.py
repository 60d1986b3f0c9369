"""An HTTP proxy as companies have them: it opens TLS itself, with a CA that only they trust."""

import asyncio
import ssl
import threading
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import trustme

Upstream = tuple[str, int]


@dataclass
class Proxy:
    """
    Runs in a thread of its own, so that clients of any kind, child processes too, can use it.

    CONNECT is answered with a certificate of *ca* for whatever host was asked for, and what goes
    through is piped to the plain HTTP server that *routes* names for it. No name is resolved.

    Attributes:
        ca: signs for all hosts, and for the proxy itself if *tls*.
        routes: host to the address that answers for it; ``*`` for all others.
        login: user and password that clients must send.
        tls: whether clients speak TLS with the proxy itself.
        seen: the request lines, without those that were sent away for want of a login.
        refused: how many those were.
    """

    ca: trustme.CA
    routes: Mapping[str, Upstream]
    login: str | None = None
    tls: bool = False
    seen: list[str] = field(default_factory=list)
    refused: int = 0
    port: int = 0

    @property
    def hosts(self) -> list[str]:
        """The hosts that were asked for, each once."""
        return list(dict.fromkeys(line.split()[1].removesuffix(":443") for line in self.seen))

    @property
    def url(self) -> str:
        """The proxy's URL, without a login."""
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{self.port}"

    def url_for(self, login: str) -> str:
        """Return the proxy's URL with *login*, quoted as it must be there."""
        return self.url.replace("//", f"//{login}@")

    def trusted(self, directory: Path) -> Path:
        """Write the CA's certificate and return its file."""
        path = directory / "company.pem"
        self.ca.cert_pem.write_to_path(path)
        return path

    def __enter__(self) -> Self:
        started = threading.Event()
        self._thread = threading.Thread(target=asyncio.run, args=(self._serve(started),))
        self._thread.start()
        assert started.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(10)

    async def _serve(self, started: threading.Event) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        self._open = set()
        own = self._context("127.0.0.1") if self.tls else None
        server = await asyncio.start_server(self._answer, "127.0.0.1", 0, ssl=own)
        self.port = server.sockets[0].getsockname()[1]
        started.set()
        await self._stop.wait()
        server.close()
        for writer in self._open:
            writer.transport.abort()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            while not self._may(head):
                self.refused += 1
                writer.write(
                    b"HTTP/1.1 407 Proxy Authentication Required\r\n"
                    b'Proxy-Authenticate: Basic realm="x"\r\nContent-Length: 0\r\n\r\n'
                )
                head = await reader.readuntil(b"\r\n\r\n")
            line = head.split(b"\r\n", 1)[0].decode()
            self.seen.append(line)
            host = line.split()[1].removeprefix("http://").split("/")[0].rpartition(":")[0]
            up_reader, up_writer = await asyncio.open_connection(*self._route(host))
            self._open.add(up_writer)
            if line.startswith("CONNECT "):
                writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
                await writer.start_tls(self._context(host))
            else:
                up_writer.write(head)
            async with asyncio.TaskGroup() as pumps:
                pumps.create_task(_pump(reader, up_writer))
                pumps.create_task(_pump(up_reader, writer))
        except (asyncio.IncompleteReadError, OSError):
            pass  # the client went away, or does not trust the certificate
        finally:
            writer.close()

    def _may(self, head: bytes) -> bool:
        if self.login is None:
            return True
        lines = (line.partition(b":") for line in head.split(b"\r\n"))
        sent = {name.lower(): value.strip() for name, _, value in lines}
        login = b"Basic " + b64encode(self.login.encode())
        return sent.get(b"proxy-authorization") == login

    def _route(self, host: str) -> Upstream:
        return self.routes.get(host) or self.routes["*"]

    def _context(self, host: str) -> ssl.SSLContext:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self.ca.issue_cert(host).configure_cert(context)
        return context


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(1 << 16):
            writer.write(data)
            await writer.drain()
    except OSError:
        pass
    finally:
        writer.close()
