"""Emissions, read from a stand-in of Microsoft.Carbon over TLS."""

import logging
from collections import Counter
from datetime import UTC, datetime
from decimal import Decimal

import anyio
import pytest
from ogfd_azure import ogfd_connector
from ogfd_azure.carbon.stream import HISTORY, PUBLISH_LAG
from ogfd_azure.scopes import SCOPES
from ogfd_sandbox.azure.footprint import footprint, restated, subscriptions
from ogfd_sandbox.cur import Month
from ogfd_sandbox.faults import Rule

from ogfd.plugin import (
    AuthError,
    FatalError,
    Grain,
    NotPublished,
    PartitionState,
    Period,
    SourceChanged,
    TransientError,
    Wanted,
)
from ogfd.testing import Collected, check_connector

AUGUST, SEPTEMBER, OCTOBER = (Month(2026, month) for month in (8, 9, 10))
WINDOW = Period.months("2026-08", "2026-11")
KG = dict(zip(SCOPES.values(), ("scope1", "scope2", "scope3"), strict=True))


@pytest.fixture
def made(estate):
    """Three subscriptions with emissions from August to October; today is the 20th of November."""
    found = footprint(7, [AUGUST, SEPTEMBER, OCTOBER])
    found.publish(estate.azure)
    return found


async def listed(estate, window=WINDOW, ctx=None, **keys):
    async with estate.stream("carbon", ctx, **keys) as stream:
        return list(await stream.partitions(window))


async def run(estate, ctx=None, *, window=WINDOW, wanted=None, between=None, **keys):
    """Read all that is listed, as a run does; return rows by slice, and what went wrong."""
    rows, errors = {}, {}
    async with estate.stream("carbon", ctx, **keys) as stream:
        partitions = sorted(
            await stream.partitions(window), key=lambda p: (p.period.end, p.key), reverse=True
        )
        for partition in partitions:
            out = Collected(wanted)
            try:
                await stream.read(partition, out)
            except (AuthError, NotPublished) as exc:
                errors[partition.key] = exc
                continue
            out.check()
            rows[partition.key] = out.rows()
            if between is not None:
                between(partition)
    return rows, errors


def sums(rows, subscription=None):
    found = [row for slices in rows.values() for row in slices]
    if subscription is not None:
        found = [row for row in found if row["account_id"] == subscription]
    return {
        name: sum((row.get(column, Decimal()) for row in found), Decimal())
        for column, name in KG.items()
    }


async def test_each_month_equals_its_source(estate, made):
    """By scope, place and subscription, to the gram."""
    rows, errors = await run(estate)

    assert not errors
    assert made.kg() == sums(rows)
    kinds = {
        (subscription, month): Counter()
        for subscription, month in made.kg_by("subscription_id", "month")
    }
    for item in made.items:
        place = item.resource_group, item.resource_type, item.location
        kinds[item.subscription_id, item.month][place] += item.scope3
    for key, found in rows.items():
        subscription, month = key.split("/")
        wanted = kinds[subscription, month]
        assert {place for place, kg in wanted.items() if kg} <= set(wanted)
        assert sum(wanted.values()) == sum(row["scope3_kg"] for row in found)


async def test_rows_say_what_they_are(estate, made):
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


async def test_places_and_services_come_from_the_tables(estate, made):
    """A region by its id, with its country; a service by its name in bills, with its category."""
    rows, _ = await run(estate)

    found = [row for slices in rows.values() for row in slices]
    places = {(row["region"], row["location"], row["country"]) for row in found}
    assert ("eastus", "US-EAST", "US") in places
    named = {(row["service"], row["category"]) for row in found}
    assert ("Virtual Machines", "compute") in named


