"""The generator of Azure cost exports."""

import csv
import gzip
import io
import json
from collections import Counter
from datetime import UTC, datetime
from decimal import Decimal, localcontext

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner
from ogfd_sandbox.__main__ import main
from ogfd_sandbox.azure.bill import (
    AzureSettings,
    Changes,
    Dataset,
    Format,
    Generation,
    Kind,
    Month,
    Overwrite,
    Place,
    assemble,
    deliver,
    put,
    query_rows,
    restate,
    write_month,
)
from ogfd_sandbox.azure.bill.amounts import decimals, rounded, texts, total
from ogfd_sandbox.azure.bill.book import USED
from ogfd_sandbox.azure.bill.catalog import APPLIANCES, REGIONS
from ogfd_sandbox.azure.bill.columns import EA, FOCUS_1_0, FOCUS_1_2, MCA
from ogfd_sandbox.azure.bill.settings import RATES
from ogfd_sandbox.cur.numbers import Numbers

MONTH = Month(2026, 2)
SETTINGS = AzureSettings(seed=7, rows=1_000, currencies=("USD", "DKK"), taxes_and_credits=True)
AMOUNT = "DECIMAL(38, 28)"

every_dataset = pytest.mark.parametrize("dataset", Dataset, ids=lambda one: one.value)
every_format = pytest.mark.parametrize("format", Format, ids=lambda one: one.name.lower())

KEYS = {
    "ea": ("SubscriptionId", "lower(ResourceGroup)", "MeterCategory", "BillingCurrencyCode"),
    "mca": ("SubscriptionId", "lower(resourceGroupName)", "meterCategory", "billingCurrency"),
    "focus": (
        "replace(SubAccountId, '/subscriptions/', '')",
        "lower(x_ResourceGroupName)",
        "x_SkuMeterCategory",
        "BillingCurrency",
    ),
}
DAYS = {"ea": "Date", "mca": "date", "focus": "ChargePeriodStart"}
COSTS = {"ea": "CostInBillingCurrency", "mca": "costInBillingCurrency"}
DIMENSIONS = ("subscription_id", "resource_group", "meter_category", "currency", "day")


@pytest.fixture(scope="module")
def bill():
    return assemble(SETTINGS, MONTH)


@pytest.fixture(scope="module")
def written(bill, tmp_path_factory):
    """Files by dataset and format, each written once."""
    directory = tmp_path_factory.mktemp("azure")
    known = {}

    def files(dataset, format):
        if (dataset, format) not in known:
            place = Place(export=dataset.value, dataset=dataset, format=format)
            blobs = write_month(bill, place, directory / format.name)
            known[dataset, format] = [path for name, path in blobs if "part_" in name]
        return known[dataset, format]

    return files


@pytest.fixture(scope="module")
def rows(written):
    def read(dataset):
        return [row for path in written(dataset, Format.CSV) for row in _rows(path.read_bytes())]

    return read


def _rows(content):
    return list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline="")))


def _query(paths, sql):
    files = [str(path) for path in paths]
    if files[0].endswith(".parquet"):
        source = f"read_parquet({files})"
    else:
        source = (
            f"read_csv({files}, all_varchar=true, header=true, delim=',', "
            """quote='"', escape='"', sample_size=100)"""
        )
    with duckdb.connect() as connection:
        connection.execute("SET timezone = 'UTC'")
        return connection.execute(f"WITH charges AS (FROM {source}) {sql}").fetchall()


def _layout(dataset):
    return "focus" if dataset.contents == "focus" else dataset.value.rpartition("-")[2]


def _day(dataset, format):
    layout = _layout(dataset)
    column = f'"{DAYS[layout]}"'
    if format is Format.PARQUET:
        return f"strftime({column}, '%Y-%m-%d')"
    if layout == "focus":
        return f"{column}[:10]"
    return f"strftime(strptime({column}, '%m/%d/%Y'), '%Y-%m-%d')"


