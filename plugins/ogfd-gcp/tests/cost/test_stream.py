"""Billing exports, read from a stand-in of BigQuery with Google's own client."""

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from ogfd_gcp import ogfd_connector
from ogfd_sandbox.bigquery.tables import Partitioning, Table

from ogfd.plugin import FatalError, Grain, PartitionState, Period, SourceChanged, Wanted
from ogfd.testing import Collected, check_connector

WINDOW = Period.months("2026-09", "2026-11")
NAME = "gcp_billing_export_v1_012345_6789AB_CDEF01"
TABLE = Table(name=NAME, partitioning=Partitioning(unit="DAY"))
EXACT = "CAST(CAST({} AS STRING) AS BIGNUMERIC)"


async def read(cloud, *, versions=None, wanted=None, ctx=None, **keys):
    """Read what is listed and not in *versions*, as a run does; return rows and versions by day."""
    rows, found = {}, {}
    async with cloud.stream("cost", ctx, **keys) as stream:
        for partition in await stream.partitions(WINDOW):
            found[partition.key] = partition.version
            if (versions or {}).get(partition.key) == partition.version:
                continue
            out = Collected(wanted)
            await stream.read(partition, out)
            out.check()
            rows[partition.key] = out
    return rows, found


def billed(rows):
    """Return the billed cost by invoice month."""
    found = Counter()
    for out in rows.values():
        for row in out.rows():
            found[row["billing_period"]] += row["billed_cost"]
    return dict(found)


def days(cloud):
    """Return the partitions that were read for rows, in order."""
    return [job.partitions[TABLE.path] for job in cloud.queries("cost") if not job.dry_run]


async def test_slices_are_days_of_export(cloud, charged):
    """Whatever day their usage is of; rows of one day may be of several days and invoices."""
    cloud.put_bill(
        charged("2026-10-02"),
        charged("2026-10-02", hour="2026-09-30T23:00", month="202609", cost=0.25),
        charged("2026-10-21", cost=2.0),
    )

    rows, _ = await read(cloud)

    assert ["2026-10-02", "2026-10-21"] == list(rows)
    assert {"2026-09": Decimal("0.25"), "2026-10": Decimal("3.5")} == billed(rows)
    assert [("20261002",), ("20261021",)] == days(cloud)


async def test_rows_say_what_the_export_says(cloud, charged):
    """Project, service, place, machine, money with its credits, and what else matters."""
    cloud.put_bill(charged(cost=1.5, credits=[-0.2, -0.05]))

    rows, _ = await read(cloud)
    (row,) = rows["2026-10-02"].rows()

    said = {
        "source": "gcp_billing", "billing_account_id": "012345-6789AB-CDEF01",
        "account_id": "shop", "account_name": "Shop", "billing_period": "2026-10",
        "service": "Compute Engine", "category": "compute", "region": "europe-west3",
        "location": "EU-CENTRAL", "country": "DE", "machine_type": "n2-standard-4",
        "sku": "N2 Instance Core running in Frankfurt", "charge_category": "usage",
        "quantity": Decimal(3600), "unit": "seconds", "billed_cost": Decimal("1.25"),
        "effective_cost": Decimal("1.25"), "currency": "EUR",
        "metadata": [("sku_id", "AAAA-BBBB-CCCC"), ("conversion_rate", "0.92")],
    }  # fmt: skip
    assert said == {name: row[name] for name in said}
    assert not {"resource_id", "tags"} & row.keys()


async def test_sums_equal_an_independent_query(cloud, charged):
    """To the last digit, where floating point would drift: cost, credits and quantity."""
    cloud.put_bill(
        *(
            charged(f"2026-10-{1 + n % 3:02}", cost=0.1 + n * 1e-7, credits=[-0.01] * (n % 3))
            for n in range(200)
        )
    )

    rows, _ = await read(cloud)
    truth = cloud.truth(
        f"SELECT SUM({EXACT.format('cost')}) + SUM(IFNULL((SELECT SUM({EXACT.format('c.amount')})"
        f" FROM UNNEST(credits) AS c), 0)) AS x FROM `{TABLE.path}`"
    )

    assert truth == sum(billed(rows).values())


