"""An ogfd.toml for the stand-ins, and the environment that goes with it."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from ogfd_sandbox.cur import Month, Place
from ogfd_sandbox.s3 import ACCESS_KEY_ID, REGION, SECRET_ACCESS_KEY

CONNECTOR: Final = "aws-demo"
SECRET_VARIABLE: Final = "SANDBOX_SECRET_ACCESS_KEY"  # noqa: S105 - the name, not the secret
_FOREIGN: Final = ("OGFD_", "OFFGRIDFLOW_", "AWS_")


def ogfd_toml(
    *,
    endpoint_url: str,
    place: Place,
    directory: Path,
    start: Month,
    listen: str,
    carbon: bool = False,
) -> str:
    """
    Return a configuration that reads *place* at *endpoint_url* into SQLite.

    Args:
        endpoint_url: of the stand-in.
        place: where the report lies.
        directory: where state, archive and database go.
        start: the first month to read.
        listen: host and port of the daemon's HTTP listener.
        carbon: whether to read emissions too.
    """
    return (
        f"""\
[daemon]
org_id = "demo"
state_dir = {_text(directory / "state")}
socket = {_text(directory / "ogfd.sock")}
listen = {_text(listen)}

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
report = {_text(place.report)}
{f"[connectors.{CONNECTOR}.carbon]" if carbon else ""}
""".rstrip("\n")
        + "\n"
    )


def environment(outside: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Return *outside* with the stand-in's secret, without what would reach ogfd from elsewhere."""
    kept = {name: value for name, value in outside.items() if not name.startswith(_FOREIGN)}
    return {**kept, SECRET_VARIABLE: SECRET_ACCESS_KEY, "AWS_EC2_METADATA_DISABLED": "true"}


def _text(value: object) -> str:
    return json.dumps(str(value), ensure_ascii=False)  # a JSON string is a TOML basic string
