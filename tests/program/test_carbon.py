"""Emissions, read by the installed program from a stand-in of the service, against their source."""

import json
import sqlite3
import time
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from ogfd_sandbox.carbon import footprint, publish, recompute
from ogfd_sandbox.configuration import CONNECTOR
from ogfd_sandbox.cur import CurSettings, Month
from ogfd_sandbox.faults import Rule

THIS = Month.of(datetime.fromtimestamp(time.time(), UTC).date())
FIRST, SECOND, LAST = (THIS.plus(-back) for back in (3, 2, 1))
SETTINGS = CurSettings(seed=9, rows=400, accounts=3)
OPERATION = "GetEstimatedCarbonEmissions"
COLUMNS = {
    "location_based_kg": "TOTAL_LBM_CARBON_EMISSIONS",
    "market_based_kg": "TOTAL_MBM_CARBON_EMISSIONS",
    "scope1_kg": "TOTAL_SCOPE_1_CARBON_EMISSIONS",
    "scope2_location_kg": "TOTAL_SCOPE_2_LBM_CARBON_EMISSIONS",
    "scope2_market_kg": "TOTAL_SCOPE_2_MBM_CARBON_EMISSIONS",
    "scope3_kg": "TOTAL_SCOPE_3_LBM_CARBON_EMISSIONS",
}


@pytest.fixture
def published():
    """Return what AWS has published: all but the last month."""
    return [footprint(SETTINGS, month) for month in (FIRST, SECOND)]


@pytest.fixture
def carbon(site, published):
    """Return a site that reads emissions, on a machine west of UTC."""
    site.extra = f'[connectors.{CONNECTOR}.carbon]\nstart = "{FIRST}"\n'
    site.environ["TZ"] = "America/Los_Angeles"
    publish(site.s3, published)
    site.s3.forget_requests()
    return site


def sync(site, *arguments):
    """Sync the emissions; return the exit code and the slices by month."""
    done = site.run("sync", "--stream", "carbon", "--json", *arguments)
    [run] = json.loads(done.stdout)["runs"]
    return done.returncode, {each["slice"][-7:]: each for each in run["slices"]}


def outcomes(slices):
    return {month: each["outcome"] for month, each in slices.items()}


def exact(site, month):
    """Return the exact sums of a month in the sink's ledger."""
    [(text,)] = site.query(f"SELECT sums FROM ogfd_ledger WHERE partition = '{month}'")
    return {name: Decimal(amount) for name, amount in json.loads(text).items() if "_kg" in name}


def truth(made):
    kg = made.kg()
    return {column: kg[kind] for column, kind in COLUMNS.items()}


def test_months_equal_their_source_and_the_report_shows_them(carbon, published):
    """To the gram in the ledger; what is not published yet is pending, and no error."""
    code, slices = sync(carbon)

    assert (0, {str(FIRST): "committed", str(SECOND): "committed", str(LAST): "pending"}) == (
        code,
        outcomes(slices),
    )
    for made in published:
        assert truth(made) == exact(carbon, made.month)
    done = carbon.run("report", "--by", "month,region", "--json")
    document = json.loads(done.stdout)
    rows = {(row["month"], row["region"]): row for row in document["emissions"]["rows"]}
    due = {
        (str(made.month), "global" if region == "Global" else region): kg
        for made in published
        for (region,), kg in made.kg_by("region").items()
    }
    assert due.keys() == rows.keys()
    for key, row in rows.items():
        assert (
            pytest.approx(float(due[key][COLUMNS["location_based_kg"]])) == row["location_based_kg"]
        )
        assert pytest.approx(float(due[key][COLUMNS["market_based_kg"]])) == row["market_based_kg"]
    assert (["month", "region"], [], True) == (
        document["emissions"]["by"],
        document["rows"],
        document["complete"],
    )


def test_the_report_names_the_months_it_has_no_emissions_of(carbon):
    """A sum over two months does not pass for that of three."""
    sync(carbon)
    done = carbon.run("report", "--from", str(FIRST), "--to", str(LAST), "--json")
    document = json.loads(done.stdout)

    assert not document["complete"]
    assert [f"{CONNECTOR}/carbon holds nothing for {LAST}"] == document["missing"]


def age(site):
    """Have every slice been read two days ago."""
    with sqlite3.connect(site.directory / "state" / "state.db") as db:
        db.execute(
            "UPDATE slices SET read_at = strftime('%Y-%m-%dT%H:%M:%S+00:00', read_at, '-2 days')"
        )
    db.close()


def test_a_new_model_restates_what_it_changes_alone(carbon, published):
    """Every month is read again, and replaced if its content is another."""
    sync(carbon)
    assert {"unchanged", "pending"} == set(outcomes(sync(carbon)[1]).values())
    newer = recompute(published[0], "v3.1.0")
    publish(carbon.s3, [newer, published[1]])
    age(carbon)
    _, slices = sync(carbon)

    assert {str(FIRST): "committed", str(SECOND): "unchanged", str(LAST): "pending"} == outcomes(
        slices
    )
    assert truth(newer) == exact(carbon, FIRST)
    assert [("v3.1.0",)] == carbon.query(
        f"SELECT DISTINCT model_version FROM activities WHERE partition = '{FIRST}'"
    )


def test_an_account_without_emissions_is_pending(carbon):
    """Nothing is written, nothing failed."""
    publish(carbon.s3, [])
    code, slices = sync(carbon)

    assert (0, {str(LAST): "pending"}) == (code, outcomes(slices))
    assert [(0,)] == carbon.query("SELECT count(*) FROM ogfd_ledger")


def test_throttling_is_waited_out(carbon, published):
    """As long as the service asks for."""
    rule = Rule(
        action="status", operation=OPERATION, status=429, code="ThrottlingException",
        retry_after="0.2", times=2,
    )  # fmt: skip
    carbon.s3.inject(rule)
    code, _ = sync(carbon)
    answers = [each.status for each in carbon.s3.requests() if each.operation == OPERATION]

    assert 0 == code
    assert truth(published[0]) == exact(carbon, FIRST)
    assert [429, 429, 200] == answers[:3]


def test_a_page_of_html_leaves_the_rows_as_they_were(carbon, published):
    """Status 200 or not: it must not pass for a month without emissions."""
    sync(carbon)
    publish(carbon.s3, [recompute(each, "v3.1.0") for each in published])
    carbon.s3.inject(Rule(action="html", operation=OPERATION, key="*USAGE_ACCOUNT_ID*", times=99))
    carbon.extra += "[retry]\nretries = 0\n"
    code, slices = sync(carbon, "--force")

    assert 1 == code
    assert {"transient"} == {
        each["error_class"] for each in slices.values() if each["outcome"] == "failed"
    }
    assert truth(published[0]) == exact(carbon, FIRST)


def test_the_missing_permission_is_printed(carbon):
    """One policy to paste."""
    carbon.s3.inject(
        Rule(
            action="status", operation=OPERATION, status=403, code="AccessDeniedException", times=9
        )
    )
    done = carbon.run("check", "--json")

    assert "OgfdReadCarbon" in done.stdout
    assert 0 != done.returncode
