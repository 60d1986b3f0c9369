"""Cost queries of the Azure stand-in, and the exports that it lists."""

import json
from datetime import date
from decimal import Decimal

import pytest
from ogfd_sandbox.azure.seeds import CostRow, Export
from ogfd_sandbox.faults import Rule
from yarl import URL

SCOPE = "subscriptions/11111111-2222-3333-4444-555555555555"
WIDER = "providers/Microsoft.Billing/billingAccounts/1234567"
ROWS = [
    CostRow(
        scope=SCOPE,
        within=(WIDER,),
        day=date(2026, 8, day),
        cost=Decimal(day) / 100 + Decimal(number),
        amortized=Decimal(number),
        service=service,
        resource_group="prod" if number else "test",
        location="EastUS",
        dimensions={"MeterCategory": service},
    )
    for day in range(1, 32)
    for number, service in enumerate(("Virtual Machines", "Storage", "Bandwidth"))
]
OTHERS = [
    CostRow(scope=WIDER, day=date(2026, 9, 1), cost=Decimal("-0.1"), currency="EUR"),
    CostRow(scope=WIDER, day=date(2026, 9, 1), cost=Decimal("1e-7"), currency="GBP"),
]


def body(granularity="Daily", days=("2026-08-01", "2026-08-31"), **changes):
    first, last = days
    dataset = {
        "granularity": granularity,
        "aggregation": {"totalCost": {"name": "Cost", "function": "Sum"}},
        "grouping": [{"type": "Dimension", "name": "ServiceName"}],
    }
    return {
        "type": "ActualCost",
        "timeframe": "Custom",
        "timePeriod": {"from": f"{first}T00:00:00Z", "to": f"{last}T23:59:59Z"},
        "dataset": dataset | changes.pop("dataset", {}),
    } | changes


def path(scope=SCOPE, version="2025-03-01"):
    return f"/{scope}/providers/Microsoft.CostManagement/query?api-version={version}"


async def query(client, url=None, asked=None, *, scope=SCOPE):
    target = path(scope) if url is None else URL(url, encoded=True)
    status, headers, found = await client.ask("POST", target, json=asked or body())
    return status, headers, json.loads(found, parse_float=Decimal) if found else None


def records(answer):
    names = [column["name"] for column in answer["properties"]["columns"]]
    return [dict(zip(names, row, strict=True)) for row in answer["properties"]["rows"]]


@pytest.fixture
def told(azure):
    azure.set_cost([*ROWS, *OTHERS])
    return azure


async def test_costs_are_summed_by_day_and_group(told, client):
    """Exactly; the columns say which is which."""
    status, _, answer = await query(client)
    found = {(one["UsageDate"], one["ServiceName"]): one["Cost"] for one in records(answer)}

    assert (200, 93) == (status, len(found))
    assert {"USD"} == {one["Currency"] for one in records(answer)}
    assert Decimal("1.07") == found[20260807, "Storage"]
    assert sum(row.cost for row in ROWS) == sum(Decimal(cost) for cost in found.values())


async def test_months_and_totals_have_other_columns(told, client):
    """A month is told by its first instant, a total by nothing."""
    _, _, monthly = await query(client, asked=body("Monthly", ("2026-08-01", "2026-09-30")))
    _, _, total = await query(client, asked=body("None", dataset={"grouping": []}))

    assert {"2026-08-01T00:00:00"} == {one["BillingMonth"] for one in records(monthly)}
    assert [{"Cost": sum(row.cost for row in ROWS), "Currency": "USD"}] == records(total)


async def test_amortized_costs_are_others(told, client):
    """Of the same rows."""
    asked = body("None", type="AmortizedCost", dataset={"grouping": []})
    _, _, answer = await query(client, asked=asked)

    assert [sum(row.amortized for row in ROWS)] == [one["Cost"] for one in records(answer)]


async def test_a_wider_scope_has_several_currencies(told, client):
    """Each in rows of its own; small numbers come as real ones do."""
    asked = body("None", ("2026-08-01", "2026-09-30"), dataset={"grouping": []})
    _, _, answer = await query(client, asked=asked, scope=WIDER)
    found = {one["Currency"]: one["Cost"] for one in records(answer)}

    assert {"EUR": Decimal("-0.1"), "GBP": Decimal("1e-7"), "USD": found["USD"]} == found


async def test_nothing_is_an_answer_without_content(told, client):
    """Of another month, and of another scope."""
    assert (204, None) == (await query(client, asked=body(days=("2025-01-01", "2025-01-31"))))[::2]
    assert 204 == (await query(client, scope="subscriptions/other"))[0]