async def test_a_replay_reads_nothing(cloud, charged):
    """Versions come from what BigQuery keeps of partitions: no row is touched."""
    cloud.put_bill(charged(), charged("2026-10-21"))
    _, versions = await read(cloud)
    before = len(days(cloud))

    rows, again = await read(cloud, versions=versions)

    assert versions == again
    assert not rows
    assert before == len(days(cloud))


async def test_late_rows_corrections_and_vanished_rows_end_equal_to_the_truth(cloud, charged):
    """And of all the days only those that changed are read."""
    first = [charged("2026-10-02"), charged("2026-10-02", cost=0.7), charged("2026-10-03")]
    cloud.put_bill(*first)
    rows, versions = await read(cloud)
    before = len(days(cloud))

    late = charged("2026-10-21", hour="2026-10-02T05:00", cost=4.0)
    correction = charged("2026-11-05", hour="2026-10-03T03:00", cost=-1.5, month="202611")
    cloud.put_bill(first[0], first[2], late, correction)
    more, now = await read(cloud, versions=versions)
    rows |= more

    assert {"2026-10": Decimal("7.0"), "2026-11": Decimal("-1.5")} == billed(rows)
    assert [("20261002",), ("20261021",), ("20261105",)] == days(cloud)[before:]
    assert versions["2026-10-03"] == now["2026-10-03"]


@pytest.mark.parametrize(
    ("grain", "lines", "start"),
    [
        (Grain.LINE, 3, "2026-10-02T03:00"),
        (Grain.HOURLY, 2, "2026-10-02T03:00"),
        (Grain.DAILY, 1, "2026-10-02T00:00"),
        (Grain.MONTHLY, 1, "2026-10-01T00:00"),
    ],
)
async def test_rows_are_added_up_by_bigquery(cloud, charged, grain, lines, start):
    """To the grain that is wanted, so that no more rows than that are sent."""
    rows = [charged(), charged(), charged(hour="2026-10-02T07:00")]
    cloud.put_bill(*rows)

    found, _ = await read(cloud, wanted=Wanted(grain=grain))
    out = found["2026-10-02"]

    assert lines == cloud.queries("cost")[-1].rows
    assert start == min(row["period_start"] for row in out.rows()).strftime("%Y-%m-%dT%H:%M")
    assert Decimal("4.5") == sum(row["billed_cost"] for row in out.rows())
    assert 3 == out.source_rows


async def test_a_charge_longer_than_the_grain_keeps_its_period(cloud, charged):
    """A fee of a month is not of its first day."""
    row = charged(hour="2026-10-01T00:00")
    row["usage_end_time"] = row["usage_start_time"].replace(month=11)
    cloud.put_bill(row)

    rows, _ = await read(cloud)
    (found,) = rows["2026-10-02"].rows()

    assert row["usage_end_time"] == found["period_end"]


async def test_cost_types_that_nobody_knows_are_kept_and_named(cloud, charged):
    """Their money counts as an adjustment; tax and rounding are what they are."""
    nobody = {"project": None, "usage": None}
    cloud.put_bill(
        charged(),
        charged(cost_type="tax", cost=0.3, **nobody),
        charged(cost_type="rounding_error", cost=0.01, **nobody),
        charged(cost_type="surprise", cost=0.5),
    )

    rows, _ = await read(cloud)
    out = rows["2026-10-02"]
    found = Counter()
    for row in out.rows():
        found[row["charge_category"]] += row["billed_cost"]

    assert {
        "usage": Decimal("1.5"), "tax": Decimal("0.3"), "adjustment": Decimal("0.51"),
    } == found  # fmt: skip
    assert {("charge_category", "surprise"): 1} == out.unknowns
    assert all("account_id" not in row for row in out.rows() if row["charge_category"] == "tax")


