"""Cost Explorer beside a cost export: totals, and no rows."""

from datetime import UTC, datetime

import pytest
from ogfd_aws import ogfd_connector
from ogfd_sandbox.cur import Month, Place, put_report
from ogfd_sandbox.explorer import publish
from ogfd_sandbox.faults import Rule

from ogfd.plugin import AuthError, NotPublished, Period
from ogfd.testing import Collected

OCTOBER = Month(2026, 10)


@pytest.fixture
def beside(counter, october):
    """Deliver October as a report too; return its table."""
    place = Place(bucket=counter.shop.bucket, report="acme")
    put_report(counter.server, october, place)
    counter.server.forget_requests()
    return {"bucket": place.bucket, "prefix": place.prefix}


async def test_the_totals_are_those_of_the_export(counter, beside, october):
    """Taxes, credits and refunds included: one request, no groups."""
    out = Collected()
    async with counter.streams(cost=beside) as streams:
        (partition,) = await streams["cost"].partitions(Period.month("2026-10"))
        await streams["cost"].read(partition, out)
        found = await streams["cost"].totals("2026-10")

    rows = out.rows()
    assert {
        "billed_cost:USD": sum(row["billed_cost"] for row in rows),
        "effective_cost:USD": sum(row["effective_cost"] for row in rows),
    } == found.sums
    assert october.truth.billed()["USD"] == found.sums["billed_cost:USD"]
    assert ("Cost Explorer GetCostAndUsage", True) == (found.origin, found.independent)
    assert 1 == counter.asked() == counter.asked("2026-10-01/2026-11-01 MONTHLY - 1")


async def test_it_has_no_rows_of_its_own(counter, beside):
    """The same money would count twice."""
    async with counter.streams(cost=beside) as streams:
        found = await streams["cost_explorer"].partitions(Period.months("2025-11", "2026-11"))

    assert ([], 0) == (found, counter.asked())


async def test_without_the_table_there_are_no_totals(counter, beside):
    """Nobody is asked, and nothing costs money."""
    async with ogfd_connector().open(
        counter.shop.config(**beside), counter.shop.context()
    ) as streams:
        assert None is streams["cost"].totals
    assert ogfd_connector().streams["cost"].reconcile is False


@pytest.mark.parametrize("month", ["2025-09", "2026-12"])
async def test_months_that_aws_does_not_keep_are_not_asked_for(counter, beside, month):
    """Nor those that are yet to come."""
    async with counter.streams(cost=beside) as streams:
        assert None is await streams["cost"].totals(month)
    assert 0 == counter.asked()


async def test_totals_that_may_change_say_so(counter, beside, october):
    """A difference may be no drift then."""
    publish(counter.server, [october], estimated=[OCTOBER])
    async with counter.streams(cost=beside) as streams:
        found = await streams["cost"].totals("2026-10")

    assert "Cost Explorer GetCostAndUsage, estimated" == found.origin


async def test_a_month_without_cost_is_zero(counter, beside):
    """The service has an answer for it."""
    async with counter.streams(cost=beside) as streams:
        found = await streams["cost"].totals("2026-09")

    assert {"billed_cost:USD": 0, "effective_cost:USD": 0} == found.sums


async def test_the_current_month_can_be_asked_for_on_its_first_day(counter, beside):
    """Its end lies in the future, its start does not."""
    ctx = counter.shop.context(now=datetime(2026, 11, 1, tzinfo=UTC))
    publish(counter.server, [], today=ctx.now().date())
    async with counter.streams(ctx, cost=beside) as streams:
        with pytest.raises(NotPublished):
            await streams["cost"].totals("2026-11")


async def test_a_refusal_is_an_error(counter, beside):
    """It is not the absence of a total."""
    counter.server.inject(
        Rule(
            action="status",
            operation="GetCostAndUsage",
            status=400,
            code="AccessDeniedException",
            times=9,
        )
    )
    async with counter.streams(cost=beside) as streams:
        with pytest.raises(AuthError, match="ce:GetCostAndUsage"):
            await streams["cost"].totals("2026-10")
