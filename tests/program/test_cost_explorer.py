"""Cost Explorer as a user meets it: totals to reconcile with, a price, a budget that holds."""

import json
import time
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from ogfd_sandbox.configuration import CONNECTOR, SECRET_VARIABLE
from ogfd_sandbox.cur import CurSettings, Month, assemble
from ogfd_sandbox.explorer import publish

TODAY = datetime.fromtimestamp(time.time(), UTC).date()
MONTH = Month.of(TODAY).plus(-3)
MONTHS = [MONTH, MONTH.plus(1)]
WINDOW = ("--from", str(MONTH), "--to", str(MONTHS[-1]))


@pytest.fixture(scope="module")
def bills():
    return [assemble(CurSettings(seed=9, rows=400, accounts=2), month) for month in MONTHS]


@pytest.fixture
def alone(site, bills):
    """Return a site that has a connector with nothing but Cost Explorer."""
    publish(site.s3, bills, today=TODAY)
    site.s3.forget_requests()
    site.extra = f"""
[connectors.paid]
type = "aws"
endpoint_url = "{site.s3.url}"
access_key_id = "test"
secret_access_key = "env:{SECRET_VARIABLE}"
[connectors.paid.cost_explorer]
monthly_budget_usd = 0.02
"""
    return site


def asked(site):
    return site.s3.count("GetCostAndUsage")


def document(site, *arguments):
    done = site.run(*arguments, "--json")
    return done.returncode, json.loads(done.stdout)


def test_an_export_is_proved_by_cost_explorer(site, bills):
    """A match to the last digit; a dollar more over there is drift. One request a month."""
    site.extra = f"[connectors.{CONNECTOR}.cost_explorer]\n"
    site.put(bills[0])
    publish(site.s3, bills, today=TODAY)
    site.s3.forget_requests()
    code, synced = document(site, "sync", *WINDOW)
    [run] = synced["runs"]

    assert [("committed", f"{CONNECTOR}/cost/{MONTH}")] == [
        (each["outcome"], each["slice"]) for each in run["slices"]
    ]
    assert (0, 0) == (code, asked(site))

    publish(site.s3, bills, today=TODAY, surplus=Decimal(1))
    month = ("--stream", "cost", "--from", str(MONTH), "--to", str(MONTH))
    code, found = document(site, "reconcile", *month)

    truth = bills[0].truth
    assert (1, "drift", []) == (code, found["result"], found["errors"])
    assert {
        "billed_cost:USD": ("drift", truth.billed()["USD"] + 1, Decimal(-1)),
        "effective_cost:USD": ("match", truth.effective()["USD"], Decimal(0)),
    } == {
        each["measure"]: (each["result"], Decimal(each["provider"]), Decimal(each["difference"]))
        for each in found["checks"]
    }
    assert {True} == {each["independent"] for each in found["checks"]}
    assert 1 == asked(site)


def test_a_plan_names_the_price_and_asks_for_nothing(alone):
    """A request a month, at the list price."""
    planned = alone.run("plan", "paid", *WINDOW)

    assert (0, 0) == (planned.returncode, asked(alone))
    assert "0.02 USD" in planned.stdout


def test_a_budget_stops_before_it_is_passed(alone, bills):
    """Of three months two are read; the third waits for the next month, also if it is forced."""
    months = [*MONTHS, MONTHS[-1].plus(1)]
    three = [*bills, assemble(bills[0].settings, months[-1])]
    publish(alone.s3, three, today=TODAY)
    window = ("--from", str(months[0]), "--to", str(months[-1]))
    code, synced = document(alone, "sync", "paid", *window)
    [run] = synced["runs"]

    assert 1 == code
    assert ["committed", "committed", "failed"] == sorted(each["outcome"] for each in run["slices"])
    (waiting,) = [each for each in run["slices"] if each["outcome"] == "failed"]
    assert "would exceed its budget of 0.02 USD" in json.dumps(waiting)
    truth = {f"paid/cost_explorer/{bill.month}": bill.truth.billed()["USD"] for bill in three}
    del truth[waiting["slice"]]
    assert truth == {
        name: Decimal(json.loads(sums)["billed_cost:USD"])
        for name, sums in alone.query("SELECT slice, sums FROM ogfd_ledger")
    }
    assert 1 == alone.run("sync", "paid", *window, "--force").returncode
    assert 2 == asked(alone)
