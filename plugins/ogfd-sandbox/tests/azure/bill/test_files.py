"""Generated files of cost exports: the truth of the bill, as another reader finds it."""

import csv
import gzip
import io
import json
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
    Dataset,
    Format,
    Kind,
    Month,
    Place,
    assemble,
    deliver,
    query_rows,
)
from ogfd_sandbox.azure.bill.amounts import decimals, rounded, texts, total
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
