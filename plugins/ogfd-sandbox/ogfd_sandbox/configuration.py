"""An ogfd.toml for the stand-ins, and the environment that goes with it."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ogfd_sandbox.azure import bill as azure_bill
from ogfd_sandbox.azure.seeds import ACCOUNT, CLIENT_ID, CLIENT_SECRET, TENANT_ID
from ogfd_sandbox.azure.server import AzureServer
from ogfd_sandbox.bigquery.tables import PROJECT, Table
from ogfd_sandbox.cur import Month, Place
from ogfd_sandbox.s3 import ACCESS_KEY_ID, REGION, SECRET_ACCESS_KEY

CONNECTOR: Final = "aws-demo"
AZURE_CONNECTOR: Final = "azure-demo"
GCP_CONNECTOR: Final = "gcp-demo"
SECRET_VARIABLE: Final = "SANDBOX_SECRET_ACCESS_KEY"  # noqa: S105 - the name, not the secret
CLIENT_SECRET_VARIABLE: Final = "SANDBOX_CLIENT_SECRET"  # noqa: S105 - likewise
_FOREIGN: Final = (
    *("OGFD_", "OFFGRIDFLOW_", "AWS_", "AZURE_"),
    *("BIGQUERY_", "CLOUDSDK_", "GCE_", "GCLOUD_", "GOOGLE_"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Gcp:
    """
    What ogfd is told of Google Cloud.

    Attributes:
        endpoint: of the stand-in of BigQuery.
        credentials: file that holds the key of its service account.
        cost: the billing export.
        carbon: the carbon footprint export.
    """

    endpoint: str
    credentials: Path
    cost: Table
    carbon: Table


def ogfd_toml(
    *,
    endpoint_url: str,
    place: Place,
    directory: Path,
    start: Month,
    listen: str,
    carbon: bool = False,
    azure: AzureServer | None = None,
    export: azure_bill.Place | None = None,
    gcp: Gcp | None = None,
) -> str:
    """
    Return a configuration that reads *place* at *endpoint_url* into SQLite.

    Args:
        endpoint_url: of the stand-in of AWS.
        place: where the report lies.
        directory: where state, archive and database go.
        start: the first month to read.
        listen: host and port of the daemon's HTTP listener.
        carbon: whether to read emissions of AWS too.
        azure: the stand-in of Azure, to read its emissions.
        export: of Azure, to read it too.
        gcp: exports of Google Cloud, to read them too.
    """
    parts = [
        f"""\
[daemon]
org_id = "demo"
state_dir = {_text(directory / "state")}
socket = {_text(directory / "ogfd.sock")}
listen = {_text(listen)}""",
        "" if azure is None else f"ca_file = {_text(azure.ca_file)}",
        f"""
[sinks.main]
type = "sqlite"
path = {_text(directory / "ogfd.db")}

[connectors.{CONNECTOR}]
type = "aws"
schedule = "6h"
start = {_text(start)}
region = {_text(REGION)}
endpoint_url = {_text(endpoint_url)}
access_key_id = {_text(ACCESS_KEY_ID)}
secret_access_key = "env:{SECRET_VARIABLE}"

[connectors.{CONNECTOR}.cost]
bucket = {_text(place.bucket)}
prefix = {_text(place.prefix)}
report = {_text(place.report)}""",
        f"\n[connectors.{CONNECTOR}.carbon]" if carbon else "",
        "" if azure is None else _azure(azure, start),
        "" if azure is None or export is None else _azure_cost(azure, export),
        "" if gcp is None else _gcp(gcp, start),
    ]
    return "\n".join(filter(None, parts)) + "\n"


def _azure(azure: AzureServer, start: Month) -> str:
    return f"""
[connectors.{AZURE_CONNECTOR}]
type = "azure"
schedule = "6h"
start = {_text(start)}
auth = "client_secret"
tenant_id = {_text(TENANT_ID)}
client_id = {_text(CLIENT_ID)}
client_secret = "env:{CLIENT_SECRET_VARIABLE}"
authority = {_text(azure.authority)}
arm_endpoint = {_text(azure.arm_endpoint)}

[connectors.{AZURE_CONNECTOR}.carbon]"""


def _azure_cost(azure: AzureServer, export: azure_bill.Place) -> str:
    return f"""
[connectors.{AZURE_CONNECTOR}.cost]
account = {_text(ACCOUNT)}
container = {_text(export.container)}
prefix = {_text(export.root)}
blob_endpoint = {_text(azure.blob_endpoint)}"""


def _gcp(gcp: Gcp, start: Month) -> str:
    return f"""
[connectors.{GCP_CONNECTOR}]
type = "gcp"
schedule = "6h"
start = {_text(start)}
credentials = {_text(f"file:{gcp.credentials}")}
job_project = {_text(PROJECT)}
endpoint = {_text(gcp.endpoint)}

[connectors.{GCP_CONNECTOR}.carbon]
table = {_text(gcp.carbon.path)}

[connectors.{GCP_CONNECTOR}.cost]
table = {_text(gcp.cost.path)}"""


def environment(outside: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Return *outside* with the stand-ins' secrets, without what would reach ogfd from elsewhere."""
    kept = {name: value for name, value in outside.items() if not name.startswith(_FOREIGN)}
    return {
        **kept,
        SECRET_VARIABLE: SECRET_ACCESS_KEY,
        CLIENT_SECRET_VARIABLE: CLIENT_SECRET,
        "AWS_EC2_METADATA_DISABLED": "true",
    }


def _text(value: object) -> str:
    return json.dumps(str(value), ensure_ascii=False)  # a JSON string is a TOML basic string
