"""Costs of Azure, read by the installed program from a stand-in over TLS."""

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from ogfd_sandbox.azure.bill import (
    AzureSettings,
    Bill,
    Place,
    assemble,
    deliver,
    put,
    query_rows,
)
from ogfd_sandbox.azure.seeds import CLIENT_ID, CLIENT_SECRET, TENANT_ID
from ogfd_sandbox.azure.server import AzureServer
from ogfd_sandbox.configuration import environment
from ogfd_sandbox.cur import Month

MONTH = Month(2026, 8)
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
start = "{month}"
[connectors.azure-eu.cost_query]
scopes = ["{scope}"]
"""
EXPORT = """\
[connectors.azure-eu.cost]
account = "acmecosts"
container = "exports"
prefix = "costs/"
blob_endpoint = "{azure.blob_endpoint}"
"""


@dataclass
class Site:
    """An Azure, and ogfd beside it."""

    azure: AzureServer
    directory: Path
    bill: Bill
    toml: str = TOML + EXPORT

    def put(self, bill: Bill, place: Place, day: int) -> None:
        submitted = datetime(2026, 9, day, 6, tzinfo=UTC)
        put(self.azure, deliver(bill, place, submitted=submitted), place.container)
        self.azure.set_cost(query_rows(self.bill))

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        config = self.directory / "ogfd.toml"
        config.write_text(
            self.toml.format(
                directory=self.directory,
                azure=self.azure,
                tenant=TENANT_ID,
                client=CLIENT_ID,
                month=MONTH,
                scope=self.bill.book.scope,
            )
        )
        return subprocess.run(
            [sys.executable, "-m", "ogfd", "-c", str(config), *arguments],
            env=environment() | {"SANDBOX_SECRET": CLIENT_SECRET},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def sync(self) -> dict:
        """Sync the month and return what became of what is listed of it."""
        done = self.run("sync", "--json", "--from", str(MONTH), "--to", str(MONTH))
        assert done.returncode in (0, 1), done.stderr
        slices = json.loads(done.stdout)["runs"][0]["slices"]
        [outcome] = [one for one in slices if one["outcome"] != "absent"]
        return outcome


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with AzureServer() as azure:
        yield Site(azure, tmp_path, assemble(AzureSettings(seed=7, rows=600), MONTH))


def test_a_one_time_export_of_some_days_never_replaces_the_month(site):
    """It is held with an explanation; the month stays, proved by Cost Management's own totals."""
    site.put(site.bill, Place(), 2)
    first = site.sync()
    proof = json.loads(site.run("reconcile", "--json").stdout)
    site.put(site.bill.through(9), Place(time_frame="OneTime"), 3)
    held = site.sync()

    assert ("committed", "held") == (first["outcome"], held["outcome"])
    assert "the new version covers 2026-08-01 to 2026-08-09, fewer days than the" in held["reason"]
    assert "an older one, costs/acme-costs/20260801-20260831/" in held["reason"]
    truth = site.bill.truth_rounded(18)
    assert truth.billed()["USD"] == Decimal(first["sums"]["billed_cost:USD"])
    assert truth.effective()["USD"] == Decimal(first["sums"]["effective_cost:USD"])
    assert "match" in json.dumps(proof)
    assert "drift" not in {each["result"] for each in _checks(proof)}


def test_an_export_takes_over_from_queries_once_they_count_no_more(site):
    """Both have the same money: the export is held with the command that ends it, then committed."""
    site.put(site.bill, Place(), 2)
    site.toml = TOML
    asked = site.sync()
    site.toml += EXPORT
    held = site.sync()
    command = held["reason"].rpartition("ogfd slices drop ")[2].split(" --reason")[0]
    dropped = site.run("slices", "drop", command, "--reason", "the export has it")
    taken = site.sync()

    assert ("committed", "held", "committed") == (
        asked["outcome"], held["outcome"], taken["outcome"]
    )  # fmt: skip
    assert asked["slice"] == command
    assert 0 == dropped.returncode, dropped.stderr
    report = json.loads(site.run("report", "--year", "2026", "--format", "json").stdout)
    assert [taken["line_count"]] == [row["line_count"] for row in report["rows"]]


def _checks(document):
    """Return everything in a document that has a result."""
    if isinstance(document, dict):
        if "result" in document:
            yield document
        for value in document.values():
            yield from _checks(value)
    elif isinstance(document, list):
        for value in document:
            yield from _checks(value)