def _sums(dataset, format, paths, columns):
    """Add up *columns*, and rows, by `DIMENSIONS`."""
    keys = [f"coalesce({key}, '')" for key in KEYS[_layout(dataset)]]
    amounts = [f"sum({column}::{AMOUNT})" for column in columns]
    selected = ", ".join([*keys, _day(dataset, format), *amounts, "count(*)"])
    found = _query(paths, f"SELECT {selected} FROM charges GROUP BY ALL")
    ends = len(DIMENSIONS)
    return {row[:ends]: row[ends:] for row in found}


@every_format
@every_dataset
def test_another_reader_finds_the_truth_in_every_file(bill, written, dataset, format):
    """DuckDB adds up billed and effective costs as decimals, to the 28th digit."""
    measures = {
        "focus": {"BilledCost": "billed", "EffectiveCost": "effective"},
        "actual": {COSTS.get(_layout(dataset)): "billed"},
        "amortized": {COSTS.get(_layout(dataset)): "effective"},
    }[dataset.contents]
    truth = bill.truth.of_kinds(dataset.kinds)
    expected = [truth.by(measure, *DIMENSIONS) for measure in measures.values()]
    found = _sums(dataset, format, written(dataset, format), measures)

    for place, amounts in enumerate(expected):
        assert amounts == {key: row[place] for key, row in found.items()}
    assert truth.rows == sum(row[-1] for row in found.values())


@every_dataset
def test_the_columns_are_those_of_azure(written, dataset):
    """In its order; parquet has the types that the export schemas say."""
    columns = {
        "ea": EA,
        "mca": MCA,
        "focus": FOCUS_1_0 if dataset is Dataset.FOCUS_1_0 else FOCUS_1_2,
    }[_layout(dataset)]
    text = written(dataset, Format.CSV)[0].read_text("utf-8-sig").partition("\n")[0].strip()
    schema = pq.read_schema(written(dataset, Format.PARQUET)[0])

    assert list(columns) == text.split(",") == schema.names
    for name in ("BilledCost", "quantity", "CostInBillingCurrency", "x_PricingBlockSize"):
        assert name not in columns or pa.types.is_decimal(schema.field(name).type)
    for name in ("ChargePeriodStart", "date", "BillingPeriodEndDate", "x_ServicePeriodEnd"):
        assert name not in columns or pa.types.is_timestamp(schema.field(name).type)
    for name in ("x_SkuIsCreditEligible", "isAzureCreditEligible", "IsAzureCreditEligible"):
        assert name not in columns or pa.types.is_boolean(schema.field(name).type)


def test_the_numbers_of_columns_are_those_of_azure():
    """As counted in Microsoft's schemas; 1.2 sorts its own columns after those of FOCUS."""
    assert [57, 65, 96, 104] == [len(columns) for columns in (EA, MCA, FOCUS_1_0, FOCUS_1_2)]
    assert "BilledCost" == FOCUS_1_2[0]
    assert "CapacityReservationId" == FOCUS_1_2[7]
    assert "x_AmortizationClass" == FOCUS_1_2[FOCUS_1_2.index("x_AccountOwnerId") + 1]


@every_dataset
def test_formats_hold_the_same_rows(written, dataset):
    """Compressed or not; Parquet has the same texts, and nulls for blanks."""
    plain = [path.read_bytes() for path in written(dataset, Format.CSV)]
    table = pa.concat_tables(pq.read_table(path) for path in written(dataset, Format.PARQUET))
    read = [row for content in plain for row in _rows(content)]
    texts_of = [name for name in table.column_names if pa.types.is_string(table.field(name).type)]

    packed = [path.read_bytes() for path in written(dataset, Format.GZIP)]
    assert plain == [gzip.decompress(content) for content in packed]
    for name in texts_of:
        assert [row[name] or None for row in read] == table[name].to_pylist()


