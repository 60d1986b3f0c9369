"""Emissions of an enrollment, read from a stand-in of the Cloud for Sustainability API."""

import json
import re
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from ogfd_azure import ogfd_connector
from ogfd_azure.dashboard.records import parse
from ogfd_azure.dashboard.stream import _bisected
from ogfd_azure.scopes import SCOPES
from ogfd_sandbox.azure.footprint import footprint, subscriptions
from ogfd_sandbox.cur import Month
from ogfd_sandbox.faults import Rule

from ogfd.plugin import AuthError, FatalError, NotPublished, Period, Secret, SourceChanged
from ogfd.testing import Collected, check_connector

ENROLLMENT = "12345678"
INSTANCE = "20aec369-f1c8-4814-a89d-4d449dd7e8a1"
AUGUST, SEPTEMBER, OCTOBER = (Month(2026, month) for month in (8, 9, 10))
WINDOW = Period.months("2020-01", "2026-11")


@pytest.fixture
def made(estate):
    """The emissions of three months in one enrollment; today is the 20th of November."""
    found = footprint(7, [AUGUST, SEPTEMBER, OCTOBER])
    estate.azure.set_dashboard(ENROLLMENT, found.dashboard(), key="sandbox-key")
    return found


def table(estate, **keys):
    return {
        "instance_id": INSTANCE,
        "enrollments": [ENROLLMENT],
        "subscription_key": Secret("sandbox-key"),
        "endpoint": estate.azure.dashboard_endpoint,
    } | keys


def stream(estate, ctx=None, **keys):
    return estate.stream("emissions_dashboard", ctx, emissions_dashboard=table(estate, **keys))


async def read(estate, month, ctx=None, **keys):
    out = Collected()
    async with stream(estate, ctx, **keys) as opened:
        found = {each.key: each for each in await opened.partitions(WINDOW)}
        await opened.read(found[f"{ENROLLMENT}/{month}"], out)
    out.check()
    return out


async def test_a_month_equals_its_source_in_kilograms(estate, made):
    """The API counts metric tonnes; the digits are those that it sent."""
    for month in (AUGUST, SEPTEMBER, OCTOBER):
        rows = (await read(estate, month)).rows()

        kg = dict(zip(SCOPES.values(), made.kg(month).values(), strict=True))
        assert kg == {column: sum(row[column] for row in rows) for column in kg}
        assert sum(kg.values()) == sum(row["market_based_kg"] for row in rows)


async def test_scopes_are_one_row(estate, made):
    """Of a subscription, service, part and region."""
    out = await read(estate, OCTOBER)

    groups = made.kg_by("subscription_id", "month", "resource_type", "location")
    assert len([key for key in groups if key[1] == "2026-10"]) == len(out.rows())
    for row in out.rows():
        said = {
            "source": "azure_emissions_dashboard", "billing_period": "2026-10", "line_count": 3,
            "method": "supplier_specific", "data_quality": "reported", "ghg_scope": 3,
            "metadata": [("enrollment", ENROLLMENT)], "billing_account_id": row["account_id"],
        }  # fmt: skip
        assert said == {name: row[name] for name in said}
        assert "location_based_kg" not in row


async def test_pages_are_followed_to_the_end(estate, made):
    """However small the service makes them."""
    estate.azure.inject(Rule(action="pages", operation="DashboardEmissions", results=7, times=999))
    rows = (await read(estate, OCTOBER)).rows()

    kg = dict(zip(SCOPES.values(), made.kg(OCTOBER).values(), strict=True))
    assert kg == {column: sum(row[column] for row in rows) for column in kg}


async def test_records_that_are_lost_between_pages_are_noticed(estate, made):
    """The service says how many there are."""
    ctx = estate.context()
    send = ctx._respond

    async def fewer(request):
        answer = await send(request)
        body = answer.body.replace(b'"@odata.count": ', b'"@odata.count": 9')
        return type(answer)(status=answer.status, headers={}, body=body, url=answer.url)

    ctx._respond = fewer
    with pytest.raises(SourceChanged, match="records"):
        await read(estate, OCTOBER, ctx)


