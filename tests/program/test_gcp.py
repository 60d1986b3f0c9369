"""Costs and emissions of Google Cloud, read by the installed program from a stand-in of BigQuery."""

import json
import sqlite3
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import starting
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from ogfd_sandbox.bigquery import footprint
from ogfd_sandbox.bigquery.bill import (
    Bill,
    BillSettings,
    add_late,
    assemble,
    correct,
    put,
    vanish,
)
from ogfd_sandbox.bigquery.footprint import Footprint, FootprintSettings
from ogfd_sandbox.bigquery.server import BigQueryServer, Job, Request
from ogfd_sandbox.bigquery.tables import PROJECT
from ogfd_sandbox.bigquery.tokens import CLIENT_EMAIL
from ogfd_sandbox.configuration import environment
from ogfd_sandbox.cur import Month
from ogfd_sandbox.faults import Rule

MONTH = Month(2026, 8)
TOML = """\
[daemon]
state_dir = "{directory}/state"
socket = "{directory}/ogfd.sock"
listen = "127.0.0.1:0"
[sinks.main]
type = "sqlite"
path = "{directory}/ogfd.db"
[connectors.gcp]
type = "gcp"
credentials = "env:SANDBOX_KEY"
job_project = "{project}"
tokens = "exchange"
endpoint = "{bigquery.url}"
start = "{month}"
"""


@dataclass
class Site:
    """A BigQuery, and ogfd beside it."""

    bigquery: BigQueryServer
    directory: Path
    tables: dict[str, str] = field(default_factory=dict)
    reference: str = ""
    key: str = ""

    def put(self, bill: Bill) -> None:
        [table] = put(self.bigquery, bill)
        self.tables["cost"] = table.path

    def put_carbon(self, made: Footprint) -> None:
        self.bigquery.set_table(made.table, made.rows)
        self.tables["carbon"] = made.table.path

    def start(self, *arguments: str) -> starting.Program:
        config = self.directory / "ogfd.toml"
        toml = TOML.format(
            directory=self.directory, bigquery=self.bigquery, project=PROJECT, month=MONTH
        )
        for stream, table in self.tables.items():
            toml += f'[connectors.gcp.{stream}]\ntable = "{table}"\n'
            if stream == "cost" and self.reference:
                toml += f'reference = "{self.reference}"\n'
        config.write_text(toml)
        environ = environment() | {"SANDBOX_KEY": self.key or self.bigquery.credentials_json()}
        return starting.Program("-vv", "-c", config, *arguments, environ=environ)

    def run(self, *arguments: str) -> tuple[int, str, str]:
        done = self.start(*arguments).end()
        return done.returncode, done.stdout, done.stderr

    def sync(self, code: int = 0) -> dict[str, list[str]]:
        """Sync, and return the slices by outcome."""
        returned, out, err = self.run("sync", "--json")
        assert code == returned, err + out
        key = json.loads(self.bigquery.credentials_json())["private_key"]
        for secret in ("ya29.", "Bearer ", "eyJ", key.splitlines()[1]):
            assert secret not in err + out
        found: dict[str, list[str]] = {}
        for run in json.loads(out)["runs"]:
            for one in run["slices"]:
                found.setdefault(one["outcome"], []).append(one["slice"])
        return found

    def sums(self, stream: str) -> dict[str, Decimal]:
        """Return the exact sums of a stream in the sink's ledger."""
        found: dict[str, Decimal] = {}
        with sqlite3.connect(self.directory / "ogfd.db") as db:
            sql = "SELECT sums FROM ogfd_ledger WHERE stream = ?"
            for (text,) in db.execute(sql, [stream]):
                for name, amount in json.loads(text).items():
                    found[name] = found.get(name, Decimal()) + Decimal(amount)
        db.close()
        return found

    def identity(self) -> str:
        """Return as whom the connector said to be signed in."""
        with sqlite3.connect(self.directory / "state" / "state.db") as db:
            [(name,)] = db.execute("SELECT name FROM identities WHERE connector = 'gcp'")
        db.close()
        return name

    def by_month(self) -> dict[str, Any]:
        """Return the billed cost by billing period, as the sink's view has it."""
        sql = "SELECT billing_period, SUM(billed_cost) FROM ogfd_cost GROUP BY 1"
        with sqlite3.connect(self.directory / "ogfd.db") as db:
            found = {month: pytest.approx(cost) for month, cost in db.execute(sql)}
        db.close()
        return found

    def reads(self, purpose: str = "cost") -> list[Job]:
        """Return the jobs that read rows."""
        jobs = [job for job in self.bigquery.jobs() if not job.dry_run]
        return [job for job in jobs if job.labels.get("ogfd") == purpose]


@pytest.fixture(scope="module")
def bigquery() -> Iterator[BigQueryServer]:
    with BigQueryServer() as server:
        yield server


@pytest.fixture
def site(bigquery: BigQueryServer, tmp_path: Path) -> Site:
    bigquery.reset()
    return Site(bigquery, tmp_path)


@pytest.fixture(scope="module")
def bill() -> Bill:
    """The first days of a month's bill."""
    made = assemble(BillSettings(seed=7, first=MONTH, months=1, rows=200, late_percent=0))
    for day in made.partitions[6:]:
        made = vanish(made, day)
    return made


