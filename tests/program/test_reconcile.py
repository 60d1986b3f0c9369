"""``ogfd reconcile`` as a user runs it: emissions beside the totals of the same service."""

import json
import time
from datetime import UTC, datetime

import pytest
from ogfd_sandbox.carbon import footprint, publish, recompute
from ogfd_sandbox.configuration import CONNECTOR
from ogfd_sandbox.cur import CurSettings, Month
from ogfd_sandbox.faults import Rule

THIS = Month.of(datetime.fromtimestamp(time.time(), UTC).date())
MONTHS = [THIS.plus(-3), THIS.plus(-2)]
MADE = [footprint(CurSettings(seed=9, rows=200, accounts=2), month) for month in MONTHS]


@pytest.fixture
def carbon(site):
    """Return a site that holds two months of emissions."""
    site.extra = f'[connectors.{CONNECTOR}.carbon]\nstart = "{MONTHS[0]}"\n'
    publish(site.s3, MADE)
    assert 0 == site.run("sync", "--stream", "carbon").returncode
    return site


def reconcile(site):
    """Reconcile the emissions; return the exit code and the document."""
    done = site.run("reconcile", "--stream", "carbon", "--json")
    return done.returncode, json.loads(done.stdout)


def test_totals_by_the_same_path_agree_and_are_no_match(carbon):
    """Six measures a month, to the gram; a month that AWS restated since is drift."""
    publish(carbon.s3, [MADE[0], recompute(MADE[1], "v3.1.0")])
    code, document = reconcile(carbon)
    checks = document["checks"]

    assert (1, "drift", []) == (code, document["result"], document["errors"])
    assert [(str(month), 6) for month in reversed(MONTHS)] == [
        (month, sum(each["billing_period"] == month for each in checks))
        for month in sorted({each["billing_period"] for each in checks}, reverse=True)
    ]
    agrees = {(each["billing_period"], each["measure"]): each["agrees"] for each in checks}
    assert all(agrees[str(MONTHS[0]), measure] for _, measure in agrees)
    assert not agrees[str(MONTHS[1]), "location_based_kg"]
    assert all(each["result"] == ("unverified" if each["agrees"] else "drift") for each in checks)
    assert {False} == {each["independent"] for each in checks}


def test_a_refusal_is_a_matter_of_permission(carbon):
    """Exit 77: nothing could be compared."""
    carbon.s3.inject(
        Rule(
            action="status",
            operation="GetEstimatedCarbonEmissions",
            status=403,
            code="AccessDeniedException",
            times=9,
        )
    )
    code, document = reconcile(carbon)

    assert (77, []) == (code, document["checks"])
    assert ["auth"] == [each["class"] for each in document["errors"]]