async def test_records_that_come_twice_are_noticed(estate, made):
    """Where pages move, the number of records stays right, and another one does not come."""
    estate.azure.inject(Rule(action="pages", operation="DashboardEmissions", results=7, times=999))
    ctx = estate.context()
    send = ctx._respond
    first = []

    async def moved(request):
        answer = await send(request)
        page = json.loads(answer.body, parse_float=str)
        if len(page["value"]) < 2:
            return answer
        first.append(page["value"][0])
        if len(first) == 2:
            page["value"][-1] = first[0] | {"rowNum": 999}
        body = json.dumps(page).replace('"totalEmissions": "', '"totalEmissions": ')
        body = re.sub(r'(?<="totalEmissions": )([-+.eE0-9]+)"', r"\1", body)
        return type(answer)(status=200, headers={}, body=body.encode(), url=answer.url)

    ctx._respond = moved
    with pytest.raises(SourceChanged, match="moved"):
        await read(estate, OCTOBER, ctx)


async def test_emissions_of_no_subscription_are_the_enrollments(estate, made):
    """They must not be counted twice either, so somebody pays for them."""
    nobody = [replace(one, subscription_id="") for one in made.dashboard()]
    estate.azure.set_dashboard(ENROLLMENT, nobody, key="sandbox-key")
    rows = (await read(estate, OCTOBER)).rows()

    assert {(ENROLLMENT, None)} == {
        (row["billing_account_id"], row.get("account_id")) for row in rows
    }


async def test_months_are_listed_from_the_first_on(estate, made):
    """Without asking for each of them."""
    async with stream(estate) as opened:
        found = await opened.partitions(WINDOW)

    assert {f"{ENROLLMENT}/{month}" for month in (AUGUST, SEPTEMBER, OCTOBER)} == {
        each.key for each in found
    }
    assert estate.azure.count("DashboardEmissions") < 20


async def test_a_month_that_is_not_published_is_pending(estate, made):
    """So is one of an enrollment without any record."""
    ctx = estate.context(now=datetime(2026, 12, 5, tzinfo=UTC))
    with pytest.raises(NotPublished, match="2026-11 of enrollment"):
        await read(estate, "2026-11", ctx)

    estate.azure.set_dashboard(ENROLLMENT, (), key="sandbox-key")
    with pytest.raises(NotPublished):
        await read(estate, "2026-10")


async def test_both_keys_are_sent_by_the_auth(estate, made):
    """A wrong subscription key is an error of the credentials; the key is in no header of ours."""
    with pytest.raises(AuthError):
        await read(estate, OCTOBER, subscription_key=Secret("wrong"))

    ctx = estate.context()
    await read(estate, OCTOBER, ctx)
    assert {"sandbox-key"} == {
        request.headers["Ocp-Apim-Subscription-Key"] for request in ctx.requests
    }


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"totalEmissions": "1"}, "totalEmissions"),
        ({"totalEmissions": None}, "totalEmissions"),
        ({"dateKey": None}, "dateKey"),
        ({"scope": "Scope 4"}, "Scope 4"),
        ({"scope": None, "scopeId": 7}, "scope"),
    ],
)
def test_a_record_that_cannot_be_understood_is_fatal(changes, said):
    """Rather than counted as something else."""
    whole = {"dateKey": 20261001, "scope": "Scope 1", "totalEmissions": Decimal("0.5")}
    with pytest.raises(FatalError, match=said):
        parse(whole | changes)


def test_scopes_are_known_by_name_first():
    """Nothing says that their ids are their numbers."""
    record = {"dateKey": 20261001, "totalEmissions": Decimal("0.0012")}

    assert 3 == parse(record | {"scope": "Scope 3", "scopeId": 1}).scope
    assert 2 == parse(record | {"scope": "Scope2"}).scope
    assert 1 == parse(record | {"scopeId": 1}).scope
    assert Decimal("1.2") == parse(record | {"scopeId": 1}).kg


@pytest.mark.parametrize("first", range(9))
async def test_the_first_index_that_holds_is_found(first):
    """Also if it is the only one, or all do."""

    async def holds(index):
        return index >= first

    assert first == await _bisected(9, holds)


async def test_the_contract_is_kept(estate):
    """With a fault and a cancellation at every call."""
    made = footprint(7, [OCTOBER], of=subscriptions(7, 1), resources=2)
    estate.azure.set_dashboard(ENROLLMENT, made.dashboard(), key="sandbox-key")
    await check_connector(
        ogfd_connector(),
        estate.config(emissions_dashboard=table(estate)),
        window=Period.month("2026-10"),
        context=estate.context,
    )
