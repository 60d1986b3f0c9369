"""What the carbon export has of a month, added up by a stand-in of BigQuery."""

from decimal import Decimal

import pytest
from ogfd_gcp import ogfd_connector

from ogfd.plugin import NotPublished, Period
from ogfd.testing import Collected

ACCOUNT = "012345-6789AB-CDEF01"
OTHER = "AAAAAA-BBBBBB-CCCCCC"
MONTH = "2026-09"


async def totals(cloud, month=MONTH, ctx=None, **keys):
    async with cloud.stream("carbon", ctx, **keys) as stream:
        return await stream.totals(month)


async def committed(cloud, measures):
    """Return what a sync would hold of the month."""
    sums = {}
    async with cloud.stream("carbon") as stream:
        for partition in await stream.partitions(Period.month(MONTH)):
            out = Collected()
            await stream.read(partition, out)
            for row in out.rows():
                for name in measures:
                    if row.get(name) is not None:
                        sums[name] = sums.get(name, Decimal()) + row[name]
    return sums


async def test_they_are_the_exact_sums_of_all_measures(cloud, emitted):
    """Of all accounts, without the copies of autumn 2022; a split row counts as one."""
    split = emitted(project=(None, "1001"))
    cloud.put_carbon(
        emitted(), emitted(), split, emitted(account=OTHER, kg=0.3), emitted("2026-08")
    )

    found = await totals(cloud)

    assert {
        "location_based_kg": Decimal("2.0"), "market_based_kg": Decimal("1.15"),
        "scope1_kg": Decimal("0.5"), "scope2_location_kg": Decimal("1.0"),
        "scope2_market_kg": Decimal("0.15"), "scope3_kg": Decimal("0.5"),
    } == found.sums  # fmt: skip
    assert await committed(cloud, found.sums) == found.sums
    assert ("sums of acme-finops.carbon.carbon_footprint", False) == (
        found.origin, found.independent,
    )  # fmt: skip


async def test_null_is_not_zero(cloud, emitted):
    """A measure that is null everywhere has no sum; a project that has it in part adds nothing."""
    cloud.put_carbon(emitted(market=None))
    none = await totals(cloud)
    cloud.put_carbon(
        emitted(project=(None, "1001"), market=None), emitted(), emitted(project=("till", "1002"))
    )
    part = await totals(cloud)

    assert {"location_based_kg", "scope1_kg", "scope2_location_kg", "scope3_kg"} == set(none.sums)
    assert Decimal("0.25") == part.sums["market_based_kg"]
    assert await committed(cloud, part.sums) == part.sums


async def test_accounts_and_projects_that_are_not_wanted_are_left_out(cloud, emitted):
    """As of the rows; a project without a name has its number."""
    cloud.put_carbon(
        emitted(kg=1.0), emitted(kg=2.0, project=(None, "1002")), emitted(kg=4.0, account=OTHER)
    )
    ctx = cloud.context(selects=lambda account: account != "1002")

    found = await totals(cloud, ctx=ctx, billing_account_ids=(ACCOUNT,))

    assert Decimal(1) == found.sums["scope1_kg"]


async def test_a_month_that_is_not_exported_has_no_totals(cloud, emitted):
    """It says until when."""
    cloud.put_carbon(emitted())

    with pytest.raises(NotPublished, match="has no rows of 2026-10"):
        await totals(cloud, "2026-10")


def test_only_totals_that_cost_next_to_nothing_are_asked_for_after_a_commit():
    """A carbon export is small; the cost of a month is billed by all its rows."""
    streams = ogfd_connector().streams

    assert {"carbon": True, "cost": False} == {
        name: spec.reconcile for name, spec in streams.items()
    }
