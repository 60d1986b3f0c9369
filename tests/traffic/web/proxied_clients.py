"""
A program of its own, as its environment and aiohttp's import must be: asks with every SDK.

    proxied_clients.py DIRECTORY CASES   CASES: JSON, name to keywords of `Network`

Prints JSON: by case, by client, what came of it: the answer, ``certificate`` for one that is not
trusted, or the hosts whose addresses were asked for in vain, as without a proxy.
"""

import asyncio
import json
import socket
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from azure.identity.aio import ClientSecretCredential
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from google.auth.transport.requests import Request
from google.cloud import bigquery
from google.oauth2 import service_account
from ogfd_aws.config import AwsConfig
from ogfd_aws.session import client_config, open_session

from ogfd.traffic import Attempt, HttpClient, Network, Pins, shared

ASKED: list[str] = []
KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048).private_bytes(
    serialization.Encoding.PEM,
    serialization.PrivateFormat.PKCS8,
    serialization.NoEncryption(),
)


async def ctx_request(network: Network) -> Any:
    async with HttpClient(
        Pins(["api.example.com"]), network, now=lambda: datetime.now(UTC)
    ) as client:
        request = client.prepare("GET", "https://api.example.com/")
        return (await client.send(request, Attempt(number=1))).json()["name"]


async def aiobotocore(_: Network) -> Any:
    config = AwsConfig.model_validate(
        {
            "region": "eu-central-1",
            "access_key_id": "AKIAEXAMPLE",
            "secret_access_key": "secret",
            "cost": {"bucket": "billing", "prefix": "p", "report": "r"},
        },
        context={"allow_plain_secrets": True},
    )
    session = await open_session(config)
    async with session.create_client(
        "s3", region_name=config.region, config=client_config(config)
    ) as client:
        found = await client.list_objects_v2(Bucket="billing")
        return found["Contents"][0]["Key"]


async def azure_identity(_: Network) -> Any:
    async with ClientSecretCredential("tenant", "client", "secret", retry_total=0) as credential:
        return (await credential.get_token("https://management.azure.com/.default")).token


async def google_auth(_: Network) -> Any:
    def datasets() -> Any:
        credentials = service_account.Credentials.from_service_account_info(
            {
                "client_email": "ogfd@example.com",
                "private_key": KEY.decode(),
                "token_uri": "https://oauth2.googleapis.com/token",
            },
            scopes=["https://www.googleapis.com/auth/bigquery"],
        )
        credentials.refresh(Request())
        client = bigquery.Client("project", credentials)
        [found] = client.list_datasets(retry=None)
        return credentials.token, found.dataset_id

    return await asyncio.to_thread(datasets)


CLIENTS = (ctx_request, aiobotocore, azure_identity, google_auth)


def getaddrinfo(host: Any, *arguments: Any, **options: Any) -> Any:
    """Know the address of this machine and of no other: nothing goes to the internet."""
    if host == "127.0.0.1":
        return LOOKUP(host, *arguments, **options)
    if host != "iamcredentials.googleapis.com":  # google-auth does that in the background
        ASKED.append(host)
    raise socket.gaierror(socket.EAI_NONAME, "no such name")


LOOKUP, socket.getaddrinfo = socket.getaddrinfo, getaddrinfo


def causes(exc: BaseException | None) -> Any:
    while exc is not None:
        yield f"{exc!r} {exc}"
        exc = exc.__cause__ or exc.__context__


async def outcome(client: Any, network: Network) -> Any:
    ASKED.clear()
    try:
        return await client(network)
    except Exception as exc:  # noqa: BLE001 - each library has its own
        if "CERTIFICATE_VERIFY_FAILED" in "".join(causes(exc)):
            return "certificate"
        return sorted(set(ASKED)) or list(causes(exc))


async def main(directory: Path, cases: Any) -> Any:
    outcomes: dict[str, Any] = {}
    for name, settings in cases.items():
        ca_file = settings.pop("ca_file", None)
        network = Network(**settings, ca_file=Path(ca_file) if ca_file else None)
        async with shared(network, directory) as network:
            outcomes[name] = {client.__name__: await outcome(client, network) for client in CLIENTS}
    return outcomes


if __name__ == "__main__":
    print(json.dumps(asyncio.run(main(Path(sys.argv[1]), json.loads(sys.argv[2])))))