async def test_bytes_are_counted_in_units_that_fit(cloud, charged):
    """A disk of an hour is beyond 10^15 byte-seconds; no digit is lost, and no row refused."""
    units = [("byte-seconds", 3958241859993601.0), ("bytes", 1.0), ("seconds", 2.5)]
    cloud.put_bill(*(charged(usage={"amount": each, "unit": unit}) for unit, each in units))

    rows, _ = await read(cloud)

    assert {
        "GB-Seconds": Decimal("3958241.859993601"), "GB": Decimal("1E-9"), "seconds": Decimal("2.5")
    } == {row["unit"]: row["quantity"] for row in rows["2026-10-02"].rows()}  # fmt: skip


async def test_tags_are_read_if_they_are_wanted(cloud, charged):
    """From labels, else from tags, else from those of the project."""
    project = {"id": "shop", "number": "1", "name": "Shop"}
    team = [{"key": "team", "value": "blue"}]
    cloud.put_bill(
        charged(labels={"env": "prod", "other": "x"}),
        charged(project={**project, "labels": team}, tags=[{"key": "env", "value": "test"}]),
    )

    plain, _ = await read(cloud)
    tagged, _ = await read(cloud, wanted=Wanted(tags=("env", "team")))

    assert all("tags" not in row for row in plain["2026-10-02"].rows())
    assert [[("env", "prod")], [("env", "test"), ("team", "blue")]] == sorted(
        row["tags"] for row in tagged["2026-10-02"].rows()
    )
    assert {"tag_0": "env", "tag_1": "team"}.items() <= cloud.queries("cost")[-1].parameters.items()


async def test_resources_are_read_if_they_are_wanted(cloud, charged):
    """A detailed export has them; a standard one has none, and is read all the same."""
    cloud.put_bill(charged())
    detailed, _ = await read(cloud, wanted=Wanted(resource_ids=True))
    cloud.put_bill(charged(cost=2.0), without=["resource", "tags", "seller_name"])
    standard, _ = await read(cloud, wanted=Wanted(resource_ids=True, tags=("env",)))

    assert ["//compute.googleapis.com/vm-1"] == [
        row["resource_id"] for row in detailed["2026-10-02"].rows()
    ]
    assert [Decimal("2.0")] == [row["billed_cost"] for row in standard["2026-10-02"].rows()]


async def test_accounts_that_are_not_asked_for_are_left_out_on_record(cloud, charged):
    """A reseller's table has those of its customers too."""
    other = "AAAAAA-BBBBBB-CCCCCC"
    cloud.put_bill(charged(), charged(), charged(billing_account_id=other))

    rows, _ = await read(cloud, billing_account_ids=(other,))
    out = rows["2026-10-02"]

    assert [other] == [row["billing_account_id"] for row in out.rows()]
    assert 2 == out.left_out.total()


@pytest.mark.parametrize("grain", [Grain.DAILY, Grain.LINE])
async def test_a_cost_that_is_null_is_not_zero(cloud, charged, grain):
    """Whatever it is added up with: its rows are rejected, and somebody looks at them."""
    cloud.put_bill(charged(cost=None), charged(cost=2.0), charged("2026-10-02", cost=4.0, sku=None))
    async with cloud.stream("cost") as stream:
        (partition,) = await stream.partitions(WINDOW)
        out = Collected(wanted=Wanted(grain=grain))
        await stream.read(partition, out)

    kept = [] if grain is Grain.DAILY else [Decimal("2.0")]
    assert [*kept, Decimal("4.0")] == sorted(row["billed_cost"] for row in out.rows())
    assert 2 - len(kept) == sum(each.rows for each in out.rejected)


async def test_what_kept_partitions_back_does_not_keep_the_rows(cloud, charged):
    """Then their own number, newest and sums are the version, and tell what changed as well."""
    table = replace(TABLE, partition_metadata="denied")
    cloud.put_bill(charged("2026-10-02"), charged("2026-10-03"), table=table)
    rows, versions = await read(cloud)
    before = len(days(cloud))

    cloud.put_bill(charged("2026-10-02"), charged("2026-10-03", cost=1.6), table=table)
    more, _ = await read(cloud, versions=versions)

    assert ["2026-10-02", "2026-10-03"] == list(rows)
    assert [("20261003",)] == days(cloud)[before:]
    assert [Decimal("1.6")] == [row["billed_cost"] for row in more["2026-10-03"].rows()]


