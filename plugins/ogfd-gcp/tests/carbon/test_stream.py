"""The carbon footprint, read from a stand-in of BigQuery with Google's own client."""

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from ogfd_gcp import ogfd_connector
from ogfd_sandbox.bigquery.tables import Partitioning, Table

from ogfd.plugin import FatalError, NotPublished, PartitionState, Period, SourceChanged
from ogfd.testing import Collected, check_connector

WINDOW = Period.months("2021-01", "2026-11")
ACCOUNT = "012345-6789AB-CDEF01"
TABLE = Table(
    name="carbon_footprint",
    dataset="carbon",
    location="EU",
    partitioning=Partitioning(unit="MONTH", field="usage_month"),
)


async def read(cloud, *, versions=None, table=TABLE, ctx=None, **keys):
    """Read what is listed and not in *versions*; return rows and versions by slice."""
    rows, found = {}, {}
    async with cloud.stream("carbon", ctx, table, **keys) as stream:
        for partition in await stream.partitions(WINDOW):
            found[partition.key] = partition.version
            if (
                partition.version is None
                or (versions or {}).get(partition.key) == partition.version
            ):
                continue
            out = Collected()
            await stream.read(partition, out)
            out.check()
            rows[partition.key] = out
    return rows, found


def total(rows, column):
    return sum((row.get(column, 0) for out in rows.values() for row in out.rows()), Decimal())


async def test_slices_are_accounts_and_months(cloud, emitted):
    """One table may hold several accounts; those that are not asked for are not listed."""
    other = "AAAAAA-BBBBBB-CCCCCC"
    cloud.put_carbon(emitted("2026-09"), emitted("2026-10"), emitted("2026-10", account=other))

    everything, _ = await read(cloud)
    asked, _ = await read(cloud, billing_account_ids=(other,))

    assert [f"{ACCOUNT}/2026-09", f"{ACCOUNT}/2026-10", f"{other}/2026-10"] == sorted(everything)
    assert [f"{other}/2026-10"] == list(asked)


async def test_rows_say_what_they_are(cloud, emitted):
    """Google's figures by its own scopes, and all of it scope 3 of the customer's."""
    cloud.put_carbon(emitted("2026-09", kg=0.1, market=0.05))

    rows, _ = await read(cloud)
    (row,) = rows[f"{ACCOUNT}/2026-09"].rows()

    said = {
        "source": "gcp_carbon", "billing_account_id": ACCOUNT, "account_id": "shop",
        "billing_period": "2026-09", "service": "Compute Engine", "category": "compute",
        "region": "europe-west3", "location": "EU-CENTRAL", "country": "DE",
        "charge_category": "emission", "method": "supplier_specific", "data_quality": "reported",
        "ghg_scope": 3, "ghg_category": 1, "model_version": "14",
        "scope1_kg": Decimal("0.1"), "scope2_location_kg": Decimal("0.2"),
        "scope2_market_kg": Decimal("0.05"), "scope3_kg": Decimal("0.1"),
        "location_based_kg": Decimal("0.4"), "market_based_kg": Decimal("0.25"),
        "period_start": datetime(2026, 9, 1, tzinfo=UTC),
        "period_end": datetime(2026, 10, 1, tzinfo=UTC),
    }  # fmt: skip
    assert said == {name: row[name] for name in said}


async def test_copies_count_once_and_split_rows_are_one(cloud, emitted):
    """As the export made them in 2022 and until December 2023; the copies are on record."""
    row = emitted(kg=0.1)
    cloud.put_carbon(row, row, emitted(kg=0.25, project=(None, "1001")))

    rows, _ = await read(cloud)
    out = rows[f"{ACCOUNT}/2026-09"]
    (found,) = out.rows()

    assert ("shop", Decimal("0.35"), 2) == (
        found["account_id"], found["scope1_kg"], found["line_count"],
    )  # fmt: skip
    assert (1, 3) == (out.left_out.total(), out.source_rows)


