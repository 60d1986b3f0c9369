"""Costs as queries tell them, from the stand-in of Cost Management."""

import json
from collections import defaultdict
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from ogfd_azure import ogfd_connector
from ogfd_azure.query.stream import _PRODUCTS, Scope
from ogfd_azure.tables.services import service_named
from ogfd_sandbox.azure.bill import AzureSettings, Month, assemble, query_rows
from ogfd_sandbox.azure.seeds import CostRow
from ogfd_sandbox.faults import Rule

from ogfd.plugin import FatalError, Grain, PartitionState, Period, TransientError, Wanted
from ogfd.testing import Collected, check_connector

ONE = "11111111-1111-4111-8111-111111111111"
SCOPE = f"/subscriptions/{ONE}"
OCTOBER = Period.month("2026-10")
PATH = "/subscriptions/*ActualCost Daily 2026-10-01/2026-10-31 *".removeprefix("/")


def row(day=3, cost="1.25", **changes):
    given = {
        "scope": SCOPE,
        "day": date(2026, 10, day),
        "cost": Decimal(cost),
        "service": "Storage",
        "resource_group": "WEB",
    }
    return CostRow(**(given | changes))


async def read(estate, ctx=None, *, wanted=None, scopes=(SCOPE,), window=OCTOBER, **keys):
    """Read all partitions of *window*."""
    out = Collected(wanted)
    keys |= {"cost_query": {"scopes": list(scopes)}}
    async with estate.stream("cost_query", ctx, **keys) as stream:
        for partition in await stream.partitions(window):
            await stream.read(partition, out)
    out.check()
    return out


def asked(ctx):
    return [request for request in ctx.requests if request.operation == "cost_query:Query"]


async def test_a_row_is_a_service_and_group_of_a_day(estate):
    """Billed and effective cost come one after the other, and end in one activity."""
    estate.azure.set_cost([row(amortized=Decimal("1.5"))])
    out = await read(estate)

    common = {
        "source": "azure_cost_query", "billing_account_id": ONE, "account_id": ONE,
        "billing_period": "2026-10", "service": "Storage Accounts", "category": "storage",
        "resource_group": "web", "charge_category": "usage", "currency": "USD", "line_count": 1,
        "period_start": datetime(2026, 10, 3, tzinfo=UTC),
        "period_end": datetime(2026, 10, 4, tzinfo=UTC), "metadata": [("charges", "mixed")],
    }  # fmt: skip
    billed, effective = out.rows()
    assert common | {"billed_cost": Decimal("1.25")} == billed
    assert common | {"effective_cost": Decimal("1.5")} == effective


async def test_names_of_prices_are_names_of_services(estate):
    """As those of exports are; what no table knows is kept and put on record."""
    estate.azure.set_cost([row(service="SQL Database"), row(4, service="Quantum Leap")])
    out = await read(estate)

    assert [("Azure SQL Database", "databases"), ("Quantum Leap", "other")] * 2 == [
        (each["service"], each["category"]) for each in out.rows()
    ]
    assert {("service", "Quantum Leap"): 2} == out.unknowns


def test_every_name_of_a_price_leads_to_a_service_of_the_table():
    """A name that leads nowhere would be reported as unknown."""
    assert all(service_named(name) for name in _PRODUCTS.values())


async def test_the_sums_are_those_of_the_bill(estate):
    """By day, in two currencies, for a billing account: by subscription and service."""
    bill = assemble(AzureSettings(seed=7, rows=600, currencies=("USD", "EUR")), Month(2026, 10))
    estate.azure.set_cost(query_rows(bill))
    out = await read(estate, scopes=[bill.book.scope])
    found = defaultdict(Decimal)
    for each in out.rows():
        for measure in ("billed_cost", "effective_cost"):
            found[measure, each["currency"]] += each.get(measure, 0)

    for measure, amounts in (
        ("billed_cost", bill.truth.billed()),
        ("effective_cost", bill.truth.effective()),
    ):
        for currency, amount in amounts.items():
            assert abs(amount - found[measure, currency]) < Decimal("1e-9")
    assert bill.book.scope.rpartition("/")[2] in {each["billing_account_id"] for each in out.rows()}
    accounts = {each.get("account_id") for each in out.rows()}
    assert {one.id for one in bill.book.subscriptions} <= accounts