def test_quantity_in_details_is_in_blocks(bill, rows):
    """Times the size of a block it is physical: what the truth has by meter."""
    blocks = {entry.offer.unit: entry.offer.block for entry in bill.entries if entry.kind in USED}
    found = {}
    for row in rows(Dataset.AMORTIZED_EA):
        if row["ChargeType"] == "Usage":
            physical = Decimal(row["Quantity"]) * blocks[row["UnitOfMeasure"]]
            found.setdefault((row["MeterId"],), []).append(physical)
    expected = bill.truth.of_kinds(frozenset(USED)).by("quantity", "meter_id")

    assert {1, 100, 10_000, 100_000, 1_000_000} == set(blocks.values())
    assert expected == {meter: total(amounts) for meter, amounts in found.items()}


@pytest.mark.parametrize("dataset", [Dataset.ACTUAL_EA, Dataset.AMORTIZED_EA])
def test_quantity_times_effective_price_is_the_cost_in_details(rows, dataset):
    """Never divided by the block, and close only: meters see more digits than files."""
    checked = 0
    for row in rows(dataset):
        quantity = Decimal(row["Quantity"])
        cost = quantity * Decimal(row["EffectivePrice"])
        tolerance = Decimal("1E-8") * abs(Decimal(row["EffectivePrice"]))
        checked += abs(cost - Decimal(row["CostInBillingCurrency"])) <= tolerance

    assert len(rows(dataset)) == checked


def test_customer_agreements_are_priced_in_dollars(rows):
    """The rate turns them into the currency of the bill, exactly."""
    seen = set()
    with localcontext(prec=60):
        for row in rows(Dataset.ACTUAL_MCA):
            rate = Decimal(row["exchangeRatePricingToBilling"])
            dollars = Decimal(row["costInUsd"])
            seen.add((row["billingCurrency"], rate))
            assert Decimal(row["costInBillingCurrency"]) == dollars * rate
            assert row["costInPricingCurrency"] == row["costInUsd"]

    assert {("USD", Decimal(1)), ("DKK", Decimal("6.8"))} == seen


def test_focus_1_0_divides_priced_quantities_twice_and_1_2_does_not(bill, rows):
    """Until November 2024 the consumed quantity was the priced one."""
    old, new = (
        [row for row in rows(dataset) if row["x_PricingUnitDescription"] == "10K"]
        for dataset in (Dataset.FOCUS_1_0, Dataset.FOCUS_1_2)
    )
    used = [pair for pair in zip(old, new, strict=True) if pair[0]["ConsumedQuantity"]]

    assert len(used) > 50
    for early, late in used:
        blocks = Decimal(early["ConsumedQuantity"])
        assert blocks / 10_000 == Decimal(early["PricingQuantity"])
        assert blocks == Decimal(late["PricingQuantity"])
        assert blocks * 10_000 == Decimal(late["ConsumedQuantity"])
        assert "10000" == late["x_PricingBlockSize"]
    quantities = [Decimal(row["ConsumedQuantity"] or 0) for row in rows(Dataset.FOCUS_1_2)]
    assert total(one.quantity for one in bill.truth.totals) == total(quantities)


def test_every_kind_of_charge_is_where_it_belongs(bill, rows):
    """Actual costs have purchases, amortized ones what is unused, FOCUS both and more."""
    types = {
        dataset: {(row["ChargeType"], row["PricingModel"]) for row in rows(dataset)}
        for dataset in (Dataset.ACTUAL_EA, Dataset.AMORTIZED_EA)
    }
    common = {
        ("Usage", "OnDemand"),
        ("Usage", "Reservation"),
        ("Usage", "SavingsPlan"),
        ("Purchase", "OnDemand"),
        ("Refund", "OnDemand"),
        ("RoundingAdjustment", ""),
    }
    categories = Counter(row["ChargeCategory"] for row in rows(Dataset.FOCUS_1_2))
    statuses = {
        (row["CommitmentDiscountType"], row["CommitmentDiscountStatus"])
        for row in rows(Dataset.FOCUS_1_2)
    }

    assert (
        common | {("Purchase", "Reservation"), ("Purchase", "SavingsPlan")}
        == types[Dataset.ACTUAL_EA]
    )
    assert (
        common
        | {
            ("UnusedReservation", "Reservation"),
            ("UnusedSavingsPlan", "SavingsPlan"),
        }
        == types[Dataset.AMORTIZED_EA]
    )
    assert {"Usage", "Purchase", "Adjustment", "Tax", "Credit"} == set(categories)
    assert SETTINGS.rows == len(rows(Dataset.FOCUS_1_2)) == bill.truth.rows
    assert {"Used", "Unused", ""} == {status for kind, status in statuses if kind}