async def test_a_view_is_cut_by_the_time_of_export(cloud, charged):
    """It has no partitions, and does not say when it was changed."""
    view = replace(TABLE, partitioning=None, kind="VIEW")
    cloud.put_bill(
        charged("2026-10-02"), charged("2026-10-03"), table=view, without=["_PARTITIONTIME"]
    )

    rows, _ = await read(cloud)

    assert ["2026-10-02", "2026-10-03"] == list(rows)
    assert {"2026-10": Decimal("3.0")} == billed(rows)


async def test_a_day_that_changes_while_it_is_read_starts_again(cloud, charged):
    """Rows of another version than the listed one are never handed out."""
    cloud.put_bill(charged())
    async with cloud.stream("cost") as stream:
        (partition,) = await stream.partitions(WINDOW)
        cloud.put_bill(charged(), charged(cost=9.0))
        out = Collected()
        with pytest.raises(SourceChanged):
            await stream.read(partition, out)

    assert not out.rows()


async def test_a_change_of_another_day_does_not_matter(cloud, charged):
    """Exports go on all day; only the day that is read counts."""
    cloud.put_bill(charged())
    async with cloud.stream("cost") as stream:
        (partition,) = await stream.partitions(WINDOW)
        cloud.put_bill(charged(), charged("2026-11-19"))
        out = Collected()
        await stream.read(partition, out)

    assert 1 == len(out.rows())


async def test_plan_knows_the_price_before_anything_is_read(cloud, charged):
    """By one dry run, of which each day has its share; nothing is billed for it."""
    cloud.put_bill(charged("2026-10-02"), charged("2026-10-03"))
    async with cloud.stream("cost") as stream:
        found = await stream.partitions(WINDOW)

    dry = [job for job in cloud.queries("cost") if job.dry_run]
    assert 1 == len(dry)
    assert 0 == dry[0].bytes_billed
    assert dry[0].bytes_processed == pytest.approx(sum(one.size_bytes for one in found), abs=2)
    assert {Decimal("0.000060")} == {one.price.amount for one in found}


async def test_days_of_a_settled_month_are_closed(cloud, charged):
    """Its invoice is final; a later change is read all the same, as its version tells."""
    cloud.put_bill(charged("2026-10-31"), charged("2026-11-02"))
    for now, states in (
        (datetime(2026, 11, 10, 23, tzinfo=UTC), ("closing", "open")),
        (datetime(2026, 11, 11, tzinfo=UTC), ("closed", "open")),
    ):
        async with cloud.stream("cost", cloud.context(now=now)) as stream:
            found = [one.state for one in await stream.partitions(WINDOW)]

        assert [PartitionState(state) for state in states] == found


async def test_another_table_is_refused_by_its_columns(cloud, emitted):
    """In words that say what is missing and what to do."""
    cloud.put_carbon(emitted(), table=TABLE.__class__(name=NAME))

    with pytest.raises(FatalError, match=r"no billing export: it lacks invoice\.month") as caught:
        await read(cloud)

    assert "discover" in caught.value.hint


async def test_every_query_has_its_limits(cloud, charged):
    """A bound on what it may cost unless it is free, labels, and no value in its text."""
    cloud.put_bill(charged())
    await read(cloud, maximum_bytes_billed=20 << 20)

    for job in cloud.server.jobs():
        assert (None if job.dry_run else 20 << 20) == job.maximum_bytes_billed
        assert {"ogfd", "ogfd_connector"} <= job.labels.keys()
        assert "2026-10" not in job.query


async def test_it_keeps_the_contract(cloud, charged):
    """Repeatable, whole after every fault and cancellation."""
    cloud.put_bill(charged())
    spec = ogfd_connector()
    await check_connector(spec, cloud.config(cost=TABLE), window=WINDOW, context=cloud.context)
