"""Costs, read from a stand-in of Cost Explorer by the real SDK."""

from collections import Counter as Tally
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from ogfd_aws import ogfd_connector
from ogfd_aws.explorer.months import REFRESH
from ogfd_sandbox.cur import Month
from ogfd_sandbox.explorer import publish
from ogfd_sandbox.faults import Rule

from ogfd.plugin import (
    AuthError,
    BadRequestError,
    FatalError,
    Grain,
    Money,
    NotPublished,
    PartitionState,
    Period,
    SourceChanged,
    TransientError,
    Wanted,
)
from ogfd.testing import check_connector

OCTOBER = Month(2026, 10)
CENT = Money(amount=Decimal("0.01"), currency="USD")


def pages(results, **rule):
    return Rule(action="pages", operation="GetCostAndUsage", results=results, times=999, **rule)


def refusal(code, message="no", *, status=400, **rule):
    return Rule(
        action="status", operation="GetCostAndUsage", status=status, code=code, message=message,
        **{"times": 99} | rule,
    )  # fmt: skip


def sums(rows, measure, *names):
    found = defaultdict(Decimal)
    for row in rows:
        found[tuple(row.get(name) for name in names)] += row[measure]
    return dict(found)


def truth(bill, measure, *names):
    """Add up the bill's own totals; those from before its month count on its first day."""
    found = defaultdict(Decimal)
    for total in bill.truth.totals:
        day = max(total.day, bill.month.start.date())
        of = {"day": datetime(day.year, day.month, day.day, tzinfo=UTC)}
        key = tuple(of.get(name) or getattr(total, name) for name in names)
        found[key] += getattr(total, measure)
    return dict(found)


async def test_a_month_equals_its_bill(counter, october):
    """By account and day, billed and amortised, to the last digit."""
    rows = (await counter.read()).rows()

    for measure, total in (("billed_cost", "billed"), ("effective_cost", "effective")):
        assert truth(october, total, "account_id", "day") == sums(
            rows, measure, "account_id", "period_start"
        )
    assert {"USD"} == {row["currency"] for row in rows}
    assert {timedelta(days=1)} == {row["period_end"] - row["period_start"] for row in rows}
    assert (
        1
        == counter.asked()
        == counter.asked("2026-10-01/2026-11-01 DAILY SERVICE,LINKED_ACCOUNT 1")
    )


async def test_rows_say_what_they_are(counter, october):
    """Whose bill, which account by name, and that charges of all types are in one sum."""
    rows = (await counter.read()).rows()

    said = {
        "source": "aws_cost_explorer", "billing_account_id": october.book.account_id(0),
        "billing_period": "2026-10",
    }  # fmt: skip
    for row in rows:
        assert said == {name: row[name] for name in said}
        assert f"account {row['account_id']}" == row["account_name"]
        assert "quantity" not in row
    mixed = {(row["service"] == "Tax", row["charge_category"]) for row in rows}
    assert {(False, "usage"), (True, "tax")} == mixed
    assert {(), (("record_types", "mixed"),)} == {tuple(row["metadata"]) for row in rows}


async def test_a_member_is_billed_to_its_manager(counter):
    """As a report of the payer says: the two overlap, whoever comes first."""
    counter.server.set_billing(manager="000000000009")

    assert {"000000000009"} == {row["billing_account_id"] for row in (await counter.read()).rows()}


async def test_services_have_the_names_of_cost_explorer(counter):
    """Its own names too have a category; none of them is unknown."""
    out = await counter.read()

    found = {row["service"]: row["category"] for row in out.rows()}
    assert "compute" == found["EC2 - Other"] == found["Amazon Elastic Compute Cloud - Compute"]
    assert ("networking", "other") == (found["Amazon Elastic Load Balancing"], found["Tax"])
    assert {("service", "Ledger Search, Enterprise")} == set(out.unknowns)


