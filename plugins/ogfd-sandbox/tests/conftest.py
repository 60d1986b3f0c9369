"""
The stand-ins of Azure and BigQuery, one each for all tests, and clients of them.

Azure is spoken to in plain HTTP, BigQuery by Google's own library.
"""

import json
import ssl
from collections.abc import AsyncIterator, Iterator
from typing import Any

import aiohttp
import pytest
from google.auth._regional_access_boundary_utils import _RegionalAccessBoundaryManager
from google.auth.transport.requests import Request
from google.cloud.bigquery import Client as BigQueryClient
from google.oauth2 import service_account
from ogfd_sandbox.azure.seeds import CLIENT_ID, CLIENT_SECRET, TENANT_ID
from ogfd_sandbox.azure.server import AzureServer
from ogfd_sandbox.bigquery.server import BigQueryServer
from ogfd_sandbox.bigquery.tables import PROJECT

ARM = "https://management.azure.com/.default"


class Client:
    """Asks the stand-in as a client of Azure does, with a token of its own for each audience."""

    def __init__(self, server: AzureServer, session: aiohttp.ClientSession) -> None:
        self.server = server
        self.session = session
        self._tokens: dict[str, str] = {}

    async def token(self, scope: str = ARM) -> str:
        form = {
            "client_id": CLIENT_ID,
            "client_secret": CLIENT_SECRET,
            "grant_type": "client_credentials",
            "scope": scope,
        }
        url = f"{self.server.authority}/{TENANT_ID}/oauth2/v2.0/token"
        async with self.session.post(url, data=form) as response:
            return (await response.json())["access_token"]

    async def ask(
        self,
        method: str,
        url: Any,
        *,
        scope: str | None = ARM,
        headers: dict[str, str] | None = None,
        **options: Any,
    ) -> tuple[int, Any, bytes]:
        """Return the status, the headers and the body."""
        if scope is not None and scope not in self._tokens:
            self._tokens[scope] = await self.token(scope)
        shown = {"Authorization": f"Bearer {self._tokens[scope]}"} if scope is not None else {}
        target = self.server.url + url if isinstance(url, str) and url[:1] == "/" else url
        async with self.session.request(
            method, target, headers=shown | (headers or {}), **options
        ) as response:
            return response.status, response.headers, await response.read()


@pytest.fixture(scope="session")
def azure_server() -> Iterator[AzureServer]:
    with AzureServer() as running:
        yield running


@pytest.fixture
def azure(azure_server: AzureServer) -> AzureServer:
    azure_server.reset()
    return azure_server


@pytest.fixture
async def client(azure: AzureServer) -> AsyncIterator[Client]:
    tls = aiohttp.TCPConnector(ssl=ssl.create_default_context(cafile=azure.ca_file))
    async with aiohttp.ClientSession(connector=tls) as session:
        yield Client(azure, session)


@pytest.fixture(scope="session")
def bigquery_server() -> Iterator[BigQueryServer]:
    with BigQueryServer() as running:
        yield running


@pytest.fixture
def bigquery(bigquery_server: BigQueryServer, monkeypatch: pytest.MonkeyPatch) -> BigQueryServer:
    # google-auth asks iamcredentials.googleapis.com for allowed locations, whatever the endpoint
    monkeypatch.setattr(_RegionalAccessBoundaryManager, "maybe_start_refresh", lambda *_: None)
    bigquery_server.reset()
    return bigquery_server


@pytest.fixture(scope="session")
def google_key(bigquery_server: BigQueryServer) -> service_account.Credentials:
    return service_account.Credentials.from_service_account_info(
        json.loads(bigquery_server.credentials_json()),
        scopes=["https://www.googleapis.com/auth/bigquery"],
    )


@pytest.fixture
def google(
    bigquery: BigQueryServer, google_key: service_account.Credentials
) -> Iterator[BigQueryClient]:
    google_key.refresh(Request())  # another test may have revoked its token
    bigquery.forget_requests()
    endpoint = {"api_endpoint": bigquery.url}
    with BigQueryClient(PROJECT, google_key, client_options=endpoint) as client:
        yield client
