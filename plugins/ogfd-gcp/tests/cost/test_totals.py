"""What an export has of an invoice, added up by a stand-in of BigQuery."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from ogfd_sandbox.bigquery.bill import BillSettings, Month, assemble, correct, put, vanish
from ogfd_sandbox.bigquery.tables import Partitioning, Table

from ogfd.plugin import FatalError, NotPublished

NAME = "gcp_billing_export_v1_012345_6789AB_CDEF01"
TABLE = Table(name=NAME, partitioning=Partitioning(unit="DAY"))
OTHER = replace(TABLE, name="gcp_billing_export_resource_v1_012345_6789AB_CDEF01")
MONTH = "2026-10"


async def totals(cloud, *months, ctx=None, table=TABLE, **keys):
    """Ask for the totals of months, of one run."""
    async with cloud.stream("cost", ctx, table, **keys) as stream:
        return [await stream.totals(month) for month in months]


def days(cloud):
    """Return the partitions that were added up, of each query."""
    return [job.partitions for job in cloud.queries("totals") if not job.dry_run]


def net(bill):
    """Return the truth by invoice month."""
    found = bill.truth.by("net", "invoice_month")
    return {f"{month[:4]}-{month[4:]}": amount for (month,), amount in found.items()}


def billed(found):
    return [each.sums["billed_cost:USD"] for each in found]


@pytest.fixture(scope="module")
def bill():
    """Two months with late rows, taxes and fees, and a correction under the second invoice."""
    settings = BillSettings(seed=5, first=Month(2026, 7), months=2, rows=90, late_percent=20)
    return correct(assemble(settings), rows=2)


async def test_they_are_the_exact_sums_of_an_invoice(cloud, charged):
    """Where floating point would drift, with credits, by currency; days of other months unread."""
    cloud.put_bill(
        charged("2026-09-28", month="202609"),
        *(charged("2026-10-02", cost=0.1, credits=[-0.01, -0.02]) for _ in range(3)),
        charged("2026-10-31", cost=7.0, currency="USD", project=None, cost_type="tax"),
        charged("2026-11-03", cost=0.0000001),
        charged("2026-11-03", cost=50.0, month="202611"),
    )

    [found] = await totals(cloud, MONTH)

    assert {
        f"{measure}:{unit}": Decimal(amount)
        for measure in ("billed_cost", "effective_cost")
        for unit, amount in (("EUR", "0.2100001"), ("USD", "7"))
    } == found.sums
    assert (f"sums of {TABLE.path}", False) == (found.origin, found.independent)
    assert [{TABLE.path: ("20261002", "20261031", "20261103")}] == days(cloud)


@pytest.mark.parametrize("kind", ["standard", "detailed", "focus"])
async def test_all_exports_have_the_same_sums(cloud, bill, kind):
    """Effective cost too: Google spreads nothing."""
    [table] = put(cloud.server, bill, kind)

    found = await totals(cloud, "2026-07", "2026-08", table=table)

    assert [net(bill)["2026-07"], net(bill)["2026-08"]] == billed(found)
    assert billed(found) == [each.sums["effective_cost:USD"] for each in found]


async def test_what_is_gone_from_the_table_is_not_in_them(cloud, bill):
    """They are of this moment, whatever was read before."""
    gone = vanish(bill, bill.partitions[3])
    [table] = put(cloud.server, gone)

    found = await totals(cloud, "2026-07", table=table)

    assert [net(gone)["2026-07"]] == billed(found)
    assert net(bill)["2026-07"] != net(gone)["2026-07"]


async def test_accounts_and_projects_that_are_not_wanted_are_left_out(cloud, charged):
    """As of the rows; what has no project is."""
    cloud.put_bill(
        charged(cost=1.0),
        charged(cost=2.0, project={"id": None, "number": "1002", "name": None, "labels": []}),
        charged(cost=4.0, project=None),
        charged(cost=8.0, billing_account_id="AAAAAA-BBBBBB-CCCCCC"),
    )
    ctx = cloud.context(selects=lambda account: account != "1002")

    [found] = await totals(cloud, MONTH, ctx=ctx, billing_account_ids=("012345-6789AB-CDEF01",))

    assert Decimal(5) == found.sums["billed_cost:EUR"]


async def test_a_month_without_rows_has_no_totals(cloud, charged):
    """Nothing is no zero."""
    cloud.put_bill(charged())

    with pytest.raises(NotPublished, match="has no rows of 2026-07"):
        await totals(cloud, "2026-07")


async def test_a_copy_cut_by_the_time_of_usage_is_read_whole(cloud, charged):
    """An invoice has usage of long before, and its days do not say of which invoice."""
    table = replace(TABLE, partitioning=Partitioning(unit="DAY", field="usage_start_time"))
    cloud.put_bill(
        charged(hour="2026-06-02T03:00", cost=2.0),
        charged(hour="2026-10-02T03:00", cost=1.0),
        table=table,
        without=["_PARTITIONTIME"],
    )

    [found] = await totals(cloud, MONTH)

    assert Decimal(3) == found.sums["billed_cost:EUR"]


async def test_a_reference_is_another_path(cloud, bill):
    """The totals are its own; of the table of the rows nothing is read."""
    [table] = put(cloud.server, vanish(bill, bill.partitions[-9]))
    [reference] = put(cloud.server, bill, "focus")

    [found] = await totals(cloud, "2026-08", table=table, reference=reference)

    assert net(bill)["2026-08"] == found.sums["billed_cost:USD"]
    assert (f"sums of {reference.path}", True) == (found.origin, found.independent)
    assert all({reference.path} == partitions.keys() for partitions in days(cloud))


async def test_a_reference_that_lacks_a_part_of_a_month_says_nothing_of_it(cloud, charged):
    """One that was turned on later, or off before the month was over, proves no drift."""
    cloud.put_bill(charged())
    cloud.put_bill(charged("2026-09-05", month="202609"), charged("2026-10-02"), table=OTHER)

    for month, message in (
        ("2026-06", "has no rows of 2026-06"),
        ("2026-09", "begins on 2026-09-05, and lacks what was before"),
        (MONTH, "ends on 2026-10-02, and lacks what came after"),
    ):
        with pytest.raises(NotPublished, match=message):
            await totals(cloud, month, reference=OTHER)


async def test_each_account_of_a_reference_has_to_be_there(cloud, charged):
    """A view of several exports may have one of them from its middle on; others do not matter."""
    late, other, third = "AAAAAA-BBBBBB-CCCCCC", "DDDDDD-EEEEEE-FFFFFF", "111111-222222-333333"
    whole = ("2026-09-20", "2026-10-02", "2026-11-03")
    cloud.put_bill(charged())
    cloud.put_bill(
        *(charged(day) for day in whole),
        *(charged(day, billing_account_id=other) for day in whole),
        *(charged(day, billing_account_id=late) for day in whole[1:]),
        table=OTHER,
    )
    mine = "012345-6789AB-CDEF01"

    [found] = await totals(cloud, MONTH, reference=OTHER, billing_account_ids=(mine, other))

    assert Decimal(6) == found.sums["billed_cost:EUR"]
    for accounts, message in (
        ((), f"of {late}, begins on 2026-10-02"),
        ((mine, late), f"of {late}, begins on 2026-10-02"),
        ((mine, third), f"has no rows of {third}"),
    ):
        with pytest.raises(NotPublished, match=message):
            await totals(cloud, MONTH, reference=OTHER, billing_account_ids=accounts)


async def test_a_reference_need_not_have_what_is_not_over(cloud, charged):
    """The export of today goes on tomorrow."""
    cloud.put_bill(charged(), table=OTHER)
    cloud.put_bill(charged("2026-10-01"), charged("2026-10-02"), table=OTHER)
    cloud.put_bill(charged())
    ctx = cloud.context(now=datetime(2026, 10, 2, 12, tzinfo=UTC))

    [found] = await totals(cloud, MONTH, ctx=ctx, reference=OTHER)

    assert Decimal(3) == found.sums["billed_cost:EUR"]


async def test_a_reference_of_another_kind_is_refused(cloud, charged, emitted):
    """By its columns, in words that name it."""
    cloud.put_bill(charged())
    cloud.put_carbon(emitted(), table=replace(OTHER, partitioning=None))

    with pytest.raises(FatalError, match=f"{OTHER.name} is no billing export"):
        await totals(cloud, MONTH, reference=OTHER)
