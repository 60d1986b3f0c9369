"""Errors of BigQuery as the operator sees them: outcomes, exit code, status, and what is left."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import starting
from ogfd_sandbox.bigquery.bill import Bill, BillSettings, Month, assemble, put, vanish
from ogfd_sandbox.bigquery.server import BigQueryServer
from ogfd_sandbox.bigquery.tables import PROJECT
from ogfd_sandbox.configuration import environment
from ogfd_sandbox.faults import Rule

TOML = """\
[daemon]
state_dir = "{directory}/state"
socket = "{directory}/ogfd.sock"
listen = "127.0.0.1:0"
slices = 1
[retry]
retries = 1
[sinks.main]
type = "sqlite"
path = "{directory}/ogfd.db"
[connectors.gcp]
type = "gcp"
credentials = "env:SANDBOX_KEY"
job_project = "{project}"
endpoint = "{url}"
start = "2026-08"
[connectors.gcp.cost]
table = "{table}"
"""


@dataclass
class Site:
    """A billing export, and ogfd beside it."""

    bigquery: BigQueryServer
    directory: Path

    def put(self, bill: Bill) -> None:
        [table] = put(self.bigquery, bill)
        places = {"directory": self.directory, "url": self.bigquery.url, "table": table.path}
        (self.directory / "ogfd.toml").write_text(TOML.format(project=PROJECT, **places))

    def run(self, *arguments: str) -> starting.Ended:
        environ = environment() | {"SANDBOX_KEY": self.bigquery.credentials_json()}
        return starting.run("-c", self.directory / "ogfd.toml", *arguments, environ=environ)

    def sync(self, *arguments: str) -> tuple[int, dict[str, Any]]:
        """Sync; return the exit code, and what became of each day."""
        done = self.run("sync", "--json", *arguments)
        [run] = json.loads(done.stdout)["runs"]
        return done.returncode, {one["slice"].rpartition("/")[2]: one for one in run["slices"]}

    def reads(self) -> list[str]:
        """Return how each job ended that was to read rows."""
        jobs = self.bigquery.jobs()
        return [one.reason for one in jobs if one.labels["ogfd"] == "cost" and not one.dry_run]

    def billed(self) -> Decimal:
        with closing(sqlite3.connect(self.directory / "ogfd.db")) as db:
            sums = [json.loads(text) for (text,) in db.execute("SELECT sums FROM ogfd_ledger")]
        return sum((Decimal(each["billed_cost:USD"]) for each in sums), Decimal())


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with BigQueryServer() as server:
        yield Site(server, tmp_path)


@pytest.fixture(scope="module")
def bill() -> Bill:
    """The first seven days of a month's bill."""
    made = assemble(BillSettings(seed=7, first=Month(2026, 8), months=1, rows=60, late_percent=0))
    for day in made.partitions[7:]:
        made = vanish(made, day)
    return made


def job(action: Any, number: int, **options: Any) -> Rule:
    """Spoil the request for a job of that number."""
    return Rule(action=action, operation="InsertJob", key="*ogfd_cost_*", first=number, **options)


def net(bill: Bill) -> Decimal:
    return sum(bill.truth.by("net").values(), Decimal())


def test_each_day_ends_by_its_own_error_and_no_row_is_lost(site: Site, bill: Bill) -> None:
    """One is no matter of the others, a quota excepted; the next sync makes good what has passed."""
    site.put(bill)
    days = [f"{day:%Y-%m-%d}" for day in reversed(bill.partitions)]
    site.bigquery.inject(
        job("fail", 1, code="bytesBilledLimitExceeded"),
        job("fail", 2, code="accessDenied"),
        job("fail", 3, code="jobBackendError"),  # 4 is the same day once more
        job("lost", 5),  # 6 finds it there
        job("fail", 7, code="policyViolation"),
        job("status", 8, status=403, code="quotaExceeded"),
    )
    code, found = site.sync()
    told = site.run("status").stdout

    assert 1 == code
    assert [
        ("failed", "bad_request"), ("failed", "auth"), ("committed", None), ("committed", None),
        ("failed", "fatal"), ("failed", "transient"), ("failed", "transient"),
    ] == [(found[day]["outcome"], found[day]["error_class"]) for day in days]  # fmt: skip
    assert days[5:] == [day for day in days if found[day]["next_due"]]
    hints = ("maximum_bytes_billed", "roles/bigquery", "organisation policy", "a quota of the")
    for day, hint in zip([*days[:2], *days[4:6]], hints, strict=True):
        assert hint in found[day]["reason"]
        assert found[day]["reason"] in told
    ends = [
        "bytesBilledLimitExceeded",
        "accessDenied",
        "jobBackendError",
        "",
        "",
        "policyViolation",
    ]
    assert ends == site.reads()

    site.bigquery.heal()
    site.put(vanish(bill, bill.partitions[3]))  # as a partition whose time is up does
    code, found = site.sync("--force")

    assert 0 == code
    assert "absent" == found[days[3]]["outcome"]
    others = {one["outcome"] for day, one in found.items() if day != days[3]}
    assert {"committed"} == others
    assert net(bill) == site.billed()