def test_commitments_cost_where_they_are_used_or_unused(bill):
    """A savings plan's months add up; a reservation was paid for a year ahead."""
    billed, effective = (bill.truth.by(measure, "kind") for measure in ("billed", "effective"))

    assert 0 == billed[Kind.RESERVED,] == billed[Kind.UNUSED_PLAN,] == effective[Kind.PLAN,]
    assert 0 < effective[Kind.RESERVED,] + effective[Kind.UNUSED_RESERVATION,]
    assert billed[Kind.PLAN,] == pytest.approx(
        effective[Kind.PLANNED,] + effective[Kind.UNUSED_PLAN,], abs=Decimal("1E-6")
    )
    assert billed[Kind.RESERVATION,] > 10 * effective[Kind.UNUSED_RESERVATION,]
    assert bill.truth.billed() != bill.truth.effective()


def test_rows_are_as_awkward_as_real_ones(rows):
    """28 digits, scientific notation, negative rows, blanks, Unassigned, case that differs."""
    details, focus = rows(Dataset.ACTUAL_EA), rows(Dataset.FOCUS_1_0)
    costs = [row["CostInBillingCurrency"] for row in details]
    groups = {row["ResourceGroup"] for row in details}

    assert any(len(cost.partition(".")[2]) == 28 for cost in costs)
    assert not any("E" in cost for cost in costs)
    assert any("E-" in row["BilledCost"] for row in focus)
    assert any(Decimal(cost) < 0 for cost in costs)
    assert any(row["ChargeType"] == "Usage" and row["Quantity"].startswith("-") for row in details)
    assert any(not row["SubscriptionId"] for row in details)
    assert any(row["UnitOfMeasure"] == "0 Unassigned" for row in details)
    assert any(group != group.lower() and group.lower() in groups for group in groups if group)
    assert any(row["ResourceId"].isupper() for row in details)


def test_tags_come_with_braces_and_without(rows):
    """All hold the same once wrapped, also those that contain what separates tags."""
    plain = {row["Tags"] for row in rows(Dataset.ACTUAL_EA)} - {""}
    both = {row["tags"] for row in rows(Dataset.ACTUAL_MCA)} - {""}
    focus = {row["Tags"] for row in rows(Dataset.FOCUS_1_2)} - {"{}"}

    def parsed(cells):
        wrapped = (cell if cell.startswith("{") else f"{{{cell}}}" for cell in cells)
        return {json.dumps(json.loads(cell), sort_keys=True) for cell in wrapped}

    assert not any(cell.startswith("{") for cell in plain)
    assert {True, False} == {cell.startswith("{") for cell in both}
    assert parsed(plain) == parsed(both) == parsed(focus)
    assert any(" org" in json.loads(cell) for cell in focus)
    assert any('","' in json.loads(cell).get("note", "") for cell in focus)


def test_periods_end_inclusively_in_details_and_exclusively_in_focus(rows):
    """In the notation of each."""
    ea, focus, mended = (
        rows(dataset)[0] for dataset in (Dataset.ACTUAL_EA, Dataset.FOCUS_1_0, Dataset.FOCUS_1_2)
    )

    assert ("02/01/2026", "02/28/2026") == (
        ea["BillingPeriodStartDate"],
        ea["BillingPeriodEndDate"],
    )
    assert "2026-03-01T00:00Z" == focus["BillingPeriodEnd"]
    assert "2026-03-01T00:00:00Z" == mended["BillingPeriodEnd"]


