"""Emissions, read from a stand-in of the service by the real SDK."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from ogfd_aws import ogfd_connector
from ogfd_aws.regions import where
from ogfd_sandbox.carbon import publish, recompute
from ogfd_sandbox.cur import Month
from ogfd_sandbox.cur.catalog import OFFERS
from ogfd_sandbox.faults import Rule

from ogfd.plugin import (
    AuthError,
    FatalError,
    Period,
    SourceChanged,
    TransientError,
)
from ogfd.testing import check_connector

AUGUST, SEPTEMBER, OCTOBER = (Month(2026, month) for month in (8, 9, 10))
WINDOW = Period.months("2022-01", "2026-11")
TYPES = {
    "location_based_kg": "TOTAL_LBM_CARBON_EMISSIONS",
    "market_based_kg": "TOTAL_MBM_CARBON_EMISSIONS",
    "scope1_kg": "TOTAL_SCOPE_1_CARBON_EMISSIONS",
    "scope2_location_kg": "TOTAL_SCOPE_2_LBM_CARBON_EMISSIONS",
    "scope2_market_kg": "TOTAL_SCOPE_2_MBM_CARBON_EMISSIONS",
    "scope3_kg": "TOTAL_SCOPE_3_LBM_CARBON_EMISSIONS",
}
GROUPED = "*USAGE_ACCOUNT_ID*"


def sums(out):
    rows = out.rows()
    return {name: sum(row[name] for row in rows) for name in TYPES}


async def test_a_month_equals_its_source(shop, year, august):
    """Every scope in its own column, by account, Region and service; to the gram."""
    out = await shop.emitted()

    truth = august.kg()
    assert {name: truth[kind] for name, kind in TYPES.items()} == sums(out)
    by_place = august.kg_by("account_id", "region", "service")
    assert len(by_place) == len(out.rows())
    for row in out.rows():
        region = "Global" if row["region"] == "global" else row["region"]
        kg = by_place[row["account_id"], region, row["sku"]]
        assert {name: kg[kind] for name, kind in TYPES.items()} == {n: row[n] for n in TYPES}
        market = dict(row["metadata"])["scope3_market_kg"]
        assert kg["TOTAL_SCOPE_3_MBM_CARBON_EMISSIONS"] == Decimal(market)


async def test_rows_say_what_they_are(shop, year, august):
    """Reported by the provider, of the customer's scope 3, of the account that pays."""
    out = await shop.emitted()

    for row in out.rows():
        said = {
            "source": "aws_carbon", "billing_account_id": august.payer,
            "billing_period": "2026-08", "charge_category": "emission", "ghg_scope": 3,
            "ghg_category": 1, "method": "supplier_specific", "data_quality": "reported",
            "model_version": "v3.0.0", "period_start": AUGUST.start, "period_end": AUGUST.end,
        }  # fmt: skip
        assert said == {name: row[name] for name in said}
        assert not {"billed_cost", "currency", "quantity"} & {k for k, v in row.items() if v}


async def test_places_are_those_of_the_cost(shop, year):
    """Global services are nowhere; AWS writes their Region as ``Global`` here."""
    rows = (await shop.emitted()).rows()

    (everywhere,) = {
        (row["region"], row["location"], row.get("country"))
        for row in rows
        if row["service"] == "Amazon CloudFront"
    }
    assert ("global", "GLOBAL", None) == everywhere
    known = [row for row in rows if row["region"] != "global"]
    assert all((where(row["region"]).country == row["country"]) for row in known)
    assert {"compute", "storage"} <= {row["category"] for row in rows}