async def test_record_types_become_charge_categories(counter, october):
    """With them the sums of each category are those of the bill's line types."""
    rows = (await counter.read(group_by=["SERVICE", "RECORD_TYPE"])).rows()

    by_type = {key[0]: amount for key, amount in truth(october, "billed", "line_type").items()}
    expected = {
        "tax": by_type["Tax"],
        "credit": by_type["Credit"],
        "adjustment": by_type["Refund"],
        "purchase": by_type["SavingsPlanRecurringFee"] + by_type["RIFee"] + by_type["Fee"],
    }
    found = {key[0]: amount for key, amount in sums(rows, "billed_cost", "charge_category").items()}
    usage = found.pop("usage")
    assert expected == found
    assert sum(by_type.values()) == usage + sum(expected.values())
    assert {dict(row["metadata"])["record_type"] for row in rows} >= {
        "Usage", "Enterprise Discount Program Discount",
    }  # fmt: skip


async def test_other_groups_have_columns_of_their_own(counter, october):
    """Regions with their place; what has none is null."""
    out = await counter.read(group_by=["REGION", "USAGE_TYPE"])

    truths = truth(october, "billed", "region", "usage_type")
    assert {
        (region or None, sku or None): amount for (region, sku), amount in truths.items()
    } == sums(out.rows(), "billed_cost", "region", "sku")
    placed = {row.get("region"): row.get("location") for row in out.rows()}
    assert (None, "GLOBAL", "US-EAST") == (placed[None], placed["global"], placed["us-east-1"])
    assert not out.unknowns


async def test_a_monthly_grain_is_asked_for_by_month(counter, october):
    """Fewer groups are fewer pages, and those cost money."""
    rows = (await counter.read(wanted=Wanted(grain=Grain.MONTHLY))).rows()

    assert truth(october, "billed", "account_id") == sums(rows, "billed_cost", "account_id")
    assert {(OCTOBER.start, OCTOBER.end)} == {
        (row["period_start"], row["period_end"]) for row in rows
    }
    assert 1 == counter.asked("* MONTHLY *")


