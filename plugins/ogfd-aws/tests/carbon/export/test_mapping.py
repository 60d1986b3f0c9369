"""What the rows of a carbon export become."""

import csv
import gzip
import io
from datetime import UTC, datetime
from decimal import Decimal

import anyio
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from ogfd_aws.carbon.export.columns import MEASURES, select, unit_of, value_of
from ogfd_aws.carbon.export.mapping import Mapper

from ogfd.plugin import FatalError, Period
from ogfd.plugin.tabular import feed
from ogfd.testing import Collected

BASIC = {
    "last_refresh_timestamp": "2026-09-15 03:00:00Z",
    "location": "Europe (Ireland)",
    "model_version": "v3.0.0",
    "payer_account_id": "111122223333",
    "product_code": "AmazonEC2",
    "region_code": "eu-west-1",
    "usage_account_id": "012345678901",
    "usage_period_end": "2026-09-01 00:00:00Z",
    "usage_period_start": "2026-08-01 00:00:00Z",
    **{unit_of(measure): "MTCO2e" for measure in MEASURES},
    **{value_of(measure): f"0.{place}" for place, measure in enumerate(MEASURES, 1)},
}


@pytest.fixture
def read(tmp_path):
    """Read rows like BASIC with changes, or a table, as a slice of August 2026 would."""

    def run(*rows, table=None, without=()):
        path = tmp_path / "file"
        if table is not None:
            pq.write_table(table, path)
        else:
            names = [name for name in {**BASIC, **rows[0]} if name not in without]
            text = io.StringIO()
            writer = csv.DictWriter(text, names, extrasaction="ignore")
            writer.writeheader()
            writer.writerows(BASIC | row for row in rows)
            path.write_bytes(gzip.compress(text.getvalue().encode()))
        mapper = Mapper(Period.month("2026-08"), "v3.0.0")
        out = Collected()
        anyio.run(lambda: feed(path, "f.csv.gz", out, choose=select, map=mapper.map))
        out.check()
        return out

    return run


def test_every_column_has_its_place(read):
    """Emissions in kilograms, each scope by itself; labels as in the API's stream."""
    (row,) = read({}).rows()

    assert {
        "source": "aws_carbon_export", "billing_account_id": "111122223333",
        "account_id": "012345678901", "billing_period": "2026-08",
        "service": "Amazon Elastic Compute Cloud", "category": "compute", "sku": "AmazonEC2",
        "region": "eu-west-1", "location": "EU-WEST", "country": "IE",
        "charge_category": "emission",
        "period_start": datetime(2026, 8, 1, tzinfo=UTC),
        "period_end": datetime(2026, 9, 1, tzinfo=UTC),
        "location_based_kg": 100, "market_based_kg": 200, "scope1_kg": 300,
        "scope2_location_kg": 400, "scope2_market_kg": 500, "scope3_kg": 600,
        "ghg_scope": 3, "ghg_category": 1, "method": "supplier_specific",
        "data_quality": "reported", "model_version": "v3.0.0", "line_count": 1,
    } == {name: value for name, value in row.items() if value is not None and name != "metadata"}  # fmt: skip
    ((label, amount),) = row["metadata"]
    assert ("scope3_market_kg", 700) == (label, Decimal(amount))


@pytest.mark.parametrize("text", ["0.000001", "123456789.123456", "1e-6", "0", "1E-15"])
def test_tons_become_kilograms_exactly(read, text):
    """By a thousand, whatever the notation."""
    (row,) = read({value_of("market_based_kg"): text}).rows()

    assert Decimal(text) * 1000 == row["market_based_kg"]


def test_what_has_more_digits_is_rounded_and_counted(read):
    """Half to even, at the last digit of a kilogram."""
    out = read({value_of("market_based_kg"): "0.0000000000000005"})

    assert ([0], 1) == ([row["market_based_kg"] for row in out.rows()], out.roundings)


def test_floating_point_numbers_stand_for_the_shortest_decimal(read):
    """Parquet has those, and times."""
    start = pa.array([datetime(2026, 8, 1, tzinfo=UTC)], pa.timestamp("ms", tz="UTC"))
    values = {value_of(measure): pa.array([0.1]) for measure in MEASURES}
    columns = {name: pa.array([text]) for name, text in BASIC.items()}
    (row,) = read(table=pa.table(columns | {"usage_period_start": start} | values)).rows()

    assert {Decimal(100)} == {row[name] for name in MEASURES if name != "scope3_market_kg"}


