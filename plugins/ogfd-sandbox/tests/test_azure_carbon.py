"""Emissions of the Azure stand-in: its reports, what it refuses, and what it is fed with."""

import json
from decimal import Decimal

import pytest
from ogfd_sandbox.azure.footprint import footprint, restated, subscriptions
from ogfd_sandbox.azure.seeds import Subscription
from ogfd_sandbox.cur import Month
from ogfd_sandbox.faults import Rule

JULY, AUGUST, SEPTEMBER = Month(2026, 7), Month(2026, 8), Month(2026, 9)
MADE = footprint(5, [JULY, AUGUST, SEPTEMBER])
FIRST, SECOND, THIRD = (one.subscription_id for one in MADE.subscriptions)
REPORT = "/providers/Microsoft.Carbon/carbonEmissionReports?api-version=2025-04-01"
RANGE = "/providers/Microsoft.Carbon/queryCarbonEmissionDataAvailableDateRange"


def body(month="2026-08-01", **changes):
    return {
        "reportType": "ItemDetailsReport",
        "subscriptionList": [FIRST, SECOND, THIRD],
        "carbonScopeList": ["Scope2"],
        "dateRange": {"start": month, "end": month},
        "categoryType": "Resource",
        "orderBy": "ItemName",
        "sortDirection": "Asc",
        "pageSize": 5000,
    } | changes


async def report(client, **changes):
    status, _, found = await client.ask("POST", REPORT, json=body(**changes))
    return status, json.loads(found, parse_float=Decimal)


async def rows(client, **changes):
    found, token = [], None
    while True:
        extra = {"skipToken": token} if token else {}
        status, answer = await report(client, **(changes | extra))
        assert 200 == status
        found += answer["value"]
        token = answer["skipToken"]
        if not token:
            return found


def kg(found):
    return sum(Decimal(row["latestMonthEmissions"]) for row in found)


@pytest.fixture
def made(azure):
    MADE.publish(azure)
    return azure


@pytest.mark.parametrize("category", ["Resource", "ResourceGroup", "Subscription", "Location"])
@pytest.mark.parametrize("scope", ["Scope1", "Scope2", "Scope3"])
async def test_every_grouping_adds_up_to_the_truth(made, client, category, scope):
    """To the last gram, and without naming the scope."""
    found = await rows(client, carbonScopeList=[scope], categoryType=category)

    assert MADE.kg(AUGUST)[scope.lower()] == kg(found)
    assert scope not in json.dumps(found, default=str)


async def test_pages_hold_every_item_once(made, client):
    """In the order of their names; the last page has an empty token, an only one a null."""
    found = await rows(client, pageSize=7)
    named = [item.name for item in MADE.items if item.month == "2026-08"]

    assert sorted(named) == sorted(r["itemName"] for r in found if r["latestMonthEmissions"])
    assert sorted(row["itemName"] for row in found) == [row["itemName"] for row in found]
    assert len(found) == len({row["resourceId"] for row in found})
    assert -(-len(found) // 7) == made.count(
        "CarbonReport", "ItemDetailsReport Scope2 2026-08-01/2026-08-01 Resource 3 *"
    )
    assert (await report(client))[1]["skipToken"] is None


async def test_a_month_tells_of_the_one_before(made, client):
    """Items that are gone are listed once more, so that the sum is that of the month before."""
    found = await rows(client, month="2026-09-01")
    before = sum(Decimal(row["previousMonthEmissions"]) for row in found)

    assert MADE.kg(AUGUST)["scope2"] == before
    assert MADE.kg(SEPTEMBER)["scope2"] == kg(found)
    assert any(row["latestMonthEmissions"] == 0 for row in found)


async def test_a_restated_month_is_another_one(made, client):
    """And the month after it tells so."""
    newer = restated(MADE, AUGUST)
    newer.publish(made)

    assert newer.kg(AUGUST)["scope2"] == kg(await rows(client)) != MADE.kg(AUGUST)["scope2"]
    assert newer.kg(SEPTEMBER) == MADE.kg(SEPTEMBER)
    found = await rows(client, month="2026-09-01")
    before = sum(Decimal(row["previousMonthEmissions"]) for row in found)
    assert newer.kg(AUGUST)["scope2"] == before


async def test_summaries_add_up_too(made, client):
    """Of each month, the latest first; and of all."""
    dates = {"dateRange": {"start": "2026-07-01", "end": "2026-09-01"}}
    _, monthly = await report(client, reportType="MonthlySummaryReport", **dates)
    _, overall = await report(client, reportType="OverallSummaryReport", **dates)

    assert ["2026-09-01", "2026-08-01", "2026-07-01"] == [row["date"] for row in monthly["value"]]
    assert MADE.kg()["scope2"] == kg(monthly["value"]) == kg(overall["value"])


async def test_subscriptions_that_may_not_be_read_are_told_within_a_success(made, client):
    """By order, or because nobody knows them; the rest is answered."""
    unknown = "00000000-0000-0000-0000-000000000009"
    MADE.publish(made, denied=[SECOND])
    status, answer = await report(client, subscriptionList=[FIRST, SECOND, unknown])
    denied = {
        one["subscriptionId"]
        for one in answer["subscriptionAccessDecisionList"]
        if one["decision"] == "Denied" and one["denialReason"]
    }

    assert (200, {SECOND, unknown}) == (status, denied)
    assert {FIRST} == {row["subscriptionId"] for row in answer["value"]}