async def test_what_a_new_column_tells_apart_is_no_copy(cloud, emitted):
    """Google adds columns: rows that are equal in those of today count each, copies once."""
    rows = [
        {**emitted(kg=0.1), "location": {"location": "eu", "region": "eu", "zone": zone}}
        for zone in ("a", "b", "b")
    ]
    cloud.put_old_carbon(*rows, table=TABLE)

    found, _ = await read(cloud)
    out = found[f"{ACCOUNT}/2026-09"]

    assert Decimal("0.2") == total(found, "scope1_kg")
    assert (1, 3) == (out.left_out.total(), out.source_rows)


async def test_projects_are_called_by_what_is_left_of_them(cloud, emitted):
    """A deleted project has its number alone; some emissions are of none."""
    cloud.put_carbon(
        emitted(project=("shop", "1")), emitted(project=(None, "2")), emitted(project=(None, ""))
    )

    rows, _ = await read(cloud)

    assert {"shop", "2", None} == {
        row.get("account_id") for row in rows[f"{ACCOUNT}/2026-09"].rows()
    }


async def test_a_missing_market_based_figure_stays_missing(cloud, emitted):
    """Null is not zero, and where a part is missing the sum is."""
    cloud.put_carbon(
        emitted("2022-12", market=0.0),
        emitted("2023-01", market=0.0),
        emitted("2026-09", market=0.5),
        emitted("2026-09", market=None, project=(None, "1001")),
    )

    rows, _ = await read(cloud)
    found = {key[-7:]: out.rows()[0] for key, out in rows.items()}

    assert "scope2_market_kg" not in found["2022-12"]
    assert Decimal(0) == found["2023-01"]["scope2_market_kg"]
    assert not {"scope2_market_kg", "market_based_kg"} & found["2026-09"].keys()
    assert Decimal("0.8") == found["2026-09"]["location_based_kg"]


async def test_sums_equal_an_independent_query(cloud, emitted):
    """To the last digit."""
    cloud.put_carbon(
        *(
            emitted("2026-09", kg=0.1 + n / 7, project=("p", str(n)), market=None)
            for n in range(99)
        ),
        table=replace(TABLE, location="US"),
    )

    rows, _ = await read(cloud, table=replace(TABLE, location="US"))
    truth = cloud.truth(
        "SELECT SUM(CAST(CAST(carbon_footprint_kgCO2e.scope1 AS STRING) AS BIGNUMERIC)) "
        f"FROM `{TABLE.path}`"
    )

    assert total(rows, "scope1_kg") == pytest.approx(truth, abs=Decimal("1e-10"))


async def test_every_month_is_looked_at_and_only_a_restated_one_read(cloud, emitted):
    """A backfill of an old month is noticed, whatever model it names."""
    rows = [emitted("2025-07"), emitted("2026-09")]
    cloud.put_carbon(*rows)
    _, versions = await read(cloud)
    before = len(cloud.queries("carbon"))

    assert not (await read(cloud, versions=versions))[0]
    assert before == len(cloud.queries("carbon"))
    cloud.put_carbon(emitted("2025-07", market=0.01), rows[1])
    more, _ = await read(cloud, versions=versions)

    assert [f"{ACCOUNT}/2025-07"] == list(more)
    assert ("202507",) == cloud.queries("carbon")[-1].partitions[TABLE.path]


@pytest.mark.parametrize("how", ["denied", "unpartitioned", "view"])
async def test_without_partitions_the_rows_tell_what_changed(cloud, emitted, how):
    """By a fingerprint of each month: a change of one digit is one of the version."""
    table = {
        "denied": replace(TABLE, partition_metadata="denied"),
        "unpartitioned": replace(TABLE, partitioning=None),
        "view": replace(TABLE, partitioning=None, kind="VIEW"),
    }[how]
    cloud.put_carbon(emitted("2026-09"), emitted("2026-10"), table=table)
    first, versions = await read(cloud, table=table)
    same, _ = await read(cloud, table=table, versions=versions)
    cloud.put_carbon(emitted("2026-09"), emitted("2026-10", kg=0.1000000001), table=table)
    more, _ = await read(cloud, table=table, versions=versions)

    assert 2 == len(first)
    assert not same
    assert [f"{ACCOUNT}/2026-10"] == list(more)


