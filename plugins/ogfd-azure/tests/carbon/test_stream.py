"""Emissions, read from a stand-in of Microsoft.Carbon over TLS."""

import logging
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from ogfd_azure import ogfd_connector
from ogfd_azure.carbon.publication import HISTORY, PUBLISH_LAG
from ogfd_azure.scopes import SCOPES
from ogfd_sandbox.azure.footprint import footprint, restated, subscriptions
from ogfd_sandbox.cur import Month
from ogfd_sandbox.faults import Rule

from ogfd.plugin import (
    AuthError,
    Grain,
    NotPublished,
    PartitionState,
    Period,
    TransientError,
    Wanted,
)
from ogfd.testing import Collected, check_connector

SEPTEMBER, OCTOBER = (Month(2026, month) for month in (9, 10))
WINDOW = Period.months("2026-08", "2026-11")
KG = dict(zip(SCOPES.values(), ("scope1", "scope2", "scope3"), strict=True))


async def listed(estate, window=WINDOW, ctx=None, **keys):
    async with estate.stream("carbon", ctx, **keys) as stream:
        return list(await stream.partitions(window))


async def test_each_month_equals_its_source(estate, made, run, sums):
    """By scope, place and subscription, to the gram."""
    rows, errors = await run(estate)

    assert not errors
    assert made.kg() == sums(rows)
    by = made.kg_by("subscription_id", "month", "resource_group", "location")
    wanted = {
        (subscription, month, group, location.replace(" ", "")): kg
        for (subscription, month, group, location), kg in by.items()
    }
    found = {}
    for row in (row for slices in rows.values() for row in slices):
        place = row["account_id"], row["billing_period"], row["resource_group"], row["region"]
        kg = found.setdefault(place, dict.fromkeys(KG.values(), Decimal()))
        for column, name in KG.items():
            kg[name] += row[column]
    assert wanted == {
        place: kg for place, kg in found.items() if place in wanted or any(kg.values())
    }


async def test_rows_say_what_they_are(estate, made, run):
    """Reported by the provider and market-based; nothing stands for a location-based figure."""
    rows, _ = await run(estate)

    for key, found in rows.items():
        subscription, month = key.split("/")
        for row in found:
            said = {
                "source": "azure_carbon", "account_id": subscription,
                "billing_account_id": subscription, "billing_period": month,
                "charge_category": "emission", "method": "supplier_specific",
                "data_quality": "reported", "ghg_scope": 3, "ghg_category": 1,
                "period_start": Period.month(month).start, "period_end": Period.month(month).end,
            }  # fmt: skip
            assert said == {name: row[name] for name in said}
            assert row["market_based_kg"] == sum(row[column] for column in SCOPES.values())
            assert not {"location_based_kg", "scope2_location_kg", "resource_id"} & row.keys()


async def test_places_and_services_come_from_the_tables(estate, made, run):
    """A region by its id, with its country; a service by its name in bills, with its category."""
    rows, _ = await run(estate)

    found = [row for slices in rows.values() for row in slices]
    places = {(row["region"], row["location"], row["country"]) for row in found}
    assert ("eastus", "US-EAST", "US") in places
    named = {(row["service"], row["category"]) for row in found}
    assert ("Virtual Machines", "compute") in named


async def test_a_restated_month_is_read_anew(estate, made, caplog, run, sums):
    """Every month is read again each time; that of the month after it shows the change."""
    before, _ = await run(estate)
    again = restated(made, SEPTEMBER)

    def restate(partition):
        if partition.period == Period.month("2026-10"):
            again.publish(estate.azure)

    caplog.set_level(logging.WARNING, "ogfd.testing")
    rows, _ = await run(estate, between=restate)
    changed = {key.split("/")[1] for key in rows if rows[key] != before[key]}

    assert {"2026-09"} == changed
    assert again.kg() == sums(rows)
    (warning,) = [record.getMessage() for record in caplog.records]
    assert warning.startswith("2026-09 was restated while it was read")


async def test_steady_months_are_not_called_restated(estate, made, caplog, run):
    """Not even where resources live in one month and not in the next."""
    await run(estate)

    assert not caplog.records


async def test_months_that_azure_keeps_are_listed(estate, made):
    """From the first that there is to the one that is not published yet."""
    found = await listed(estate, Period.months("2026-01", "2026-11"))
    assert {"2026-08", "2026-09", "2026-10"} == {str(each.period) for each in found}
    assert {PartitionState.CLOSED} == {each.state for each in found}

    early = estate.context(now=datetime(2026, 12, 5, tzinfo=UTC))
    found = await listed(estate, Period.months("2026-01", "2026-12"), early)
    assert "2026-11" == max(str(each.period) for each in found)


async def test_a_month_that_is_not_published_is_pending(estate, made):
    """By the 19th it is said when it comes, later that it is late."""
    for day, said in ((5, "publishes 2026-11 by 2026-12-19"), (28, "nothing after 2026-10 yet")):
        ctx = estate.context(now=datetime(2026, 12, day, tzinfo=UTC))
        async with estate.stream("carbon", ctx) as stream:
            (first, *_) = await stream.partitions(Period.month("2026-11"))
            with pytest.raises(NotPublished, match=said):
                await stream.read(first, Collected())