@pytest.mark.parametrize("rows", [300, 777, 4_000])
def test_a_month_has_exactly_the_rows_asked_for(rows):
    """Charges that are no usage take its place."""
    assert rows == len(assemble(AzureSettings(rows=rows), MONTH).lines)


def test_equal_settings_give_equal_files_and_other_seeds_others(bill):
    """To the byte, the run's id included."""
    place = Place(dataset=Dataset.ACTUAL_MCA)
    again = deliver(assemble(SETTINGS, MONTH), place)
    other = deliver(assemble(AzureSettings(seed=8, rows=1_000), MONTH), place)

    assert deliver(bill, place) == again
    assert again.run_id != other.run_id
    assert not set(again.blobs.values()) & set(other.blobs.values())


def test_a_running_month_has_what_the_whole_one_has_by_then(bill):
    """So that month-to-date runs grow."""
    running = assemble(SETTINGS, MONTH, through_day=9)
    days = ("day", "kind", "currency")
    whole = bill.truth.by("billed", *days)

    assert 9 == running.through_day
    assert {key: value for key, value in whole.items() if key[0] <= "2026-02-09"} == (
        running.truth.by("billed", *days)
    )


def test_a_restatement_changes_what_it_says_and_nothing_else(bill):
    """Usage of other days stays, but for what vanishes, arrives or is refunded."""
    changes = Changes(day=3, usage_per_mille=900, vanished=0.0, late=0, refunded=Decimal(2))
    before, after = bill.truth, restate(bill, changes).truth
    old, new = (truth.by("billed", "kind", "day") for truth in (before, after))
    differing = {key for key in {*old, *new} if old.get(key) != new.get(key)}

    assert {(Kind.USAGE, "2026-02-03"), (Kind.REFUND, "2026-02-01")} == differing
    assert new[Kind.USAGE, "2026-02-03"] < old[Kind.USAGE, "2026-02-03"]
    assert before.rows + 1 == after.rows


def test_a_restated_month_is_a_run_of_its_own(bill):
    """Its files bear out its truth."""
    again = restate(bill, Changes(vanished=0.05, late=30))
    place = Place(dataset=Dataset.ACTUAL_EA, format=Format.CSV)
    first, second = deliver(bill, place), deliver(again, place)
    parts = [body for name, body in second.blobs.items() if name != second.manifest]
    costs = [Decimal(row["CostInBillingCurrency"]) for part in parts for row in _rows(part)]

    assert first.run_id != second.run_id
    assert first.submitted < second.submitted
    assert first.folder == second.folder
    assert total(again.truth.of_kinds(Dataset.ACTUAL_EA.kinds).billed().values()) == total(costs)
    assert bill.truth.billed() != again.truth.billed()
    assert bill.truth.rows != again.truth.rows


def test_an_export_of_a_subscription_has_its_costs_alone(bill):
    """What has no subscription is the account's."""
    parts = [bill.within(f"/subscriptions/{one.id}") for one in bill.book.subscriptions]
    group = next(one.resource_group for one in parts[0].truth.totals if one.resource_group)
    inside = parts[0].within(f"{parts[0].book.subscriptions[0].id}".join(
        ["subscriptions/", f"/resourceGroups/{group.upper()}"]
    ))  # fmt: skip
    nobody = bill.truth.by("effective", "subscription_id")["",]

    assert total(bill.truth.effective().values()) - nobody == total(
        amount for part in parts for amount in part.truth.effective().values()
    )
    assert {group} == {one.resource_group for one in inside.truth.totals}
    assert bill is bill.within(bill.book.scope)
    with pytest.raises(ValueError, match="no subscription nobody"):
        bill.within("subscriptions/nobody")