async def test_the_available_months_are_told(made, client):
    """Emissions of others are not there, whatever the stand-in holds."""
    made.set_carbon(MADE.items, available=("2026-08", "2026-08"))
    status, _, found = await client.ask("POST", f"{RANGE}?api-version=2025-04-01")

    assert 200 == status
    assert {"startDate": "2026-08-01", "endDate": "2026-08-01"} == json.loads(found)
    assert 0 == kg(await rows(client, month="2026-07-01"))
    assert 0 == kg(await rows(client, month="2026-09-01"))
    assert MADE.kg(AUGUST)["scope2"] == kg(await rows(client))


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"subscriptionList": [f"{n:08}-0000-0000-0000-000000000000" for n in range(101)]}, "100"),
        ({"subscriptionList": [FIRST.upper()]}, "lower case"),
        ({"subscriptionList": []}, "subscriptionList"),
        ({"carbonScopeList": ["scope1"]}, "carbonScopeList"),
        ({"dateRange": {"start": "2026-08-02", "end": "2026-08-02"}}, "dateRange"),
        ({"dateRange": {"start": "2026-07-01", "end": "2026-08-01"}}, "same month"),
        ({"pageSize": 5001}, "pageSize"),
        ({"pageSize": 0}, "pageSize"),
        ({"orderBy": None}, "orderBy"),
        ({"sortDirection": "asc"}, "sortDirection"),
        ({"categoryType": "Tag"}, "categoryType"),
        ({"reportType": "Everything"}, "reportType"),
        ({"skipToken": "bm90aGluZw=="}, "skipToken"),
        ({"locationList": ["East US"]}, "lower case"),
    ],
)
async def test_malformed_queries_are_refused(made, client, change, named):
    """With a reason, as Resource Manager words it."""
    status, answer = await report(client, **change)

    assert (400, "BadRequest") == (status, answer["error"]["code"])
    assert named in answer["error"]["message"]


async def test_the_version_of_the_api_is_required(made, client):
    """And must be one that there is."""
    missing, _, _ = await client.ask("POST", REPORT.partition("?")[0], json=body())
    unknown, _, found = await client.ask("POST", RANGE + "?api-version=2020-01-01")

    assert (400, 400) == (missing, unknown)
    assert "2025-04-01" in json.loads(found)["error"]["message"]


async def test_pages_may_be_short_or_repeat(made, client):
    """A client must not stop at the one, nor turn for ever at the other."""
    whole = await rows(client)
    made.inject(Rule(action="pages", operation="CarbonReport", results=1, times=100))
    assert whole == await rows(client)

    made.inject(Rule(action="repeat", operation="CarbonReport", first=2, times=100))
    _, first = await report(client, pageSize=3)
    _, second = await report(client, pageSize=3, skipToken=first["skipToken"])
    assert first["skipToken"] == second["skipToken"]


async def test_filters_narrow_a_report(made, client):
    """By the spelling of the answer."""
    found = await rows(client, locationList=["west europe"])

    assert {"west europe"} == {row["location"] for row in found}
    wanted = MADE.kg_by("month", "location")["2026-08", "west europe"]
    assert wanted["scope2"] == kg(found)


async def test_subscriptions_come_in_pages(azure, client):
    """Whose links lead on, past 100 of them."""
    made = subscriptions(3, 250)
    azure.set_subscriptions(made, page_size=100)
    found, url = [], "/subscriptions?api-version=2022-12-01"
    while url:
        status, _, answer = await client.ask("GET", url)
        assert 200 == status
        page = json.loads(answer)
        found += page["value"]
        url = page.get("nextLink")

    assert [one.subscription_id for one in made] == [one["subscriptionId"] for one in found]
    assert [(1, "1"), (1, "2"), (1, "3")] == [
        (azure.count("ListSubscriptions", key), key) for key in ("1", "2", "3")
    ]


async def test_a_subscription_may_have_no_emissions(azure, client):
    """It is allowed all the same."""
    azure.set_subscriptions([Subscription(subscription_id=FIRST, name="new")])
    azure.set_carbon([], available=("2026-08", "2026-08"))
    _, answer = await report(client, subscriptionList=[FIRST])

    decisions = [one["decision"] for one in answer["subscriptionAccessDecisionList"]]
    assert ([], ["Allowed"]) == (answer["value"], decisions)


def test_a_footprint_is_the_same_at_every_call():
    """Whatever other months are asked for."""
    alone = footprint(5, [AUGUST])

    assert MADE == footprint(5, [SEPTEMBER, JULY, AUGUST])
    assert alone.kg() == MADE.kg(AUGUST)
    assert alone.kg() != footprint(6, [AUGUST]).kg()


def test_the_dashboard_has_the_same_emissions_in_tonnes():
    """Exactly, by scope."""
    tonnes = MADE.dashboard()

    for scope, kilograms in MADE.kg().items():
        parts = [one.tonnes for one in tonnes if one.scope == scope.capitalize()]
        assert kilograms == 1000 * sum(parts)