async def test_the_newest_month_is_pending_until_it_is_exported(cloud, emitted):
    """And says when it will be."""
    cloud.put_carbon(emitted("2026-09"))
    async with cloud.stream(
        "carbon", cloud.context(now=datetime(2026, 11, 2, tzinfo=UTC))
    ) as stream:
        found = {one.key: one for one in await stream.partitions(WINDOW)}
        due = found[f"{ACCOUNT}/2026-10"]
        with pytest.raises(NotPublished, match="2026-11-16"):
            await stream.read(due, Collected())

    assert due.version is None
    assert PartitionState.CLOSED is found[f"{ACCOUNT}/2026-09"].state


async def test_older_exports_lack_columns(cloud, emitted):
    """Without market-based figures they are read all the same."""
    old = emitted("2022-01")
    old["carbon_footprint_kgCO2e"]["scope2"] = {"location_based": 0.2}
    old["carbon_footprint_total_kgCO2e"] = {"location_based": 0.4}
    cloud.put_old_carbon(old, table=TABLE)

    rows, _ = await read(cloud)
    (row,) = rows[f"{ACCOUNT}/2022-01"].rows()

    assert Decimal("0.4") == row["location_based_kg"]
    assert "market_based_kg" not in row


async def test_another_table_is_refused_by_its_columns(cloud, charged):
    """Such as the export that was retired in 2022."""
    cloud.put_bill(charged(), table=Table(name="carbon_footprint", dataset="carbon"))

    with pytest.raises(FatalError, match="no Carbon Footprint export: it lacks usage_month"):
        await read(cloud)


async def test_a_month_that_changes_while_it_is_read_starts_again(cloud, emitted):
    """What is handed out is of the listed version or nothing."""
    cloud.put_carbon(emitted())
    async with cloud.stream("carbon") as stream:
        partition = next(one for one in await stream.partitions(WINDOW) if one.version)
        cloud.put_carbon(emitted(kg=9.0))
        with pytest.raises(SourceChanged):
            await stream.read(partition, Collected())


async def test_what_no_table_knows_is_named_and_kept(cloud, emitted):
    """A region and a service of next year."""
    cloud.put_carbon(emitted(region="moon-north1", service=("X", "Cloud Moonbase")))

    rows, _ = await read(cloud)
    out = rows[f"{ACCOUNT}/2026-09"]

    assert Counter({("region", "moon-north1"): 1, ("service", "Cloud Moonbase"): 1}) == out.unknowns
    assert 1 == len(out.rows())


async def test_copies_are_told_apart_by_their_fingerprint(cloud, emitted):
    """Two equal rows in place of two other equal rows are a change, where the rows must tell it."""
    view = replace(TABLE, partitioning=None, kind="VIEW")
    cloud.put_carbon(emitted(kg=0.1), emitted(kg=0.1), table=view)
    _, before = await read(cloud, table=view)
    cloud.put_carbon(emitted(kg=0.2), emitted(kg=0.2), table=view)
    _, after = await read(cloud, table=view)

    assert before[f"{ACCOUNT}/2026-09"] != after[f"{ACCOUNT}/2026-09"]


async def test_it_keeps_the_contract(cloud, emitted):
    """Repeatable, whole after every fault and cancellation."""
    cloud.put_carbon(emitted("2026-10"))
    spec = ogfd_connector()
    config = cloud.config(carbon=TABLE)
    await check_connector(spec, config, window=WINDOW, context=cloud.context)