def test_an_older_export_has_the_total_alone(read):
    """What it lacks is null, not zero."""
    total = "market_based_kg"
    others = {of(one) for one in MEASURES if one != total for of in (value_of, unit_of)}
    (row,) = read({}, without=others | {"product_code", "location", "model_version"}).rows()

    assert Decimal(200) == row[total]
    assert [None] * 5 == [row.get(name) for name in list(MEASURES)[:-1] if name != total]
    assert (None, "other", None) == (row.get("service"), row["category"], row.get("metadata"))
    assert "v3.0.0" == row["model_version"]


def test_an_empty_amount_is_null(read):
    """Its unit may be empty too."""
    out = read({value_of("scope1_kg"): "", unit_of("scope1_kg"): ""})

    assert ([None], []) == ([row.get("scope1_kg") for row in out.rows()], out.rejected)


@pytest.mark.parametrize(
    ("code", "place", "product", "region"),
    [
        ("eu-west-1", "", "AmazonEC2", "eu-west-1"),
        ("", "US East (N. Virginia)", "AmazonEC2", "us-east-1"),
        ("", "Global", "AmazonEC2", "global"),
        ("Global", "", "AmazonEC2", "global"),
        ("", "", "AmazonCloudFront", "global"),
        ("", "", "AmazonEC2", None),
    ],
)
def test_a_region_is_named_by_code_or_place(read, code, place, product, region):
    """Both may be empty."""
    (row,) = read({"region_code": code, "location": place, "product_code": product}).rows()

    assert region == row.get("region")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"total_lbm_emissions_unit": "kg"}, "total_lbm_emissions_unit is not MTCO2e"),
        ({"total_lbm_emissions_unit": ""}, "total_lbm_emissions_unit is not MTCO2e"),
        ({"total_mbm_emissions_value": "n/a"}, "total_mbm_emissions_value is not a number"),
        ({"payer_account_id": ""}, "payer_account_id is empty"),
        ({"usage_account_id": ""}, "usage_account_id is empty"),
        ({"model_version": "v2.0.0"}, "model_version is not v3.0.0, as the folder says"),
        (
            {"usage_period_start": "2026-07-01 00:00:00Z"},
            "usage_period_start is not a time in 2026",
        ),
        ({"usage_period_start": "August"}, "usage_period_start is not a time in 2026-08"),
    ],
)
def test_a_bad_row_is_rejected_with_its_reason(read, change, reason):
    """The others are kept; file, row and cell are on record."""
    out = read({}, change, {})

    ((rejected),) = out.rejected
    assert ("f.csv.gz, data row 2", True) == (rejected.where, rejected.reason.startswith(reason))
    assert (2, 3) == (len(out.rows()), out.source_rows)


def test_what_the_tables_do_not_know_is_on_record(read):
    """Its rows are kept as they are."""
    row = {"product_code": "Odd", "region_code": "mars-1", "colour": "red"}
    out = read(row, row)

    assert {("service", "Odd"): 2, ("region", "mars-1"): 2, ("column", "colour"): 2} == out.unknowns
    assert {("Odd", "other", "mars-1")} == {
        (one["service"], one["category"], one["region"]) for one in out.rows()
    }


@pytest.mark.parametrize(
    "missing",
    ["payer_account_id", "usage_account_id", "usage_period_start", "total_mbm_emissions_value",
     "total_mbm_emissions_unit", "total_scope_1_emissions_unit"],
)  # fmt: skip
def test_a_file_without_a_column_that_counts_is_refused(read, missing):
    """Nothing is guessed, a unit neither."""
    with pytest.raises(FatalError, match=rf"f\.csv\.gz: the header lacks {missing}"):
        read({}, without={missing})


def test_headers_match_in_any_case_and_once():
    """Athena writes them in lower case, people as they like."""
    found = select([name.upper() for name in BASIC], "f")
    assert "TOTAL_MBM_EMISSIONS_VALUE" == found.header("total_mbm_emissions_value")
    assert () == found.unknown

    with pytest.raises(FatalError, match="has model_version more than once"):
        select([*BASIC, "Model_Version"], "f")