async def test_pages_are_all_read(counter, october):
    """With the same parameters each, which the stand-in insists on."""
    counter.server.inject(pages(40))
    rows = (await counter.read()).rows()

    assert truth(october, "billed") == sums(rows, "billed_cost")
    assert counter.asked() == -(-len(rows) // 40) > 2


async def test_a_token_that_comes_twice_is_fatal(counter):
    """Each further round would cost money."""
    repeat = Rule(action="repeat", operation="GetCostAndUsage", first=2, times=99)
    counter.server.inject(pages(40, key="* 1"), repeat)

    with pytest.raises(FatalError, match="circle"):
        await counter.read()


@pytest.mark.parametrize("code", ["InvalidNextTokenException", "RequestChangedException"])
async def test_pages_that_break_off_start_over(counter, code):
    """A token may run out; on the first page the same code is an error."""
    counter.server.inject(refusal(code, key="* 2"), pages(40))
    with pytest.raises(SourceChanged, match="2026-10: the pages broke off"):
        await counter.read()

    counter.server.inject(refusal(code))
    with pytest.raises(BadRequestError):
        await counter.read()


async def test_pages_that_moved_start_over(counter, august, october):
    """Costs that came meanwhile move others to the next page, where they come again."""
    counter.server.inject(pages(40))
    ctx = counter.shop.context()
    late = {"day": "2026-10-01", "currency": "USD", "SERVICE": "A", "LINKED_ACCOUNT": "0",
            "RECORD_TYPE": "Usage", "REGION": "", "USAGE_TYPE": "", "unblended": "1",
            "amortised": "1"}  # fmt: skip

    class More:
        def set_costs(self, account, told):
            counter.server.set_costs(account, {**told, "costs": [*told["costs"], late]})

    async def before(_):
        if counter.asked() == 1:
            publish(More(), [august, october])

    ctx.before = before
    with pytest.raises(SourceChanged, match="came twice"):
        await counter.read(ctx=ctx)


async def test_months_are_those_that_aws_keeps(counter):
    """Thirteen and the current one; listing them asks for nothing, reading each has a price."""
    found = await counter.partitions()

    assert ("2025-10", "2026-11", 14) == (min(found), max(found), len(found))
    assert {(1, CENT)} == {(each.requests, each.price) for each in found.values()}
    assert () == counter.server.requests()
    assert ["2026-09", "2026-10"] == list(
        await counter.partitions(Period.months("2026-09", "2026-10"))
    )
    assert {} == await counter.partitions(Period.months("2024-01", "2025-09"))


@pytest.mark.parametrize(
    ("now", "version", "state"),
    [
        ((2026, 10, 31), None, PartitionState.OPEN),
        ((2026, 11, 14), None, PartitionState.CLOSING),
        ((2026, 11, 15), "settled", PartitionState.CLOSING),
        ((2026, 12, 30), "settled", PartitionState.CLOSING),
        ((2026, 12, 31), "final", PartitionState.CLOSED),
        ((2027, 11, 30), "final", PartitionState.CLOSED),
    ],
)
async def test_a_month_is_read_less_the_older_it_is(counter, now, version, state):
    """Every read costs money: daily while AWS updates it, then once, then once more for good."""
    ctx = counter.shop.context(now=datetime(*now, tzinfo=UTC))

    october = (await counter.partitions(ctx=ctx))["2026-10"]
    assert (version, state) == (october.version, october.state)
    assert ogfd_connector().streams["cost_explorer"].refresh == REFRESH < timedelta(days=1)


async def test_what_aws_may_still_change_says_so(counter, october):
    """``Estimated`` of the service, in the metadata."""
    publish(counter.server, [october], estimated=[OCTOBER])
    rows = (await counter.read()).rows()

    assert {"true"} == {dict(row["metadata"])["estimated"] for row in rows}


async def test_an_account_without_data_is_pending_at_the_price_of_one_request(counter):
    """Cost Explorer was enabled a moment ago; asking again within seconds would be for nothing."""
    publish(counter.server, [])

    with pytest.raises(NotPublished, match="no data from 2026-10-01 on"):
        await counter.read()
    assert 1 == counter.asked()


async def test_cost_explorer_that_is_not_enabled_says_what_to_do(counter):
    """The code is that of a missing permission, which would not help."""
    message = "User not enabled for cost explorer access"
    counter.server.inject(refusal("AccessDeniedException", message))

    with pytest.raises(AuthError, match="open Cost Explorer once in the Billing console"):
        await counter.read()


async def test_a_missing_permission_is_named(counter):
    """The hint names what to grant."""
    counter.server.inject(refusal("AccessDeniedException", "User is not authorized"))

    with pytest.raises(AuthError, match="ce:GetCostAndUsage"):
        await counter.read()


@pytest.mark.parametrize(
    ("rule", "error"),
    [
        (refusal("LimitExceededException", "Rate exceeded"), TransientError),
        (refusal("BillingViewHealthStatusException"), TransientError),
        (refusal("BillExpirationException"), BadRequestError),
        (Rule(action="html", operation="GetCostAndUsage"), TransientError),
        (Rule(action="truncate", operation="GetCostAndUsage", hide_length=True), TransientError),
    ],
)
async def test_what_goes_wrong_has_its_class(counter, rule, error):
    """Throttling comes with status 400, a proxy's page with 200."""
    counter.server.inject(rule)

    with pytest.raises(error):
        await counter.read()


async def test_a_tag_that_would_be_thrown_away_is_refused_before_it_costs(counter):
    """Rows keep only the tags that the table names."""
    with pytest.raises(BadRequestError, match=r'tags = \["team"\]'):
        await counter.read(group_by=["SERVICE", "TAG:team"])
    assert 0 == counter.asked()


async def test_accounts_that_could_not_be_left_out_are_refused_before_it_costs(counter):
    """Rows without an account pass every filter."""
    some = Wanted(by_account=True)
    with pytest.raises(BadRequestError, match="group_by must have LINKED_ACCOUNT"):
        await counter.read(group_by=["SERVICE", "RECORD_TYPE"], wanted=some)
    assert 0 == counter.asked()
    assert (await counter.read(wanted=some)).rows()


async def test_the_connector_conforms(counter):
    """With a fault and a cancellation at every request."""
    await check_connector(
        ogfd_connector(), counter.config(), window=Period.months("2026-08", "2026-08"),
        context=counter.shop.context,
    )  # fmt: skip


async def test_rows_are_told_apart_by_their_groups(counter):
    """No two rows of a month are of the same day, service and account."""
    rows = (await counter.read()).rows()

    keys = Tally((row["period_start"], row["service"], row["account_id"]) for row in rows)
    assert {1} == set(keys.values())
