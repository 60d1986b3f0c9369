"""Costs of Azure, read by the installed program from a stand-in over TLS."""

import json
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from ogfd_sandbox.azure.bill import AzureSettings, Place, assemble, deliver, put, query_rows
from ogfd_sandbox.cur import Month

MONTH = Month(2026, 8)


@pytest.fixture(scope="module")
def bill():
    return assemble(AzureSettings(seed=7, rows=600), MONTH)


@pytest.fixture
def queries(bill):
    """The table of the stream that asks for the costs of *bill*."""
    return f'[connectors.azure-eu.cost_query]\nscopes = ["{bill.book.scope}"]\n'


@pytest.fixture
def export(azure_site):
    """The table of the stream that reads an export."""
    return f"""
[connectors.azure-eu.cost]
account = "acmecosts"
container = "exports"
prefix = "costs/"
blob_endpoint = "{azure_site.azure.blob_endpoint}"
"""


@pytest.fixture
def site(azure_site, bill):
    """Return a site whose Azure answers queries for *bill* and has exported it."""
    azure_site.keys = f'start = "{MONTH}"\n'
    azure_site.azure.set_cost(query_rows(bill))
    export_to(azure_site, bill, Place(), day=2)
    return azure_site


def export_to(site, bill, place, *, day):
    """Deliver *bill* on a day of the month after."""
    submitted = datetime(2026, 9, day, 6, tzinfo=UTC)
    put(site.azure, deliver(bill, place, submitted=submitted), place.container)


def sync(site):
    """Sync the month and return what became of what is listed of it."""
    done = site.run("sync", "--json", "--from", str(MONTH), "--to", str(MONTH))
    assert done.returncode in (0, 1), done.stderr
    slices = json.loads(done.stdout)["runs"][0]["slices"]
    [outcome] = [one for one in slices if one["outcome"] != "absent"]
    return outcome


def test_a_one_time_export_of_some_days_never_replaces_the_month(site, bill, queries, export):
    """It is held with an explanation; the month stays, proved by Cost Management's own totals."""
    site.streams = queries + export
    first = sync(site)
    proof = json.loads(site.run("reconcile", "--json").stdout)
    export_to(site, bill.through(9), Place(time_frame="OneTime"), day=3)
    held = sync(site)

    assert ("committed", "held") == (first["outcome"], held["outcome"])
    assert "the new version covers 2026-08-01 to 2026-08-09, fewer days than the" in held["reason"]
    assert "an older one, costs/acme-costs/20260801-20260831/" in held["reason"]
    truth = bill.truth_rounded(18)
    assert truth.billed()["USD"] == Decimal(first["sums"]["billed_cost:USD"])
    assert truth.effective()["USD"] == Decimal(first["sums"]["effective_cost:USD"])
    assert "match" in json.dumps(proof)
    assert "drift" not in {each["result"] for each in _checks(proof)}


def test_an_export_takes_over_from_queries_once_they_count_no_more(site, queries, export):
    """Both have the same money: the export is held with the command that ends it, then committed."""
    site.streams = queries
    asked = sync(site)
    site.streams += export
    held = sync(site)
    command = held["reason"].rpartition("ogfd slices drop ")[2].split(" --reason")[0]
    dropped = site.run("slices", "drop", command, "--reason", "the export has it")
    taken = sync(site)

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
