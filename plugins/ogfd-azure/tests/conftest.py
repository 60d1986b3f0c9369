"""An Azure to ask over TLS, and contexts whose requests really go there."""

import http.client
import json
import ssl
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import aiohttp
import anyio
import pytest
from anyio import to_thread
from azure.core.credentials import AccessTokenInfo
from multidict import CIMultiDict
from ogfd_azure import ogfd_connector
from ogfd_azure.config import AzureConfig
from ogfd_azure.faults import classify
from ogfd_sandbox.azure.seeds import CLIENT_ID, CLIENT_SECRET, TENANT_ID
from ogfd_sandbox.azure.server import AzureServer

from ogfd.plugin import Response, Secret, Stream
from ogfd.testing import FakeContext, Request

NOW = datetime(2026, 11, 20, tzinfo=UTC)


class Desk:
    """Hands out tokens that last as long as the test wants."""

    def __init__(self, *lives: float) -> None:
        self.lives = list(lives)
        self.asked: list[tuple[str, str | None]] = []
        self.open = anyio.Event()
        self.open.set()
        self.error: Exception | None = None

    async def __call__(self, scope: str, claims: str | None = None) -> AccessTokenInfo:
        self.asked.append((scope, claims))
        number = len(self.asked)
        await self.open.wait()
        if self.error is not None:
            raise self.error
        life = self.lives.pop(0) if len(self.lives) > 1 else self.lives[0]
        return AccessTokenInfo(f"token-{number}", int(time.time() + life))


class Estate:
    """A customer of the stand-in, and what a test needs to read it."""

    def __init__(self, azure: AzureServer, trust: ssl.SSLContext) -> None:
        self.azure = azure
        self._trust = trust

    def config(self, **keys: Any) -> AzureConfig:
        """Return the settings of a connector that signs in by a secret, with *keys* in place."""
        given = {
            "auth": "client_secret",
            "tenant_id": TENANT_ID,
            "client_id": CLIENT_ID,
            "client_secret": Secret(CLIENT_SECRET),
            "authority": self.azure.authority,
            "arm_endpoint": self.azure.arm_endpoint,
        }
        return AzureConfig.model_validate(
            {name: value for name, value in (given | keys).items() if value is not None}
        )

    def context(self, **options: Any) -> FakeContext:
        """Return a context whose requests go to the stand-in."""
        return FakeContext(**{"respond": self.send, "classify": classify, "now": NOW} | options)

    async def send(self, request: Request) -> Response:
        """Send *request* as the daemon would, byte for byte."""
        # In a thread: asyncio at times loses a TLS connection that both ends close at once.
        return await to_thread.run_sync(self._exchange, request)

    def _exchange(self, request: Request) -> Response:
        url = urlsplit(request.url)
        query = "&".join(filter(None, (url.query, urlencode(request.params, quote_via=quote))))
        target = f"{url.path}?{query}" if query else url.path
        headers = dict(request.headers)
        body = request.data
        if request.json is not None:
            headers["Content-Type"] = "application/json"
            body = json.dumps(request.json).encode()
        connection = http.client.HTTPSConnection(url.netloc, context=self._trust, timeout=30)
        with closing(connection):
            connection.request(request.method, target, body, headers)
            answer = connection.getresponse()
            return Response(
                status=answer.status,
                headers=CIMultiDict(answer.getheaders()),
                body=answer.read(),
                url=request.url,
            )

    @asynccontextmanager
    async def stream(
        self, name: str, ctx: FakeContext | None = None, **keys: Any
    ) -> AsyncIterator[Stream]:
        """Open a connector for one run, as the daemon does, and give its stream *name*."""
        spec = ogfd_connector()
        config = self.config(**({name: {}} | keys))
        async with spec.open(config, ctx or self.context()) as streams:
            yield streams[name]


@pytest.fixture
def desk_of() -> type[Desk]:
    """Make a login service that needs no network."""
    return Desk


@pytest.fixture(scope="session")
def server() -> Iterator[AzureServer]:
    with AzureServer() as running:
        yield running


@pytest.fixture(scope="session")
def trust(server: AzureServer) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=server.ca_file)


@pytest.fixture
def estate(
    server: AzureServer, trust: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Estate]:
    """An empty Azure, which azure-identity trusts too: the daemon has it do so by ``ca_file``."""
    server.reset()
    monkeypatch.setattr(aiohttp.connector, "_SSL_CONTEXT_VERIFIED", trust)
    for name in ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy"):
        monkeypatch.delenv(name, raising=False)
    yield Estate(server, trust)
    server.reset()
