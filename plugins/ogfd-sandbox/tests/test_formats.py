"""A generated month in every format that AWS delivers."""

import gzip
import json
import zipfile

import duckdb
import pyarrow.parquet as pq
import pytest
from ogfd_sandbox.cur import CurSettings, Format, Month, Place, assemble, manifest, write_month

MONTH = Month(2026, 8)

every_format = pytest.mark.parametrize("format", Format, ids=lambda one: one.value)


@pytest.fixture(scope="module")
def bill():
    return assemble(CurSettings(seed=5, rows=800, files=2, accounts=3), MONTH)


def place_of(format, **options):
    return Place(bucket="billing", report="acme", format=format, **options)


@every_format
def test_a_format_begins_as_it_should(bill, format, tmp_path):
    """gzip, ZIP with one file, or Parquet."""
    path = write_month(bill, place_of(format), tmp_path)[0][1]

    if format is Format.CUR_ZIP:
        with zipfile.ZipFile(path) as archive:
            assert ["acme-00001.csv"] == archive.namelist()
    elif format.parquet:
        assert pq.read_metadata(path).num_rows > 0
    else:
        assert gzip.decompress(path.read_bytes()).count(b"\n") > 100


@every_format
def test_equal_settings_give_equal_files(bill, format, tmp_path):
    """Whatever the format; ZIP archives bear the time of writing."""
    again = assemble(bill.settings, MONTH)
    (_, first), *_ = write_month(bill, place_of(format), tmp_path / "a")
    (_, second), *_ = write_month(again, place_of(format), tmp_path / "b")

    assert _content(first) == _content(second)


def _content(path):
    if path.suffix != ".zip":
        return path.read_bytes()
    with zipfile.ZipFile(path) as archive:
        return archive.read("acme-00001.csv")


@pytest.mark.parametrize(
    ("format", "overwrite", "file", "pointer"),
    [
        (Format.CUR_GZIP, False, "20260801-20260901/{id}/acme-00001.csv.gz",
         "20260801-20260901/acme-Manifest.json"),
        (Format.CUR_ZIP, True, "20260801-20260901/acme-00001.csv.zip",
         "20260801-20260901/acme-Manifest.json"),
        (Format.CUR_PARQUET, False, "acme/year=2026/month=8/acme-00001.snappy.parquet",
         "20260801-20260901/acme-Manifest.json"),
        (Format.CUR2_CSV, True, "data/BILLING_PERIOD=2026-08/acme-00001.csv.gz",
         "metadata/BILLING_PERIOD=2026-08/acme-Manifest.json"),
        (Format.CUR2_PARQUET, False,
         "data/BILLING_PERIOD=2026-08/2026-09-01T00:00:00.000Z-{id}/acme-00001.snappy.parquet",
         "metadata/BILLING_PERIOD=2026-08/acme-Manifest.json"),
        (Format.FOCUS_CSV, True, "data/billing_period=2026-08/acme-00001.csv.gz",
         "metadata/billing_period=2026-08/acme-Manifest.json"),
    ],
)  # fmt: skip
def test_keys_are_those_of_aws(bill, tmp_path, format, overwrite, file, pointer):
    """By layout and mode; the manifest that counts is delivered last."""
    keys = [key for key, _ in write_month(bill, place_of(format, overwrite=overwrite), tmp_path)]

    assert f"cur/acme/{file.format(id=bill.id)}" == keys[0]
    assert f"cur/acme/{pointer}" == keys[-1]
    assert len(keys) == len(set(keys))


def test_manifests_of_exports_name_uris_and_no_period(bill):
    """As real ones do: no period, no sizes, no row counts."""
    told = json.loads(manifest(bill, place_of(Format.FOCUS_PARQUET)))

    assert {"executionId", "exportArn", "columns", "dataFiles", "additionalOutputFiles"} == set(
        told
    )
    assert all(uri.startswith("s3://billing/cur/acme/data/") for uri in told["dataFiles"])
    assert {"name": "BilledCost", "type": "double"} in told["columns"]


@pytest.mark.parametrize(
    ("format", "expected"), [("ZIP", ("ZIP", "text/csv")), ("PARQUET", ("Parquet", "Parquet"))]
)
def test_manifests_of_reports_name_their_format(bill, format, expected):
    """In the words of AWS."""
    told = json.loads(manifest(bill, place_of(Format[f"CUR_{format}"])))

    assert expected == (told["compression"], told["contentType"])


def test_focus_bills_what_the_line_items_bill(bill, tmp_path):
    """Without negations; commitments are spread, and their fees cost nothing twice."""
    paths = [
        str(path)
        for key, path in write_month(bill, place_of(Format.FOCUS_CSV), tmp_path)
        if key.endswith(".gz")
    ]
    with duckdb.connect() as db:
        db.execute(
            f"CREATE VIEW charges AS SELECT * FROM read_csv({paths}, all_varchar=true, "
            """header=true, delim=',', quote='"', escape='"')"""
        )
        ((billed, effective),) = db.execute(
            "SELECT sum(BilledCost::DECIMAL(38, 18)), sum(EffectiveCost::DECIMAL(38, 18)) "
            "FROM charges"
        ).fetchall()
        kinds = db.execute(
            "SELECT DISTINCT ChargeCategory, ChargeClass, CommitmentDiscountStatus FROM charges"
        ).fetchall()

    assert bill.truth.billed() == {"USD": billed}
    assert bill.truth.effective() == {"USD": effective}
    assert {
        ("Usage", None, None),
        ("Usage", None, "Used"),
        ("Usage", None, "Unused"),
        ("Purchase", None, None),
        ("Tax", None, None),
        ("Credit", None, None),
        ("Adjustment", "Correction", None),
    } == set(kinds)