async def test_months_by_the_month_are_rows_of_a_month(estate):
    """Where nobody wants days, fewer rows come over the wire."""
    estate.azure.set_cost([row(day) for day in (1, 2, 31)])
    out = await read(estate, wanted=Wanted(grain=Grain.MONTHLY))

    assert [Decimal("3.75")] * 2 == [
        each.get("billed_cost", each.get("effective_cost")) for each in out.rows()
    ]
    assert {(OCTOBER.start, OCTOBER.end)} == {
        (each["period_start"], each["period_end"]) for each in out.rows()
    }


async def test_links_are_posted_again_byte_for_byte(estate):
    """Whatever they have encoded, and with the same body; another spelling is refused."""
    estate.azure.set_cost([row(day) for day in range(1, 8)])
    estate.azure.inject(Rule(action="pages", operation="CostQuery", results=3, times=99))
    ctx = estate.context()
    out = await read(estate, ctx)
    requests = asked(ctx)

    assert 14 == out.table().num_rows
    assert 6 == len(requests)
    assert 3 == len({request.url for request in requests[:3]})
    for each in requests[1:3]:
        assert all(part in each.url for part in ("%24skiptoken=", "%2F", "%3A", "%3D"))
        assert "api-version=2021-10-01" in each.url
        assert (requests[0].json, {}) == (each.json, each.params)
    assert {"ogfd"} == {request.headers["ClientType"] for request in requests}
    assert {SCOPE} == {request.scope for request in requests}


async def test_a_link_to_another_host_is_refused(estate):
    """A token must not go there."""
    estate.azure.set_cost([row()])
    home = estate.azure.arm_endpoint.replace("127.0.0.1", "localhost")

    async def astray(request):
        answer = await estate.send(request)
        if request.operation != "cost_query:Query":
            return answer
        told = json.loads(answer.body)
        told["properties"]["nextLink"] = "https://evil.example/next?%24skiptoken=a"
        return type(answer)(
            status=200, headers=answer.headers, body=json.dumps(told).encode(), url=answer.url
        )

    ctx = estate.context(respond=astray, allowed_hosts=["localhost"])
    with pytest.raises(FatalError, match=r"evil\.example"):
        await read(estate, ctx, arm_endpoint=home)
    assert 1 == len(asked(ctx))


async def test_a_link_that_comes_again_ends_with_an_error(estate):
    """Never round and round, and never a month that was cut."""
    estate.azure.set_cost([row(day) for day in range(1, 8)])
    estate.azure.inject(
        Rule(action="pages", operation="CostQuery", results=3),
        Rule(action="repeat", operation="CostQuery", first=2, times=99),
    )
    with pytest.raises(FatalError, match="goes in a circle"):
        await read(estate)


async def test_a_scope_without_costs_has_none(estate):
    """The service answers 204 then, without a body."""
    out = await read(estate)

    assert 0 == out.table().num_rows
    assert 2 == estate.azure.count("CostQuery")


async def test_amounts_keep_all_their_digits(estate):
    """A JSON number is read as it is written, not as a float."""
    body = {
        "properties": {
            "columns": [
                {"name": name, "type": "x"}
                for name in ("Cost", "UsageDate", "ServiceName", "ResourceGroup", "Currency")
            ],
            "rows": [[0, 20261003, "Storage", "web", "USD"]],
        }
    }
    text = json.dumps(body).replace("[0,", "[1234567890.123456789012345678,")

    async def exact(request):
        answer = await estate.send(request)
        if request.operation != "cost_query:Query":
            return answer
        return type(answer)(status=200, headers={}, body=text.encode(), url=request.url)

    out = await read(estate, estate.context(respond=exact))

    assert Decimal("1234567890.123456789012345678") == out.rows()[0]["billed_cost"]


