"""The stand-in of the carbon API and what it is fed with, seen through a client of its own."""

from datetime import UTC, datetime
from decimal import Decimal

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from ogfd_sandbox.carbon import footprint, publish, recompute
from ogfd_sandbox.cur import CurSettings, Month, assemble
from ogfd_sandbox.faults import Rule
from ogfd_sandbox.s3 import S3Server

SETTINGS = CurSettings(seed=4, rows=400, accounts=5)
AUGUST, SEPTEMBER = Month(2026, 8), Month(2026, 9)
LBM = "TOTAL_LBM_CARBON_EMISSIONS"
MBM = "TOTAL_MBM_CARBON_EMISSIONS"
GROUPS = ["USAGE_ACCOUNT_ID", "REGION", "SERVICE"]


@pytest.fixture(scope="module")
def server():
    with S3Server() as running:
        yield running


@pytest.fixture
def made(server):
    server.heal()
    months = [footprint(SETTINGS, month) for month in (AUGUST, SEPTEMBER)]
    publish(server, months)
    server.forget_requests()
    return months


def client(server, service="sustainability"):
    return boto3.client(
        service,
        endpoint_url=server.url,
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=Config(retries={"total_max_attempts": 1}),
    )


def ask(server, start=(2026, 8, 1), end=(2026, 9, 1), **more):
    span = {
        "Start": datetime(*start, tzinfo=UTC),
        "End": datetime(*end, tzinfo=UTC),
    }
    return client(server).get_estimated_carbon_emissions(TimePeriod=span, **more)


def test_a_footprint_is_that_of_the_bill():
    """The same accounts, regions and services, and the same at every call."""
    made = footprint(SETTINGS, AUGUST)
    bill = assemble(SETTINGS, AUGUST).truth.totals
    named = {total.region for total in bill if total.region} - {"global"} | {"Global"}

    assert made == footprint(SETTINGS, AUGUST)
    assert made != footprint(SETTINGS, SEPTEMBER)
    assert {part.account_id for part in made.parts} <= {total.account_id for total in bill}
    assert {part.region for part in made.parts} <= named
    assert {part.service for part in made.parts} <= {total.product_code for total in bill}


def test_totals_are_the_sums_of_their_scopes():
    """By each method on its own."""
    kg = footprint(SETTINGS, AUGUST).kg()

    for total, method in ((LBM, "LBM"), (MBM, "MBM")):
        scopes = (f"SCOPE_2_{method}", f"SCOPE_3_{method}", "SCOPE_1")
        assert kg[total] == sum(kg[f"TOTAL_{scope}_CARBON_EMISSIONS"] for scope in scopes)
    newer = recompute(footprint(SETTINGS, AUGUST), "v9.0.0")
    assert ("v9.0.0", True) == (newer.model, newer.kg()[LBM] != kg[LBM])


def test_all_pages_give_the_truth(server, made):
    """To the gram, in metric tons."""
    found = []
    more = {}
    while more is not None:
        answer = ask(server, GroupBy=GROUPS, EmissionsTypes=[LBM], MaxResults=7, **more)
        found += answer["Results"]
        more = {"NextToken": answer["NextToken"]} if "NextToken" in answer else None
    tons = sum(Decimal(repr(one["EmissionsValues"][LBM]["Value"])) for one in found)

    assert made[0].kg()[LBM] == tons * 1000
    assert len(made[0].parts) == len(found)
    assert {"MTCO2e"} == {one["EmissionsValues"][LBM]["Unit"] for one in found}


def test_defaults_are_those_of_the_service(server, made):
    """Two types, no groups, 40 results a page: what a reader must not rely on."""
    (total,) = ask(server)["Results"]

    assert {LBM, MBM} == total["EmissionsValues"].keys()
    assert {} == total["DimensionsValues"]
    assert 40 == len(ask(server, GroupBy=GROUPS)["Results"])


@pytest.mark.parametrize(
    ("start", "end", "months"),
    [
        ((2026, 1, 1), (2027, 1, 1), 2),
        ((2026, 7, 15), (2026, 8, 15), 1),
        ((2026, 8, 2), (2026, 9, 1), 0),
        ((2026, 8, 1), (2026, 9, 2), 2),
    ],
)
def test_a_month_is_in_by_its_first_instant(server, made, start, end, months):
    """A span from the 15th to the 15th has the later month alone."""
    assert months == len(ask(server, start, end)["Results"])


def test_a_wrong_request_is_refused(server, made):
    """As the service does, so that a wrong client fails here already."""
    for more in ({"start": (2026, 9, 1)}, {"NextToken": "x"}, {"Granularity": "YEARLY_FISCAL"}):
        with pytest.raises(ClientError) as caught:
            ask(server, **more)
        assert "ValidationException" == caught.value.response["Error"]["Code"]


def test_the_credentials_are_those_of_the_payer(server, made):
    """The account that the bill is made out to."""
    assert made[0].payer == client(server, "sts").get_caller_identity()["Account"]


def test_requests_are_logged_by_what_they_ask(server, made):
    """Months, groups, page."""
    ask(server, GroupBy=["REGION"], MaxResults=2)

    (request,) = server.requests()
    assert ("GetEstimatedCarbonEmissions", "2026-08-01/2026-09-01 REGION 1", 200) == (
        request.operation,
        request.key,
        request.status,
    )


def test_faults_come_as_the_service_words_them(server, made):
    """An error in JSON, a page of HTML, a token that leads nowhere."""
    server.inject(
        Rule(action="status", operation="*", status=429, code="ThrottlingException"),
        Rule(action="html", operation="*", first=2),
        Rule(action="repeat", operation="*", first=3, times=2),
    )
    with pytest.raises(ClientError) as caught:
        ask(server)
    assert "ThrottlingException" == caught.value.response["Error"]["Code"]
    assert "Results" not in ask(server)
    token = ask(server, GroupBy=GROUPS, MaxResults=5)["NextToken"]
    assert token == ask(server, GroupBy=GROUPS, MaxResults=5, NextToken=token)["NextToken"]


def test_an_account_may_have_no_emissions(server):
    """An answer without results."""
    publish(server, [], payer="000000000007")

    assert [] == ask(server)["Results"]
    assert "000000000007" == client(server, "sts").get_caller_identity()["Account"]
