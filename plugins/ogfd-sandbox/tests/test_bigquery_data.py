"""The generated exports agree with their truth, by SQL, and with themselves after changes."""

from collections.abc import Iterable
from datetime import timedelta
from decimal import Decimal

import pyarrow as pa
import pytest
from google.cloud.bigquery import Client
from ogfd_sandbox.bigquery import footprint as carbon
from ogfd_sandbox.bigquery.bill import (
    Bill,
    BillSettings,
    Month,
    add_late,
    assemble,
    correct,
    exports,
    put,
    vanish,
)
from ogfd_sandbox.bigquery.server import BigQueryServer
from ogfd_sandbox.bigquery.tables import LOADED, Table

SETTINGS = BillSettings(
    rows=900, billing_accounts=2, currencies=("USD", "EUR"), surcharges=1, late_percent=5
)
KEYS = (
    "billing_account_id", "service_id", "project_number", "region", "invoice_month", "day",
    "currency", "cost_type",
)  # fmt: skip
USAGE = """
SELECT billing_account_id, service.id, IFNULL(project.number, ''),
  COALESCE(location.region, location.location, ''), invoice.month,
  CAST(DATE(usage_start_time) AS STRING), currency, cost_type,
  SUM(CAST(cost AS NUMERIC)) + SUM(IFNULL(
    (SELECT SUM(CAST(c.amount AS NUMERIC)) FROM UNNEST(credits) AS c), 0))
FROM `{}` GROUP BY 1, 2, 3, 4, 5, 6, 7, 8"""
FOCUS = """
SELECT BillingAccountId, x_ServiceId, IFNULL(x_Project.Number, ''),
  COALESCE(RegionId, x_Location, ''),
  FORMAT_TIMESTAMP('%Y%m', BillingPeriodStart, 'America/Los_Angeles'),
  CAST(DATE(ChargePeriodStart) AS STRING), BillingCurrency, x_CostType, SUM(BilledCost)
FROM `{}` GROUP BY 1, 2, 3, 4, 5, 6, 7, 8"""


@pytest.fixture(scope="module")
def bill() -> Bill:
    return assemble(SETTINGS)


def net(client: Client, tables: Iterable[Table], sql: str = USAGE) -> dict:
    found = [
        row.values()
        for table in tables
        for row in client.query_and_wait(sql.format(table.path), retry=None, job_retry=None)
    ]
    return {values[:-1]: values[-1] for values in found}


@pytest.mark.parametrize(
    ("kind", "sql"),
    [("standard", USAGE), ("standard_2022", USAGE), ("detailed", USAGE), ("focus", FOCUS)],
)
def test_every_export_adds_up_to_the_truth(bigquery, google, bill, kind, sql):
    assert bill.truth.by("net", *KEYS) == net(google, put(bigquery, bill, kind), sql)


def test_equal_settings_give_equal_rows(bill):
    again = assemble(SETTINGS)

    for (table, rows), (same, others) in zip(exports(bill), exports(again), strict=True):
        assert table == same
        assert rows.equals(others)


def test_a_bill_has_all_that_makes_bills_hard(bill):
    (_, rows), _ = exports(bill, "detailed")

    assert {"regular", "tax", "rounding_error", "surcharge"} == set(
        rows["cost_type"].unique().to_pylist()
    )
    lags = {
        (total.partition - total.day).days for total in bill.truth.totals if total.unit == "seconds"
    }
    assert {0, 1, 2} < lags <= set(range(20))
    first = SETTINGS.first
    assert {f"{first.plus(place)}".replace("-", "") for place in (-1, 0, 1)} == {
        key[0] for key in bill.truth.by("net", "invoice_month")
    }
    found = rows.to_pylist()
    assert any(row["project"] is None for row in found)
    assert any(row["project"] and row["project"]["id"] is None for row in found)
    assert any(row["location"] and row["location"]["region"] is None for row in found)
    assert any(row["credits"] for row in found)
    assert "n2-standard-4" in {label["value"] for row in found for label in row["system_labels"]}
    assert {"price", "tags", "cost_at_list"} <= set(rows.column_names)
    assert not {"price", "tags"} & set(exports(bill, "standard_2022")[0][1].column_names)


def test_rows_of_a_partition_are_exported_in_their_order(bill):
    (_, rows), _ = exports(bill)
    frame = pa.table({"day": rows[LOADED], "at": rows["export_time"]}).to_pylist()

    assert frame == sorted(frame, key=lambda row: (row["day"], row["at"]))
    assert all(timedelta(0) < row["at"] - row["day"] < timedelta(days=1) for row in frame)
    assert len(frame) == len({row["at"] for row in frame})


def test_late_corrected_and_vanished_rows_change_their_partitions_alone(bigquery, google, bill):
    tables = put(bigquery, bill)
    old = bill.partitions[4]
    changed = vanish(correct(add_late(bill)), old, rows=1)
    late = SETTINGS.first.start.date() + timedelta(days=19)
    corrected = SETTINGS.first.plus(2).start.date().replace(day=5)
    before = [times(google, table) for table in tables]
    put(bigquery, changed)

    for table, known in zip(tables, before, strict=True):
        found = times(google, table)
        assert {f"{day:%Y%m%d}" for day in (old, late, corrected)} == {
            name for name, when in found.items() if known.get(name) != when
        }
    truth = changed.truth.by("net", *KEYS)
    assert truth == net(google, tables)
    assert truth != bill.truth.by("net", *KEYS)
    assert bill.truth.rows + 2 * (1 + 1 - 1) == changed.truth.rows