async def test_250_subscriptions_are_three_reports_a_scope(estate):
    """A batch is read once for all its slices; totals equal the source, page by page."""
    many = footprint(3, [OCTOBER], of=subscriptions(3, 250), resources=3)
    many.publish(estate.azure)
    estate.azure.inject(Rule(action="pages", operation="CarbonReport", results=97, times=999))
    rows, errors = await run(estate, window=Period.month("2026-10"))

    assert 250 == len(rows)
    assert not errors
    assert many.kg() == sums(rows)
    ids = sorted(one.subscription_id for one in many.subscriptions)
    for scope in KG.values():
        asked = f"ItemDetailsReport {scope.capitalize()} 2026-10-01/2026-10-01 Resource"
        for size, batches in ((100, (ids[:100], ids[100:200])), (50, (ids[200:],))):
            wanted = sum(
                -(-sum(item.subscription_id in batch for item in many.items) // 97)
                for batch in batches
            )
            assert wanted == estate.azure.count("CarbonReport", f"{asked} {size} *")


async def test_a_denied_subscription_fails_alone(estate, made):
    """Its slices are errors that say what to do; all others are whole."""
    denied = made.subscriptions[1].subscription_id
    made.publish(estate.azure, denied=[denied])
    rows, errors = await run(estate)

    assert {f"{denied}/{month}" for month in (AUGUST, SEPTEMBER, OCTOBER)} == set(errors)
    for error in errors.values():
        assert isinstance(error, AuthError)
        assert f"denies the emissions of subscription {denied}" in str(error)
        assert "--role 'Carbon Optimization Reader'" in error.hint
        assert f"--scope /subscriptions/{denied}" in error.hint
    for one in made.subscriptions:
        whole = {
            name: sum(
                getattr(i, name) for i in made.items if i.subscription_id == one.subscription_id
            )
            for name in KG.values()
        }
        expected = dict.fromkeys(whole, Decimal()) if one.subscription_id == denied else whole
        assert expected == sums(rows, one.subscription_id)


async def test_who_is_denied_is_asked_for_once(estate, made):
    """A run that tries only those again makes one small request, not a report for each month."""
    denied = made.subscriptions[0].subscription_id
    made.publish(estate.azure, denied=[denied])
    async with estate.stream("carbon", subscriptions=[denied]) as stream:
        for partition in await stream.partitions(WINDOW):
            with pytest.raises(AuthError):
                await stream.read(partition, Collected())

    assert 0 == estate.azure.count("CarbonReport", "ItemDetails*")
    assert 1 == estate.azure.count("CarbonReport", "OverallSummaryReport*")


async def test_a_denied_subscription_that_is_excluded_is_no_error(estate, made):
    """Nor is it asked for."""
    denied = made.subscriptions[1].subscription_id
    made.publish(estate.azure, denied=[denied])
    rows, errors = await run(estate, estate.context(selects=lambda each: each != denied))

    assert not errors
    assert not any(key.startswith(denied) for key in rows)
    assert 0 == estate.azure.count("CarbonReport", "* 3 *")
    assert 6 == len(rows)


async def test_a_role_taken_away_between_two_scopes_is_seen(estate, made):
    """What was read before is no reason to commit a part of it."""
    denied = made.subscriptions[0].subscription_id
    ctx = estate.context()
    asked = []

    async def revoke(call):
        if call.operation == "carbon:Reports":
            asked.append(call)
            if len(asked) == 4:  # the summary, then scope 1 and 2
                made.publish(estate.azure, denied=[denied])

    ctx.before = revoke
    _, errors = await run(estate, ctx, window=Period.month("2026-10"))

    assert [f"{denied}/2026-10"] == list(errors)


async def test_a_restated_month_is_read_anew(estate, made, caplog):
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


async def test_steady_months_are_not_called_restated(estate, made, caplog):
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


async def test_an_azure_without_emissions_has_pending_months(estate):
    """An empty range is no range, not a mistake."""
    estate.azure.set_subscriptions(subscriptions(1, 1))
    estate.azure.set_carbon([])
    async with estate.stream("carbon") as stream:
        found = await stream.partitions(WINDOW)
        with pytest.raises(NotPublished, match="no emissions for these credentials"):
            await stream.read(found[-1], Collected())


async def test_a_subscription_without_emissions_has_no_rows(estate, made):
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


async def test_the_calendar_answers_where_the_role_does_not(estate, made):
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


async def test_a_page_that_moved_starts_the_slice_again(estate, made):
    """An item that comes twice would count twice, and hides one that does not come."""
    first = next(i for i in made.items if i.month == "2026-10")
    estate.azure.set_carbon([*made.items, first], available=("2026-08", "2026-10"))
    spoilt = estate.context()
    send = spoilt._respond

    async def doubled(request):
        answer = await send(request)
        if request.json and request.json.get("reportType") == "ItemDetailsReport":
            body = answer.body.replace(b'"value": [', b'"value": [' + _first_item(answer.body), 1)
            return type(answer)(status=200, headers={}, body=body, url=answer.url)
        return answer

    spoilt._respond = doubled
    async with estate.stream("carbon", spoilt) as stream:
        partition = (await stream.partitions(Period.month("2026-10")))[0]
        with pytest.raises(SourceChanged, match="came twice"):
            await stream.read(partition, Collected())


def _first_item(body):
    start = body.index(b"{", 1)
    return body[start : body.index(b"}", start) + 1] + b", "


async def test_resources_are_kept_where_they_are_wanted(estate, made):
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


async def test_slices_that_are_read_at_once_share_a_report(estate, made):
    """The first reads it, the others wait for it."""
    async with estate.stream("carbon") as stream:
        found = await stream.partitions(Period.month("2026-10"))
        async with anyio.create_task_group() as tasks:
            for partition in found:
                tasks.start_soon(stream.read, partition, Collected())

    assert 3 == estate.azure.count("CarbonReport", "ItemDetailsReport*")


async def test_a_slice_that_starts_again_reads_its_own_subscription(estate, made):
    """Its share was taken; the rows are the same."""
    async with estate.stream("carbon") as stream:
        partition = (await stream.partitions(Period.month("2026-10")))[0]
        first, second = Collected(), Collected()
        await stream.read(partition, first)
        await stream.read(partition, second)

    assert first.row_set() == second.row_set()
    assert 3 == estate.azure.count("CarbonReport", "ItemDetailsReport * Resource 1 1")


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


async def test_an_item_of_a_stranger_is_fatal(estate, made):
    """Nobody asked for it, so nobody knows whose it is."""
    ctx = estate.context()
    send = ctx._respond
    mine = made.subscriptions[0].subscription_id

    async def strange(request):
        answer = await send(request)
        body = answer.body.replace(
            f'"subscriptionId": "{mine}", "resource'.encode(),
            b'"subscriptionId": "ffffffff-0000-4000-8000-000000000000", "resource',
        ).replace(
            f'"subscriptionId": "{mine}", "categoryType'.encode(),
            b'"subscriptionId": "ffffffff-0000-4000-8000-000000000000", "categoryType',
        )
        return type(answer)(status=answer.status, headers={}, body=body, url=answer.url)

    ctx._respond = strange
    async with estate.stream("carbon", ctx) as stream:
        partition = (await stream.partitions(Period.month("2026-10")))[0]
        with pytest.raises(FatalError, match="was not asked for"):
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