async def test_a_link_leads_on_in_its_own_spelling_alone(azure, client):
    """And with the body that it was given for; any tidying is refused."""
    azure.set_cost(
        CostRow(scope=SCOPE, day=date(2026, 8, 1), cost=Decimal(1), service=f"S{n:04}")
        for n in range(2500)
    )
    _, _, first = await query(client)
    link = first["properties"]["nextLink"]
    tidied, _, _ = await client.ask("POST", URL(link), json=body())
    _, _, second = await query(client, link)
    _, _, third = await query(client, second["properties"]["nextLink"])
    names = [one["ServiceName"] for page in (first, second, third) for one in records(page)]

    assert all(sign in link for sign in ("%2F", "%3A", "%24skiptoken=", "2021-10-01"))
    assert [f"S{n:04}" for n in range(2500)] == names
    assert third["properties"]["nextLink"] is None
    assert 400 == tidied
    assert 400 == (await query(client, link, body("None")))[0]
    assert 1 == azure.count("CostQuery", f"{SCOPE} ActualCost Daily 2026-08-01/2026-08-31 3")


async def test_a_link_may_lead_to_itself(told, client):
    """A client must not follow it for ever."""
    told.inject(
        Rule(action="pages", operation="CostQuery", results=10),
        Rule(action="repeat", operation="CostQuery", first=2, times=9),
    )
    _, _, first = await query(client)
    link = first["properties"]["nextLink"]
    _, _, second = await query(client, link)

    assert link == second["properties"]["nextLink"]


async def test_long_ranges_are_cut_in_silence(told, client):
    """At 31 days by day, as the service does."""
    asked = body("Daily", ("2026-07-01", "2026-08-31"))

    assert 204 == (await query(client, asked=asked))[0]
    assert 200 == (await query(client, asked={**asked, "dataset": body("Monthly")["dataset"]}))[0]


@pytest.mark.parametrize(
    "change",
    [
        {"type": "Cost"},
        {"timeframe": "MonthToDate"},
        {"timePeriod": {"from": "2026-08-31", "to": "2026-08-01"}},
        {"timePeriod": {"from": "2023-01-01", "to": "2026-08-01"}},
        {"dataset": {"granularity": "Hourly"}},
        {"dataset": {"aggregation": {}}},
        {"dataset": {"aggregation": {"a": {"name": "Money", "function": "Sum"}}}},
        {"dataset": {"grouping": [{"type": "Dimension", "name": n} for n in "abc"]}},
        {"dataset": {"filter": {"dimensions": {}}}},
    ],
)
async def test_malformed_queries_are_refused(told, client, change):
    """As Resource Manager words it."""
    status, _, answer = await query(client, asked=body(**change))

    assert (400, "BadRequest") == (status, answer["error"]["code"])
    assert answer["error"]["message"].startswith("Invalid query definition")


async def test_filters_narrow_a_query(told, client):
    """By dimensions, whatever their case, combined."""
    storage = {"dimensions": {"name": "ServiceName", "operator": "In", "values": ["storage"]}}
    prod = {"dimensions": {"name": "ResourceGroup", "operator": "In", "values": ["PROD"]}}

    async def services(condition):
        _, _, answer = await query(client, asked=body("None", dataset={"filter": condition}))
        return [one["ServiceName"] for one in records(answer)]

    assert ["Storage"] == await services({"and": [storage, prod]})
    assert ["Bandwidth", "Storage"] == await services({"or": [storage, prod]})
    assert ["Bandwidth"] == await services({"and": [prod, {"not": storage}]})


async def test_what_is_left_of_the_quota_is_told(told, client):
    """In the words of the service."""
    prefix = "x-ms-ratelimit-"
    await query(client)
    _, headers, _ = await query(client)

    assert (
        "DefaultQuota:2" == headers[f"{prefix}remaining-microsoft.costmanagement-entity-requests"]
    )
    assert "1" == headers[f"{prefix}microsoft.costmanagement-qpu-consumed"]
    assert (
        "QueriesPerHour:598,QueriesPerMin:58,QueriesPer10Sec:10"
        == headers[f"{prefix}microsoft.costmanagement-qpu-remaining"]
    )


async def test_the_quota_is_kept_if_asked_for(told, client):
    """Per scope; the wait stands in a header that only Cost Management has."""
    told.limit_queries(2)
    statuses = [(await query(client))[0] for _ in range(3)]
    _, headers, answer = await query(client)
    elsewhere, _, _ = await query(client, scope=WIDER)

    assert [200, 200, 429] == statuses
    assert "429" == answer["error"]["code"]
    wait = headers["x-ms-ratelimit-microsoft.costmanagement-entity-retry-after"]
    assert 50 <= int(wait) <= 61
    assert "Retry-After" not in headers
    assert 200 == elsewhere


async def test_exports_of_a_scope_are_listed(azure, client):
    """With what a reader must know of them."""
    azure.set_exports(
        [
            Export(scope=SCOPE, name="focus", directory="focus/daily"),
            Export(scope=WIDER, name="actual", dataset="ActualCost", format="Parquet"),
        ]
    )
    url = f"/{SCOPE.upper()}/providers/Microsoft.CostManagement/exports?api-version=2025-03-01"
    status, _, found = await client.ask("GET", url)
    (one,) = json.loads(found)["value"]

    assert (200, "focus", "FocusCost") == (
        status,
        one["name"],
        one["properties"]["definition"]["type"],
    )
    assert {"container": "exports", "rootFolderPath": "focus/daily"}.items() <= (
        one["properties"]["deliveryInfo"]["destination"].items()
    )
