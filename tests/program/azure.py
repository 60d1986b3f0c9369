"""The installed program on a stand-in of Azure, over TLS."""

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import starting
from ogfd_sandbox.azure.seeds import CLIENT_ID, CLIENT_SECRET, TENANT_ID
from ogfd_sandbox.azure.server import AzureServer
from ogfd_sandbox.configuration import environment

CONNECTOR = "azure-eu"


@dataclass
class Site:
    """
    An Azure, and ogfd beside it.

    Attributes:
        azure: the stand-in.
        directory: has all that belongs to ogfd.
        keys: more lines of the connector's own table.
        streams: the tables of its streams.
        secret: the client's.
    """

    azure: AzureServer
    directory: Path
    keys: str = ""
    streams: str = ""
    secret: str = CLIENT_SECRET

    def run(self, *arguments: str) -> starting.Ended:
        config = self.directory / "ogfd.toml"
        config.write_text(
            f"""
[daemon]
state_dir = "{self.directory}/state"
socket = "{self.directory}/ogfd.sock"
listen = "127.0.0.1:0"
ca_file = "{self.azure.ca_file}"
[sinks.main]
type = "sqlite"
path = "{self.directory}/ogfd.db"
[connectors.{CONNECTOR}]
type = "azure"
tenant_id = "{TENANT_ID}"
client_id = "{CLIENT_ID}"
client_secret = "env:SANDBOX_SECRET"
authority = "{self.azure.authority}"
arm_endpoint = "{self.azure.arm_endpoint}"
{self.keys}
{self.streams}
"""
        )
        return starting.run(
            "-c", config, *arguments, environ=environment() | {"SANDBOX_SECRET": self.secret}
        )

    def query(self, sql: str) -> list[tuple]:
        """Ask the sink as any other program would."""
        with closing(sqlite3.connect(self.directory / "ogfd.db")) as db:
            return db.execute(sql).fetchall()