async def test_an_identity_that_sees_no_subscription_is_no_empty_success(estate):
    """Azure answers with an empty list where no role is assigned."""
    with pytest.raises(AuthError, match="no subscription is visible"):
        await listed(estate, subscriptions=[])


async def test_an_azure_without_emissions_has_pending_months(estate):
    """An empty range is no range, not a mistake."""
    estate.azure.set_subscriptions(subscriptions(1, 1))
    estate.azure.set_carbon([])
    async with estate.stream("carbon") as stream:
        found = await stream.partitions(WINDOW)
        with pytest.raises(NotPublished, match="no emissions for these credentials"):
            await stream.read(found[-1], Collected())


async def test_a_subscription_without_emissions_has_no_rows(estate, made, run):
    """That is an answer too: the month is published."""
    idle = subscriptions(99, 1)[0]
    estate.azure.set_subscriptions([*made.subscriptions, idle])
    rows, errors = await run(estate)

    assert not errors
    assert [] == rows[f"{idle.subscription_id}/2026-10"]


async def test_months_that_azure_keeps_no_more_are_named_once(estate, made, caplog):
    """To who asked for them, with what to do; not to who did not."""
    await listed(estate, Period.months(f"{estate.context().now() - HISTORY:%Y-%m}", "2026-11"))
    assert not caplog.records

    await listed(estate, Period.months("2024-01", "2026-11"))
    (warning,) = [record.getMessage() for record in caplog.records]
    assert "2024-01 to the month before 2026-08" in warning


async def test_the_calendar_answers_where_the_role_does_not(estate, made, run, sums):
    """Carbon Optimization Reader has no action for the range; the months are known all the same."""
    forbid = Rule(
        action="status",
        operation="CarbonDateRange",
        status=403,
        code="AuthorizationFailed",
        times=9,
    )
    estate.azure.inject(forbid)
    rows, _ = await run(estate)

    assert made.kg() == sums(rows)
    early = estate.context(now=datetime(2026, 11, 18, tzinfo=UTC))
    async with estate.stream("carbon", early) as stream:
        october = await stream.partitions(Period.month("2026-10"))
        with pytest.raises(NotPublished):
            await stream.read(october[0], Collected())
    assert datetime(2026, 11, 1, tzinfo=UTC) + PUBLISH_LAG > early.now()


async def test_resources_are_kept_where_they_are_wanted(estate, made, run, sums):
    """Each resource is an activity then, asked for by ten subscriptions at once."""
    rows, _ = await run(estate, wanted=Wanted(resource_ids=True))

    assert made.kg() == sums(rows)
    found = {
        (row["resource_id"], row["billing_period"]) for slices in rows.values() for row in slices
    }
    assert {(i.name, i.month) for i in made.items} <= {
        (resource.rpartition("/")[2], month) for resource, month in found
    }
    by_line, _ = await run(estate, wanted=Wanted(grain=Grain.LINE))
    assert {key: len(found) for key, found in rows.items()} == {
        key: len(found) for key, found in by_line.items()
    }


async def test_values_that_no_table_knows_are_kept_and_named(estate):
    """The service is named by its type then."""
    odd = footprint(7, [OCTOBER]).items[0]
    strange = type(odd)(**{
        **{name: getattr(odd, name) for name in odd.__slots__},
        "resource_type": "microsoft.newthing/flux", "location": "mars north",
    })  # fmt: skip
    estate.azure.set_carbon([strange])
    out = Collected()
    async with estate.stream("carbon", subscriptions=[odd.subscription_id]) as stream:
        (partition,) = await stream.partitions(Period.month("2026-10"))
        await stream.read(partition, out)

    (row,) = out.rows()
    assert ("mars north", "microsoft.newthing/flux", "other") == (
        row["region"], row["service"], row["category"],
    )  # fmt: skip
    unknown = {("region", "mars north"): 3, ("service", "microsoft.newthing/flux"): 3}
    assert unknown == out.unknowns


async def test_totals_are_those_of_the_summary(estate, made):
    """Another report of the same service, so not independent; None for months it has not."""
    async with estate.stream("carbon") as stream:
        found = await stream.totals("2026-09")
        assert await stream.totals("2026-11") is None

    kg = made.kg(SEPTEMBER)
    assert not found.independent
    assert {
        **{column: kg[name] for column, name in KG.items()},
        "market_based_kg": sum(kg.values()),
    } == found.sums


async def test_totals_without_a_denied_subscription_are_none(estate, made):
    """A sum of a part would be taken for that of the whole."""
    made.publish(estate.azure, denied=[made.subscriptions[0].subscription_id])
    async with estate.stream("carbon") as stream:
        with pytest.raises(AuthError, match="denies"):
            await stream.totals("2026-09")


async def test_a_page_of_html_is_no_answer(estate, made):
    """Nor an empty month."""
    estate.azure.inject(Rule(action="html", operation="CarbonReport", times=9))
    async with estate.stream("carbon") as stream:
        partition = (await stream.partitions(Period.month("2026-10")))[0]
        with pytest.raises(TransientError):
            await stream.read(partition, Collected())


async def test_the_contract_is_kept(estate):
    """With a fault and a cancellation at every call."""
    made = footprint(7, [OCTOBER], of=subscriptions(7, 2), resources=3)
    made.publish(estate.azure)
    await check_connector(
        ogfd_connector(),
        estate.config(carbon={}),
        window=Period.month("2026-10"),
        context=estate.context,
    )