@pytest.mark.parametrize("dataset", [Dataset.FOCUS_1_2, Dataset.ACTUAL_MCA])
@every_format
def test_an_export_may_be_empty(bill, dataset, format):
    """A resource group without charges has files with a header alone, and may be restated."""
    scope = f"/subscriptions/{bill.book.subscriptions[0].id}/resourceGroups/none"
    again = restate(bill.within(scope))
    run = deliver(again, Place(dataset=dataset, format=format))
    told = json.loads(run.blobs[run.manifest])
    content = next(iter(run.blobs.values()))

    assert 0 == told["dataRowCount"] == again.truth.rows
    if format is Format.PARQUET:
        assert 0 == pq.read_table(io.BytesIO(content)).num_rows
    else:
        plain = gzip.decompress(content) if format is Format.GZIP else content
        assert [] == _rows(plain)
        assert 1 == plain.count(b"\n")


def test_a_restated_part_is_the_part_of_the_restated_whole(bill):
    """What arrives late for others does not enter it."""
    scope = f"subscriptions/{bill.book.subscriptions[0].id}"
    late = restate(bill.within(scope), Changes(late=200))

    assert {bill.book.subscriptions[0].id} == {one.subscription_id for one in late.truth.totals}
    assert late.truth.rows > bill.within(scope).truth.rows


def test_queries_answer_what_exports_say(bill):
    """Actual and amortized, without taxes and credits, by scope."""
    rows = query_rows(bill)
    account = bill.book.scope.strip("/")
    first = bill.book.subscriptions[0].id
    actual, amortized = (
        bill.truth.of_kinds(dataset.kinds) for dataset in (Dataset.ACTUAL_EA, Dataset.AMORTIZED_EA)
    )

    def by_currency(amounts):
        found = {}
        for currency, amount in amounts:
            found.setdefault(currency, []).append(amount)
        return {currency: total(parts) for currency, parts in found.items()}

    assert actual.billed() == by_currency((row.currency, row.cost) for row in rows)
    assert amortized.effective() == by_currency((row.currency, row.amortized) for row in rows)
    assert actual.by("billed", "subscription_id")[first,] == total(
        row.cost for row in rows if row.scope == f"subscriptions/{first}"
    )
    assert all(account in (row.scope, *row.within) for row in rows)
    assert {"us east"} <= {row.location for row in rows}


def test_a_manifest_tells_export_run_and_parts(bill):
    """As those since 2023 do; all sizes and counts are true."""
    place = Place(
        dataset=Dataset.FOCUS_1_2,
        directory="acme/costs",
        export="daily",
        overwrite=Overwrite.PREVIOUS,
    )
    run = deliver(bill, place, run_id="1d2c", submitted=datetime(2026, 3, 2, 4, 5, 6, 7, UTC))
    told = json.loads(run.blobs[run.manifest])
    parts = {name: body for name, body in run.blobs.items() if name != run.manifest}

    assert (
        run.manifest
        == list(run.blobs)[-1]
        == ("acme/costs/daily/20260201-20260228/1d2c/manifest.json")
    )
    assert f"{run.folder}1d2c/part_0_0001.csv.gz" in parts
    assert {
        "exportName": "daily",
        "resourceId": f"{bill.book.scope}/providers/Microsoft.CostManagement/exports/daily",
        "dataVersion": "1.2",
        "apiVersion": "2023-07-01-preview",
        "type": "FocusCost",
        "timeFrame": "MonthToDate",
        "granularity": "Daily",
    } == told["exportConfig"]
    assert {
        "executionType": "Scheduled",
        "submittedTime": "2026-03-02T04:05:06.0000070Z",
        "runId": "1d2c",
        "startDate": "2026-02-01T00:00:00",
        "endDate": "2026-02-28T00:00:00",
    } == told["runInfo"]
    assert ("Csv", "Gzip", "OverwritePreviousReport") == tuple(
        told["deliveryConfig"][name]
        for name in ("fileFormat", "compressionMode", "dataOverwriteBehavior")
    )
    assert {
        name: (len(body), len(_rows(gzip.decompress(body)))) for name, body in parts.items()
    } == {blob["blobName"]: (blob["byteCount"], blob["dataRowCount"]) for blob in told["blobs"]}
    assert (2, bill.truth.rows) == (told["blobCount"], told["dataRowCount"])