def test_a_correction_takes_back_under_the_next_invoice(bill):
    months = [bill.truth.by("net", "invoice_month"), correct(bill).truth.by("net", "invoice_month")]
    first, second = (f"{SETTINGS.first.plus(place)}".replace("-", "") for place in (0, 1))

    assert months[0][first,] == months[1][first,]
    assert months[0][second,] > months[1][second,]


def test_a_partition_can_vanish_whole(bigquery, bill):
    day = bill.partitions[0]
    (table, *_) = put(bigquery, vanish(bill, day))

    assert f"{day:%Y%m%d}" not in bigquery.partitions(table)


def test_a_bill_of_nonsense_is_refused():
    with pytest.raises(ValueError, match="currency of USD"):
        BillSettings(currencies=("XXX",))
    with pytest.raises(ValueError, match="at least one month"):
        BillSettings(months=0)
    with pytest.raises(ValueError, match="between 0 and 100"):
        BillSettings(late_percent=101)


def times(client: Client, table: Table) -> dict:
    sql = f"""SELECT partition_id, last_modified_time
        FROM `{table.project}.{table.dataset}`.INFORMATION_SCHEMA.PARTITIONS
        WHERE table_name = '{table.name}'"""
    found = client.query_and_wait(sql, retry=None, job_retry=None)
    return {row.partition_id: row.last_modified_time for row in found}


CARBON = """
SELECT billing_account_id, usage_month, project.number, service.id, location.location,
  SUM(CAST(carbon_footprint_total_kgCO2e.{} AS NUMERIC))
FROM (SELECT DISTINCT * FROM `{}`) GROUP BY 1, 2, 3, 4, 5"""
CARBON_KEYS = ("billing_account_id", "month", "project_number", "service_id", "location")


def kilograms(client: Client, method: str) -> dict:
    sql = CARBON.format(method, carbon.TABLE.path)
    found = client.query_and_wait(sql, retry=None, job_retry=None)
    rows = [row.values() for row in found]
    return {(row[0], Month.of(row[1]), *row[2:5]): row[5] for row in rows}


def test_the_footprint_adds_up_once_doubles_and_halves_are_folded(bigquery, google):
    settings = carbon.FootprintSettings(first=Month(2022, 12), months=2)
    footprint = carbon.assemble(settings)
    bigquery.set_table(footprint.table, footprint.rows)

    assert footprint.total("location_based", *CARBON_KEYS) == kilograms(google, "location_based")
    market = kilograms(google, "market_based")
    assert footprint.total("market_based", *CARBON_KEYS) == market
    assert {None} == {kg for key, kg in market.items() if key[1] == Month(2022, 12)}
    assert None not in {kg for key, kg in market.items() if key[1] == Month(2023, 1)}
    doubled = sum(part.copies - 1 for part in footprint.parts)
    assert (4, 4) == (doubled, sum(part.split > 0 for part in footprint.parts))
    assert len(footprint.parts) + 8 <= footprint.rows.num_rows


def test_the_footprint_of_other_years_has_other_columns(bigquery, google):
    found = {
        shape: carbon.assemble(carbon.FootprintSettings(first=Month(2022, 1), shape=shape)).rows
        for shape in ("2022", "2024", "2026")
    }

    assert "carbon_offsets_kgCO2e" in found["2022"].column_names
    assert "carbon_offsets_kgCO2e" not in found["2026"].column_names
    totals = {
        shape: {row["market_based"] for row in rows["carbon_footprint_total_kgCO2e"].to_pylist()}
        for shape, rows in found.items()
    }
    assert {"2022": {0.0}, "2024": {None}, "2026": {None}} == totals
    places = found["2022"]["location"].to_pylist()
    assert any(place["location"] is None for place in places)
    numbers = [row["number"] for row in found["2026"]["project"].to_pylist()]
    assert "" in numbers


def test_a_backfill_changes_its_month_alone(bigquery, google):
    footprint = carbon.assemble(carbon.FootprintSettings(months=2))
    month = footprint.settings.first
    bigquery.set_table(footprint.table, footprint.rows)
    before = times(google, footprint.table)
    (account, *_) = sorted({part.billing_account_id for part in footprint.parts})
    second = carbon.restate(footprint, month, billing_accounts=[account], model_version=15)
    bigquery.set_table(second.table, second.rows)
    after = times(google, second.table)

    assert {"202601"} == {name for name in after if after[name] != before[name]}
    assert second.total("location_based", *CARBON_KEYS) == kilograms(google, "location_based")
    assert {14, 15} == {part.model_version for part in second.of_month(month)}
    totals = (one.total("scope3", "billing_account_id") for one in (footprint, second))
    changed = [key for key, (old, new) in zip_totals(*totals).items() if old != new]
    assert [(account,)] == changed


def zip_totals(old: dict, new: dict) -> dict[tuple, tuple[Decimal, Decimal]]:
    return {key: (old[key], new[key]) for key in old}


def test_a_table_that_is_no_parquet_is_refused(bigquery: BigQueryServer, tmp_path):
    path = tmp_path / "t.parquet"
    path.write_bytes(b"nothing")

    with pytest.raises(RuntimeError, match="refused PUT tables"):
        bigquery.load(Table(name="t"), path)