async def test_pages_are_all_read(shop, year, august):
    """However small the service makes them; the size is always asked for."""
    shop.server.inject(Rule(action="pages", key=GROUPED, operation="*", results=7, times=999))
    out = await shop.emitted()

    assert august.kg()[TYPES["location_based_kg"]] == sums(out)["location_based_kg"]
    assert shop.server.count("GetEstimatedCarbonEmissions", GROUPED) == -(-len(out.rows()) // 7)


async def test_a_page_holds_more_than_the_smallest_default(shop, year):
    """40 in one version of the service's model: a month of more results than that is one page."""
    out = await shop.emitted()

    assert len(out.rows()) > 40
    assert 1 == shop.server.count("GetEstimatedCarbonEmissions", GROUPED)


async def test_a_token_that_comes_twice_is_fatal(shop, year):
    """Rather than reading one page for ever, or counting it twice."""
    shop.server.inject(
        Rule(action="pages", key=GROUPED, operation="*", results=7, times=1),
        Rule(action="repeat", key=GROUPED, operation="*", first=2, times=99),
    )

    with pytest.raises(FatalError, match="circle"):
        await shop.emitted()


async def test_a_new_model_restates_the_old_months(shop, year, august):
    """Its version is in the rows, so the digest of the month changes."""
    before = await shop.emitted()
    newer = recompute(august, "v3.1.0")
    publish(shop.server, [newer, *year[1:]])
    after = await shop.emitted()

    assert {"v3.1.0"} == {row["model_version"] for row in after.rows()}
    assert newer.kg()[TYPES["scope3_kg"]] == sums(after)["scope3_kg"] != sums(before)["scope3_kg"]


async def test_a_month_that_is_recomputed_between_pages_starts_over(shop, year, august):
    """Half of each model would be neither."""
    ctx = shop.context()
    newer = [recompute(each, "v3.1.0") for each in year]

    async def before(call):
        grouped = shop.server.count("GetEstimatedCarbonEmissions", GROUPED)
        if call.operation.startswith("sustainability:") and grouped == 1:
            publish(shop.server, newer)

    ctx.before = before
    shop.server.inject(Rule(action="pages", key=GROUPED, operation="*", results=9, times=99))

    with pytest.raises(SourceChanged, match=r"recomputed by model v3\.1\.0"):
        await shop.emitted(ctx=ctx)


async def test_pages_that_moved_start_over(shop, august):
    """A group more before them, and the last one of a page comes again: it would count twice."""
    small = replace(august, parts=august.parts[:3])
    grown = replace(august, parts=(replace(august.parts[0], account_id="0"), *small.parts))
    publish(shop.server, [small])
    shop.server.inject(Rule(action="pages", key=GROUPED, operation="*", times=99))
    shop.server.forget_requests()
    ctx = shop.context()

    async def before(_):
        if shop.server.count("GetEstimatedCarbonEmissions", GROUPED) == 1:
            publish(shop.server, [grown])

    ctx.before = before

    with pytest.raises(SourceChanged, match="came twice"):
        await shop.emitted(ctx=ctx)


async def test_a_month_whose_rows_vanish_is_no_empty_month(shop, year, august):
    """Its total says that there are some."""
    with pytest.raises(TransientError, match="empty, its total is not"):
        await shop.emitted(between=lambda: publish(shop.server, year[1:], payer=august.payer))


@pytest.mark.parametrize("key", [GROUPED, "* - 1"])
@pytest.mark.parametrize("action", ["html", "truncate"])
async def test_an_answer_that_is_none_is_transient(shop, year, key, action):
    """A proxy's page with status 200 is an empty success to the SDK."""
    shop.server.inject(Rule(action=action, operation="*", key=key, hide_length=True))

    with pytest.raises(TransientError):
        await shop.emitted()


async def test_an_identity_that_is_none_is_transient(shop, year):
    """The rows would have no payer."""
    shop.server.inject(Rule(action="html", operation="GetCallerIdentity"))

    with pytest.raises(TransientError):
        await shop.emitted()


async def test_a_member_is_billed_to_its_manager(shop, year, august):
    """As an export of the payer says, so that the two are not counted both; it asks as itself."""
    shop.server.set_billing(manager="000000000009")
    ctx = shop.context()
    rows = (await shop.emitted(ctx=ctx)).rows()

    assert {"000000000009"} == {row["billing_account_id"] for row in rows}
    assert [f"arn:aws:iam::{august.payer}:user/ogfd"] == ctx.identities


async def test_who_may_not_ask_for_its_manager_pays_itself(shop, year, august):
    """The permission is not among those that are needed."""
    shop.server.set_billing(manager="000000000009")
    shop.server.inject(
        Rule(
            action="status",
            operation="DescribeOrganization",
            status=400,
            code="AccessDeniedException",
        )
    )

    assert {august.payer} == {row["billing_account_id"] for row in (await shop.emitted()).rows()}


@pytest.mark.parametrize(
    "rule", [{"action": "status", "status": 503}, {"action": "html"}, {"action": "truncate"}]
)
async def test_a_manager_that_cannot_be_told_is_no_member(shop, year, rule):
    """Rows must not change their payer with the weather."""
    shop.server.inject(Rule(operation="DescribeOrganization", **rule))

    with pytest.raises(TransientError):
        await shop.emitted()


async def test_throttling_says_how_long_to_wait(shop, year):
    """429 with a code of the service and ``Retry-After``."""
    shop.server.inject(
        Rule(
            action="status",
            operation="*",
            key=GROUPED,
            status=429,
            code="ThrottlingException",
            retry_after="7",
        )
    )

    with pytest.raises(TransientError) as caught:
        await shop.emitted()
    assert (429, "ThrottlingException") == (caught.value.status, caught.value.code)
    assert timedelta(seconds=7) == caught.value.retry_after


async def test_a_missing_permission_is_an_auth_error_with_the_grant(shop, year):
    """The hint names what to grant."""
    shop.server.inject(
        Rule(action="status", operation="*", status=403, code="AccessDeniedException", times=9)
    )

    with pytest.raises(AuthError, match="sustainability:GetEstimatedCarbonEmissions"):
        await shop.emission_months()


async def test_the_services_own_totals_are_those_of_the_rows(shop, year, august):
    """By the same path, so they are no independent proof."""
    async with shop.emissions() as stream:
        found = await stream.totals("2026-08")
        missing = await stream.totals("2026-11")

    truth = august.kg()
    assert {name: truth[kind] for name, kind in TYPES.items()} == found.sums
    assert (False, None) == (found.independent, missing)


async def test_what_is_not_reported_stays_null(shop):
    """The total is known, its scopes are not."""
    months = {
        "2026-08": {
            "model": "v1",
            "parts": [
                {"USAGE_ACCOUNT_ID": "1", "REGION": "mars-1", "SERVICE": "Odd",
                 "grams": {"TOTAL_MBM_CARBON_EMISSIONS": 5}}
            ],
        }
    }  # fmt: skip
    shop.server.set_emissions("000000000001", months)
    (row,) = (await shop.emitted()).rows()

    assert Decimal("0.005") == row["market_based_kg"]
    assert [None] * 5 == [row.get(name) for name in TYPES if name != "market_based_kg"]
    assert ("mars-1", None, "other") == (row["region"], row.get("location"), row["category"])


async def test_services_have_the_names_that_cost_has(shop, year):
    """The API has codes, reports have names; the code stays beside the name."""
    rows = (await shop.emitted()).rows()

    named = {row["sku"]: row["service"] for row in rows}
    assert "Amazon Elastic Compute Cloud" == named["AmazonEC2"]
    assert {offer.code: offer.name for offer in OFFERS if offer.code in named} == named


async def test_a_service_may_come_by_its_name(shop):
    """Nobody has seen every answer of the API; a name is as good as a code."""
    part = {"USAGE_ACCOUNT_ID": "1", "REGION": "us-east-1", "SERVICE": "AWS Lambda", "grams": {}}
    shop.server.set_emissions("000000000001", {"2026-08": {"model": "v1", "parts": [part]}})

    out = await shop.emitted()

    assert [("AWS Lambda", "compute")] == [(r["service"], r["category"]) for r in out.rows()]
    assert not out.unknowns


async def test_what_the_tables_do_not_know_is_on_record(shop):
    """The rows are kept as they are."""
    part = {"USAGE_ACCOUNT_ID": "1", "REGION": "mars-1", "SERVICE": "Odd", "grams": {}}
    months = {"2026-08": {"model": "v1", "parts": [part, part | {"USAGE_ACCOUNT_ID": "2"}]}}
    shop.server.set_emissions("000000000001", months)

    out = await shop.emitted()

    assert {("service", "Odd"): 2, ("region", "mars-1"): 2} == out.unknowns


async def test_the_connector_conforms(shop, year):
    """With a fault and a cancellation at every request."""
    await check_connector(
        ogfd_connector(), shop.carbon(), window=Period.months("2026-09", "2026-10"),
        context=shop.context,
    )  # fmt: skip


async def test_both_streams_share_one_session(shop, year, write):
    """Credentials that ran out are renewed once for all clients of a run."""
    shop.put_month({"1.csv.gz": write([{}])})
    asked = []
    ctx = shop.context()
    ctx.on_expired = asked.append
    config = shop.config().model_copy(update={"carbon": shop.carbon().carbon})
    async with ogfd_connector().open(config, ctx) as streams:
        assert {"cost", "carbon"} == streams.keys()

    assert 1 == len(asked)