def test_a_manifest_of_2021_tells_parts_alone(bill):
    """In a folder by the time of the run."""
    place = Place(generation=Generation.Y2021, format=Format.CSV)
    run = deliver(bill, place, run_id="1d2c", submitted=datetime(2026, 3, 2, 4, 5, tzinfo=UTC))
    told = json.loads(run.blobs[run.manifest])

    assert "2021-01-01" == told["manifestVersion"]
    assert {"blobs", "blobCount", "byteCount", "dataFormat", "dataRowCount"} == set(told) - {
        "manifestVersion"
    }
    assert (
        "costs/acme-costs/20260201-20260228/202603020405/1d2c/000001.csv"
        == (told["blobs"][0]["blobName"])
    )
    assert {1} == {blob["headerRowCount"] for blob in told["blobs"]}


def test_a_one_time_export_names_its_days(bill):
    """And says in its manifest that it has no more."""
    run = deliver(bill.through(9), Place(time_frame="OneTime"))
    told = json.loads(run.blobs[run.manifest])

    assert "costs/acme-costs/20260201-20260209/" == run.folder
    assert "2026-02-09T00:00:00" == told["runInfo"]["endDate"]


class Container:
    """What `put` needs of a store."""

    def __init__(self):
        self.content = {}

    def put_blob(self, container, name, body):
        self.content[name] = (container, body)

    def delete_blob(self, container, name):
        assert container == self.content.pop(name)[0]

    def blobs(self, container, prefix=""):
        return [name for name in self.content if name.startswith(prefix)]


@pytest.mark.parametrize(("overwrite", "manifests"), [(Overwrite.NEW, 3), (Overwrite.PREVIOUS, 2)])
def test_a_run_stays_beside_the_one_before_or_takes_its_place(bill, overwrite, manifests):
    """The run of another month is never touched."""
    store, place = Container(), Place(overwrite=overwrite)
    other = deliver(assemble(SETTINGS, MONTH.plus(-1)), place)
    runs = [other, deliver(bill, place), deliver(restate(bill), place)]
    for run in runs:
        put(store, run, "exports")

    assert manifests == sum(name.endswith("manifest.json") for name in store.content)
    assert {runs[0].manifest, runs[2].manifest} <= set(store.content)
    assert runs[2].manifest == list(store.content)[-1]


def test_early_focus_may_count_purchases_twice():
    """As Microsoft's first releases did, against the specification."""
    settings = AzureSettings(rows=400, effective_purchases=True)
    run = deliver(assemble(settings, MONTH), Place(format=Format.CSV))
    rows = [row for name in run.blobs if "part_" in name for row in _rows(run.blobs[name])]
    bought = [
        row for row in rows if row["ChargeCategory"] == "Purchase" and row["CommitmentDiscountId"]
    ]

    assert bought
    assert all(0 < Decimal(row["EffectiveCost"]) == Decimal(row["BilledCost"]) for row in bought)


def test_the_rounded_truth_rounds_every_amount_first(bill, rows):
    """What a reader gets who keeps 18 decimals."""
    unit = Decimal("1E-18")
    expected = {}
    with localcontext(prec=60):
        for row in rows(Dataset.FOCUS_1_2):
            parts = expected.setdefault(row["BillingCurrency"], [])
            parts.append(Decimal(row["BilledCost"]).quantize(unit))

    assert bill.truth_rounded(18).billed() == {
        currency: total(parts) for currency, parts in expected.items()
    }
    assert bill.truth_rounded(18).billed() != bill.truth.billed()


