"""Reports of a hundred subscriptions, of which each slice takes its share."""

import json
from decimal import Decimal

import anyio
import pytest
from ogfd_azure.scopes import SCOPES
from ogfd_sandbox.azure.footprint import footprint, subscriptions
from ogfd_sandbox.cur import Month
from ogfd_sandbox.faults import Rule

from ogfd.plugin import AuthError, NotPublished, Period, SourceChanged, TransientError, Wanted
from ogfd.testing import Collected

AUGUST, SEPTEMBER, OCTOBER = (Month(2026, month) for month in (8, 9, 10))
WINDOW = Period.months("2026-08", "2026-11")
KG = dict(zip(SCOPES.values(), ("scope1", "scope2", "scope3"), strict=True))


async def test_250_subscriptions_are_three_reports_a_scope(estate, run, sums):
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


async def test_a_denied_subscription_fails_alone(estate, made, run, sums):
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


async def test_a_denied_subscription_that_is_excluded_is_no_error(estate, made, run):
    """Nor is it asked for."""
    denied = made.subscriptions[1].subscription_id
    made.publish(estate.azure, denied=[denied])
    rows, errors = await run(estate, estate.context(selects=lambda each: each != denied))

    assert not errors
    assert not any(key.startswith(denied) for key in rows)
    assert 0 == estate.azure.count("CarbonReport", "* 3 *")
    assert 6 == len(rows)


async def test_a_role_taken_away_between_two_scopes_is_seen(estate, made, run):
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


async def test_an_item_of_a_stranger_is_fatal(estate, made, run, sums):
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
    rows, errors = await run(estate, ctx, window=Period.month("2026-10"))

    assert [f"{mine}/2026-10"] == list(errors)
    assert "was not asked for" in str(errors[f"{mine}/2026-10"])
    for one in made.subscriptions[1:]:
        expected = sum(
            item.scope3 for item in made.items
            if (item.subscription_id, item.month) == (one.subscription_id, "2026-10")
        )  # fmt: skip
        assert expected == sums(rows, one.subscription_id)["scope3"]


async def test_a_report_that_is_spoilt_is_not_asked_for_again(estate, caplog, run):
    """One item that cannot be read would cost a hundred reports, and all their slices."""
    made = footprint(7, [OCTOBER], of=subscriptions(7, 5), resources=3)
    made.publish(estate.azure)
    ctx = estate.context()
    send = ctx._respond
    odd = next(item for item in made.items if item.scope1)

    async def spoilt(request):
        answer = await send(request)
        found = json.loads(answer.body)
        for item in found.get("value", ()):
            if item.get("subscriptionId") == odd.subscription_id:
                item["latestMonthEmissions"] = None
        body = json.dumps(found).encode()
        return type(answer)(status=answer.status, headers={}, body=body, url=answer.url)

    ctx._respond = spoilt
    rows, errors = await run(estate, ctx, window=Period.month("2026-10"))

    assert [f"{odd.subscription_id}/2026-10"] == list(errors)
    assert 4 == len(rows)
    assert 1 == estate.azure.count("CarbonReport", "ItemDetailsReport * Resource 5 *")
    assert 4 * 3 + 1 == estate.azure.count("CarbonReport", "ItemDetailsReport * Resource 1 *")
    (warning,) = [record.getMessage() for record in caplog.records]
    assert warning.startswith("the emissions of 5 subscriptions in 2026-10 are asked for one by")


async def test_a_resource_that_is_spelt_twice_is_one(estate, made, run, sums):
    """Azure writes resource groups in any case, and then has two items; they are no moved page."""
    ctx = estate.context()
    send = ctx._respond

    async def shouted(request):
        answer = await send(request)
        found = json.loads(answer.body)
        if request.json and request.json.get("reportType") == "ItemDetailsReport":
            found["value"] += [
                item | {"resourceGroup": item["resourceGroup"].upper(),
                        "resourceId": item["resourceId"].upper()}
                for item in found["value"]
            ]  # fmt: skip
        body = json.dumps(found).encode()
        return type(answer)(status=answer.status, headers={}, body=body, url=answer.url)

    ctx._respond = shouted
    rows, errors = await run(estate, ctx, wanted=Wanted(resource_ids=True))

    assert not errors
    assert {name: 2 * kg for name, kg in made.kg().items()} == sums(rows)
    found = [(key, row["resource_id"]) for key, slices in rows.items() for row in slices]
    assert len(set(found)) == len(found)


async def test_a_month_that_azure_drops_in_the_middle_of_a_run_keeps_its_rows(estate, made):
    """An empty answer of a month that is no more there is no month without emissions."""
    async with estate.stream("carbon") as stream:
        partition = next(
            each for each in await stream.partitions(WINDOW) if str(each.period) == "2026-08"
        )
        kept = [item for item in made.items if item.month != "2026-08"]
        estate.azure.set_carbon(kept, available=("2026-09", "2026-10"))
        estate.azure.inject(Rule(action="status", operation="CarbonDateRange"))
        with pytest.raises(TransientError):
            await stream.read(partition, Collected())
        with pytest.raises(SourceChanged, match="no emissions of 2026-08 any more"):
            await stream.read(partition, Collected())
        assert [] == await stream.partitions(partition.period)


async def test_a_month_that_only_the_calendar_tells_of_is_pending_while_it_is_empty(
    estate, made, run
):
    """Azure may be late; what it said before must not be replaced by nothing."""
    late = [item for item in made.items if item.month != "2026-10"]
    estate.azure.set_carbon(late, available=("2026-08", "2026-09"))
    estate.azure.inject(
        Rule(action="status", operation="CarbonDateRange", status=403, code="x", times=99)
    )
    rows, errors = await run(estate)

    assert {f"{one.subscription_id}/2026-10" for one in made.subscriptions} == set(errors)
    assert {NotPublished} == set(map(type, errors.values()))
    assert 6 == len([found for found in rows.values() if found])
    asked = "ItemDetailsReport * 2026-10-01/* Resource 3 1"
    assert 3 == estate.azure.count("CarbonReport", asked)