async def test_pages_that_move_start_over(estate):
    """A row that comes twice would count twice."""
    estate.azure.set_cost([row(1), row(2)])

    async def doubled(request):
        answer = await estate.send(request)
        if request.operation != "cost_query:Query":
            return answer
        told = json.loads(answer.body)
        told["properties"]["rows"] *= 2
        return type(answer)(
            status=200, headers=answer.headers, body=json.dumps(told).encode(), url=answer.url
        )

    with pytest.raises(Exception, match="the pages moved"):
        await read(estate, estate.context(respond=doubled))


async def test_a_cost_of_another_month_is_fatal(estate):
    """The service shifts dates that it does not like, without a word."""
    estate.azure.set_cost([row(scope=SCOPE)])

    async def shifted(request):
        answer = await estate.send(request)
        if request.operation != "cost_query:Query":
            return answer
        body = answer.body.replace(b"20261003", b"20260903")
        return type(answer)(status=200, headers=answer.headers, body=body, url=answer.url)

    with pytest.raises(FatalError, match="asked for 2026-10, got a cost of 2026-09-03"):
        await read(estate, estate.context(respond=shifted))


async def test_days_to_come_are_not_asked_for(estate):
    """Of the current month: the service would shift the dates."""
    ctx = estate.context()
    await read(estate, ctx, window=Period.month("2026-11"))

    assert {("2026-11-01T00:00:00Z", "2026-11-20T23:59:59Z")} == {
        (request.json["timePeriod"]["from"], request.json["timePeriod"]["to"])
        for request in asked(ctx)
    }


async def test_the_calendar_has_the_versions(estate, caplog):
    """A month that moves has none; nothing is asked to list 37 of them, and older ones are named."""
    ctx = estate.context()
    window = Period.months("2020-01", "2027-12")
    async with estate.stream("cost_query", ctx, cost_query={"scopes": [SCOPE]}) as stream:
        found = await stream.partitions(window)

    assert [] == ctx.requests
    assert 37 == len(found)
    assert f"subscriptions/{ONE}/2023-11" == found[0].key
    newest = {each.key[-7:]: (each.version, each.state, each.requests) for each in found}
    assert (None, PartitionState.OPEN, 2) == newest["2026-11"]
    assert ("settled", PartitionState.CLOSING, 2) == newest["2026-10"]
    assert ("final", PartitionState.CLOSED, 2) == newest["2026-08"]
    assert "queries reach back to 2023-11" in caplog.text


async def test_a_refusal_is_transient(estate):
    """Four a minute for a scope; the wait that it asks for is the policy's to keep."""
    estate.azure.set_cost([row()])
    estate.azure.limit_queries(1)

    with pytest.raises(TransientError, match="429"):
        await read(estate)


@pytest.mark.parametrize(
    ("path", "subscription", "payer", "by"),
    [
        (SCOPE, ONE, ONE, ("ServiceName", "ResourceGroup")),
        (f"{SCOPE}/resourceGroups/Web", ONE, ONE, ("ServiceName", "ResourceGroup")),
        (
            "/providers/Microsoft.Billing/billingAccounts/8611537/departments/1",
            None,
            "8611537",
            ("SubscriptionId", "ServiceName"),
        ),
        (
            "/providers/Microsoft.Management/managementGroups/Acme",
            None,
            "acme",
            ("SubscriptionId", "ServiceName"),
        ),
    ],
)
def test_a_scope_says_whose_costs_it_has(path, subscription, payer, by):
    """Above a subscription the subscription is worth more than the resource group."""
    scope = Scope.of(path)

    assert (subscription, payer, by) == (scope.subscription, scope.payer, scope.by)


async def test_the_stream_conforms(estate):
    """With a fault, and with a cancellation, at every provider call."""
    estate.azure.set_cost([row(day) for day in range(1, 8)])
    estate.azure.inject(Rule(action="pages", operation="CostQuery", results=3, times=9999))
    config = estate.config(cost_query={"scopes": [SCOPE]})

    await check_connector(ogfd_connector(), config, window=OCTOBER, context=estate.context)
