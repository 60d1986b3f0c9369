"""Which months there are emissions of, and until when the others are pending."""

import time
from datetime import UTC, datetime, timedelta

import pytest
from ogfd_aws import ogfd_connector
from ogfd_aws.carbon.publication import PUBLISH_LAG
from ogfd_sandbox.carbon import publish
from ogfd_sandbox.cur import Month

from ogfd.plugin import NotPublished, PartitionState, Period
from ogfd.testing import Collected

AUGUST, SEPTEMBER, OCTOBER = (Month(2026, month) for month in (8, 9, 10))
WINDOW = Period.months("2022-01", "2026-11")


async def test_months_are_those_that_are_over(shop, year):
    """From the first with emissions; none of them has a version."""
    found = await shop.emission_months()

    assert ["2026-08", "2026-09", "2026-10"] == list(found)
    assert {None} == {each.version for each in found.values()}
    assert [PartitionState.CLOSED, PartitionState.CLOSED, PartitionState.CLOSING] == [
        each.state for each in found.values()
    ]
    assert ["GetEstimatedCarbonEmissions"] == [each.operation for each in shop.server.requests()]


@pytest.mark.parametrize(
    ("window", "keys"),
    [
        (("2026-09", "2026-09"), ["2026-09"]),
        (("2015-01", "2021-12"), []),
        (("2022-01", "2026-07"), []),
        (("2026-11", "2026-12"), []),
    ],
)
async def test_a_window_narrows_the_months(shop, year, window, keys):
    """Before 2022 there is nothing; a month that is not over has nothing yet."""
    assert keys == list(await shop.emission_months(Period.months(*window)))


async def test_the_last_month_is_pending_until_it_is_published(shop, august):
    """AWS needs until the 21st; nobody is alarmed before."""
    publish(shop.server, [august])

    with pytest.raises(NotPublished, match="AWS publishes 2026-10 by 2026-11-21"):
        await shop.emitted(OCTOBER)
    late = shop.context(now=datetime(2026, 11, 22, tzinfo=UTC))
    with pytest.raises(NotPublished, match="nothing after 2026-08 yet"):
        await shop.emitted(OCTOBER, late)
    assert timedelta(days=21) == PUBLISH_LAG == ogfd_connector().streams["carbon"].publish_lag


async def test_a_month_without_emissions_has_no_rows_once_a_later_one_is_there(shop, august, made):
    """It is published, and empty: that is an answer."""
    publish(shop.server, [august, made[-1]])

    assert [] == (await shop.emitted(SEPTEMBER)).rows()


async def test_an_account_without_emissions_is_pending(shop):
    """A young account; AWS says no more about it than about a month that is late."""
    publish(shop.server, [])

    assert ["2026-10"] == list(await shop.emission_months())
    late = shop.context(now=datetime(2026, 11, 25, tzinfo=UTC))
    with pytest.raises(NotPublished, match="no emissions of 2026-10 or later"):
        await shop.emitted(OCTOBER, late)


@pytest.fixture
def zone(request):
    """Have this process live in another zone."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TZ", request.param)
        time.tzset()
        yield request.param
    time.tzset()


@pytest.mark.parametrize(
    ("zone", "shown"),
    [("America/Los_Angeles", "2026-07-31 17"), ("Pacific/Kiritimati", "2026-08-01 14")],
    indirect=["zone"],
)
async def test_months_are_those_of_utc_wherever_the_machine_is(shop, year, zone, shown):
    """In the zone of a host west of UTC each month begins in the one before it."""
    assert time.strftime("%Y-%m-%d %H", time.localtime(AUGUST.start.timestamp())) == shown
    outs = []
    async with shop.emissions() as stream:
        found = await stream.partitions(WINDOW)
        for partition in found:
            outs.append(Collected())
            await stream.read(partition, outs[-1])

    rows = [row for out in outs for row in out.rows()]
    months = [AUGUST, SEPTEMBER, OCTOBER]
    assert [str(month) for month in months] == [each.key for each in found]
    assert {str(month) for month in months} == {row["billing_period"] for row in rows}
    assert {month.start for month in months} == {row["period_start"] for row in rows}
    total = sum(each.kg()["TOTAL_LBM_CARBON_EMISSIONS"] for each in year)
    assert total == sum(row["location_based_kg"] for row in rows)
    asked = {each.key for each in shop.server.requests() if each.key}
    assert {"2022-01-01/2026-11-01 - 1"} <= asked
