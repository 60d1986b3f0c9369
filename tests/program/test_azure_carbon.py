"""Emissions of Azure, read by the installed program from a stand-in over TLS."""

import json
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from ogfd_sandbox.azure.footprint import footprint
from ogfd_sandbox.azure.seeds import CLIENT_ID, CLIENT_SECRET, TENANT_ID
from ogfd_sandbox.azure.server import AzureServer
from ogfd_sandbox.configuration import environment
from ogfd_sandbox.cur import Month

LAST = Month.of(datetime.fromtimestamp(time.time(), UTC).date()).plus(-1)
TOML = """\
[daemon]
state_dir = "{directory}/state"
socket = "{directory}/ogfd.sock"
listen = "127.0.0.1:0"
ca_file = "{azure.ca_file}"
[sinks.main]
type = "sqlite"
path = "{directory}/ogfd.db"
[connectors.azure-eu]
type = "azure"
tenant_id = "{tenant}"
client_id = "{client}"
client_secret = "env:SANDBOX_SECRET"
authority = "{azure.authority}"
arm_endpoint = "{azure.arm_endpoint}"
{keys}
[connectors.azure-eu.carbon]
start = "{start}"
"""


@dataclass
class Site:
    """An Azure, and ogfd beside it."""

    azure: AzureServer
    directory: Path
    keys: str = ""
    secret: str = CLIENT_SECRET

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        config = self.directory / "ogfd.toml"
        config.write_text(
            TOML.format(
                directory=self.directory,
                azure=self.azure,
                tenant=TENANT_ID,
                client=CLIENT_ID,
                start=LAST,
                keys=self.keys,
            )
        )
        return subprocess.run(
            [sys.executable, "-m", "ogfd", "-c", str(config), *arguments],
            env=environment() | {"SANDBOX_SECRET": self.secret},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def sums(self) -> dict[str, Decimal]:
        """Return the exact sums of all slices in the sink's ledger."""
        with sqlite3.connect(self.directory / "ogfd.db") as db:
            found = [json.loads(text) for (text,) in db.execute("SELECT sums FROM ogfd_ledger")]
        db.close()
        return {
            name: sum((Decimal(each[name]) for each in found), Decimal())
            for name in ("scope1_kg", "scope2_market_kg", "scope3_kg")
        }


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with AzureServer() as azure:
        yield Site(azure, tmp_path)


def test_a_denied_subscription_is_an_error_of_its_own(site):
    """The others are committed to the gram, and another one that is excluded is not asked for."""
    made = footprint(7, [LAST])
    denied, excluded, _ = (one.subscription_id for one in made.subscriptions)
    made.publish(site.azure, denied=[denied, excluded])
    site.keys = f'accounts = {{ exclude = ["{excluded}"] }}'

    done = site.run("sync", "--json")
    slices = {each["slice"]: each for each in json.loads(done.stdout)["runs"][0]["slices"]}
    failed = slices.pop(f"azure-eu/carbon/{denied}/{LAST}")

    assert 1 == done.returncode, done.stderr
    assert ("failed", "auth") == (failed["outcome"], failed["error_class"])
    assert "Carbon Optimization Reader" in failed["reason"]
    assert {"committed"} == {each["outcome"] for each in slices.values()}
    left_out = {denied, excluded}
    others = [kg for (one,), kg in made.kg_by("subscription_id").items() if one not in left_out]
    truth = [sum(kg[scope] for kg in others) for scope in ("scope1", "scope2", "scope3")]
    assert 1 == len(slices)
    assert truth == list(site.sums().values())
    assert denied in site.run("status").stdout
    assert CLIENT_SECRET not in done.stdout + done.stderr


def test_a_wrong_secret_is_a_matter_of_credentials(site):
    """Nothing was read: exit 77, and the message says which of them is wrong, but not what it is."""
    site.secret = "not-the-one"
    done = site.run("sync")

    assert 77 == done.returncode
    assert "AADSTS7000215" in done.stdout + done.stderr
    assert "client_secret must be its value" in done.stdout + done.stderr
    assert "not-the-one" not in done.stdout + done.stderr
    assert 1 == site.azure.count("Token")