def invoiced(bill: Bill) -> dict[str, float]:
    found = bill.truth.by("net", "invoice_month")
    return {f"{month[:4]}-{month[4:]}": float(cost) for (month,), cost in found.items()}


def net(bill: Bill) -> Decimal:
    return sum(bill.truth.by("net").values(), Decimal())


def test_it_holds_what_the_exports_hold(site, bill):
    """To the last digit; what did not change is not read again, what did is, and nothing else."""
    emissions = footprint.assemble(FootprintSettings(seed=7, first=MONTH, months=1))
    site.put(bill)
    site.put_carbon(emissions)
    site.sync()
    costs, kilograms = site.sums("cost"), site.sums("carbon")
    read = len(site.reads()), len(site.reads("carbon"))
    again = site.sync()

    assert net(bill) == costs["billed_cost:USD"]
    assert invoiced(bill) == site.by_month()
    assert {
        f"{method}_kg": emissions.total(method)[()] for method in ("location_based", "market_based")
    } == {name: kilograms[name] for name in ("location_based_kg", "market_based_kg")}
    assert ["pending", "unchanged"] == sorted(again)
    assert CLIENT_EMAIL == site.identity()
    assert (len(bill.partitions), 2) == read
    assert read == (len(site.reads()), len(site.reads("carbon")))

    later = vanish(correct(add_late(bill), rows=3), bill.partitions[2], rows=2)
    site.put(later)
    done = site.sync()

    changed = {f"gcp/cost/{day}" for day in ("2026-08-03", "2026-08-20", "2026-09-05")}
    assert changed == set(done["committed"])
    assert len(changed) == len(site.reads()) - read[0]
    assert net(later) == site.sums("cost")["billed_cost:USD"]
    assert invoiced(later) == site.by_month()


def test_months_are_compared_with_another_export_or_with_the_table_itself(site, bill):
    """The one proves a month right or wrong; the other one shows what is gone since it was read."""
    days = [date(2026, 9, 1), date(2026, 10, 1)]
    whole = bill
    for day in bill.partitions[2:]:
        whole = vanish(whole, day)
    for day in days:
        whole = correct(whole, partition=day)
    site.put(whole)
    site.sync()
    [reference] = put(site.bigquery, vanish(whole, days[0]), "focus")
    site.reference = reference.path
    code, found = reconciled(site)

    assert (1, ("drift", "the other")) == (code, found["2026-09"])
    assert [("match", "the other"), ("unverified", None)] == [found["2026-08"], found["2026-07"]]

    site.reference = ""
    site.put(vanish(whole, bill.partitions[1]))
    code, found = reconciled(site)

    assert (1, ("drift", "its own")) == (code, found["2026-08"])
    assert ("unverified", "its own") == found["2026-09"]


def reconciled(site: Site) -> tuple[int, dict[str, tuple[str, str | None]]]:
    """Return the exit code, and by month the result of both costs and what it was compared with."""
    code, out, _ = site.run("reconcile", "--stream", "cost", "--json")
    paths = {None: None, True: "the other", False: "its own"}
    found: dict[str, set[tuple[str, str | None]]] = {}
    for one in json.loads(out)["checks"]:
        told = (one["result"], paths[one["independent"]])
        found.setdefault(one["billing_period"], set()).add(told)
    return code, {month: told for month, (told,) in found.items()}


def test_a_wrong_key_is_a_matter_of_credentials(site, bill):
    """Nothing was read: exit 77, and the message says what is wrong, but not what the key is."""
    site.put(bill)
    known = json.loads(site.bigquery.credentials_json())
    pem = rsa.generate_private_key(65537, 2048).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    site.key = json.dumps(known | {"private_key": pem.decode()})
    code, out, err = site.run("sync")

    assert 77 == code
    assert "sign-in failed: invalid_grant" in out + err
    assert "check the credentials" in out + err
    assert pem.decode().splitlines()[1] not in out + err
    assert 1 == site.bigquery.count("Token")


def test_killed_between_two_pages_it_pays_no_second_time(site, bill):
    """The job is done and its rows are there: the next sync finds it by its id."""
    site.put(bill)
    site.bigquery.inject(
        Rule(action="hang", operation="GetQueryResults", key="*ogfd_cost_* 1 *", seconds=60),
        Rule(
            action="pages", operation="GetQueryResults", key="*ogfd_cost_*", results=1, times=9_999
        ),
    )
    program = site.start("sync")
    deadline = time.monotonic() + 30
    while not any(" 1 " in one.key for one in paged(site)) and time.monotonic() < deadline:
        time.sleep(0.05)
    program.kill()
    program.end()
    before = {job.job_id for job in site.reads()}
    site.bigquery.heal()
    site.sync()

    assert before
    assert len(bill.partitions) == len(site.reads())
    assert before <= {job.job_id for job in site.reads()}
    assert net(bill) == site.sums("cost")["billed_cost:USD"]


def paged(site: Site) -> list[Request]:
    """Return the requests for rows of the cost."""
    return [
        one
        for one in site.bigquery.requests()
        if one.operation == "GetQueryResults" and "ogfd_cost" in one.key
    ]