def test_no_offer_exceeds_what_the_numbers_can_hold():
    """The dearest row of every offer fits the coefficient and the decimals."""
    level = max(region.level for region in REGIONS)
    shapes = {"hours": (6, 6), "count": (4, 4), "fine": (11, 18)}
    for offer in {offer for appliance in APPLIANCES for offer in appliance.offers}:
        for rate in RATES.values():
            price = Decimal(offer.rate) * level / 10 * Decimal("0.9") * rate
            digits = -int(price.as_tuple().exponent)
            least, most = shapes[offer.shape]
            assert digits + most <= 28
            assert offer.most * price * 10 ** (least + digits) < 5 * 10**18
            # in Parquet 10 digits stand before the point
            assert offer.most * offer.block < 10**10


def test_amounts_are_written_exactly():
    """In both styles, as decimals, and rounded half-even, whatever their size and sign."""
    random = np.random.default_rng(1)
    numbers = Numbers(
        np.concatenate([random.integers(-(10**18), 10**18, 300), [0, 1, -1, 25, 35, -25, 10**9]]),
        np.concatenate([random.integers(10, 29, 300), [5, 28, 0, 1, 1, 1, 3]]).astype(np.int8),
    )
    pairs = zip(numbers.coefficient.tolist(), numbers.decimals.tolist(), strict=True)
    values = [Decimal(f"{coefficient}E-{places}") for coefficient, places in pairs]
    with localcontext(prec=60):
        whole = [value.quantize(Decimal(1)) for value in values]
        short = rounded(numbers, 0)
        assert values == [Decimal(text) for text in texts(numbers, "plain").to_pylist()]
        assert values == [Decimal(text) for text in texts(numbers, "scientific").to_pylist()]
        assert values == decimals(numbers).to_pylist()
        assert whole == [Decimal(text) for text in texts(short, "plain").to_pylist()]

    assert ["0", "-1", "1000000", "0.0001", "0.00001"] == texts(
        Numbers(np.array([0, -1, 10**9, 1, 1]), np.array([5, 0, 3, 4, 5], np.int8)), "plain"
    ).to_pylist()
    assert ["0.0001", "1.5E-05", "-7E-12"] == texts(
        Numbers(np.array([1, 15, -7]), np.array([4, 6, 12], np.int8)), "scientific"
    ).to_pylist()


@pytest.mark.parametrize(
    "wrong",
    [
        {"rows": 10},
        {"files": 0},
        {"currencies": ()},
        {"currencies": ("XXX",)},
        {"subscriptions": 0},
        {"plan_share": 1.5},
    ],
)
def test_impossible_settings_are_refused(wrong):
    """Rather than giving a bill of another size than asked for."""
    with pytest.raises(ValueError, match=r"at least|between"):
        AzureSettings(**wrong)


def test_the_command_writes_runs_and_their_truth(tmp_path):
    """What it prints is what the files add up to."""
    done = CliRunner().invoke(
        main,
        ["azure", str(tmp_path), "--month", "2026-02", "--rows", "400", "--restated",
         "--dataset", "amortized-ea", "--format", "parquet"],
        catch_exceptions=False,
    )  # fmt: skip
    runs = json.loads(done.output)["runs"]
    paths = [blob["path"] for blob in runs[1]["blobs"][:-1]]
    ((cost, count),) = _query(
        paths, "SELECT sum(CostInBillingCurrency::DECIMAL(38, 28)), count(*) FROM charges"
    )

    assert 2 == len(runs) == len({run["blobs"][-1]["path"] for run in runs})
    assert {"USD": cost} == {name: Decimal(amount) for name, amount in runs[1]["effective"].items()}
    assert runs[1]["rows"] == count
    assert set(Dataset.AMORTIZED_EA.kinds).isdisjoint({Kind.RESERVATION, Kind.PLAN})
