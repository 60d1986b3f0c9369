"""Carbon exports as the sandbox writes them, read without ogfd."""

import csv
import gzip
import io
import json
from decimal import Decimal

import pyarrow.parquet as pq
import pytest
from ogfd_sandbox.carbon import ExportPlace, footprint, put_export, recompute
from ogfd_sandbox.carbon.export import MEASURES, TOTAL
from ogfd_sandbox.cur import CurSettings, Month

AUGUST = Month(2026, 8)
MADE = footprint(CurSettings(seed=4, rows=400, accounts=5), AUGUST)
FOLDER = "carbon_model_version=v3.0.0/usage_period=2026-08"


class Shelf:
    """A store in memory."""

    def __init__(self):
        self.objects = {}

    def put(self, bucket, key, body):
        self.objects[key] = body


@pytest.fixture
def shelf():
    return Shelf()


def read(body):
    if body[:4] == b"PAR1":
        return pq.read_table(io.BytesIO(body)).to_pylist()
    return list(csv.DictReader(io.StringIO(gzip.decompress(body).decode())))


@pytest.mark.parametrize("parquet", [False, True])
def test_the_rows_are_the_footprint(shelf, parquet):
    """To the gram, in metric tons, each emissions type in its own column."""
    data, _ = put_export(shelf, MADE, ExportPlace(bucket="b", parquet=parquet))
    rows = read(shelf.objects[data])

    assert len(MADE.parts) == len(rows)
    for name, kind in MEASURES.items():
        tons = sum(Decimal(str(row[f"{name}_value"])) for row in rows)
        assert MADE.kg()[kind] == tons * 1000
        assert {"MTCO2e"} == {row[f"{name}_unit"] for row in rows}
    assert {MADE.payer} == {row["payer_account_id"] for row in rows}
    assert {"Global"} == {row["location"] for row in rows if not row["region_code"]}


def test_times_are_written_as_aws_writes_them(shelf):
    """With a blank between date and time; Parquet has times."""
    text, _ = put_export(shelf, MADE, ExportPlace(bucket="b"))
    binary, _ = put_export(shelf, MADE, ExportPlace(bucket="b", parquet=True))

    assert "2026-08-01 00:00:00Z" == read(shelf.objects[text])[0]["usage_period_start"]
    assert AUGUST.end == read(shelf.objects[binary])[0]["usage_period_end"]


def test_the_manifest_comes_last_and_names_the_file(shelf):
    """By URI; another delivery has another id."""
    keys = put_export(shelf, MADE, ExportPlace(bucket="b"))
    told = json.loads(shelf.objects[keys[1]])

    assert list(shelf.objects) == keys
    assert f"exports/carbon/data/{FOLDER}/carbon-00001.csv.gz" == keys[0]
    assert f"exports/carbon/metadata/{FOLDER}/carbon-Manifest.json" == keys[1]
    assert [f"s3://b/{keys[0]}"] == told["dataFiles"]
    put_export(shelf, recompute(MADE, "v3.0.0"), ExportPlace(bucket="b"))
    assert told["executionId"] != json.loads(shelf.objects[keys[1]])["executionId"]


def test_models_lie_side_by_side(shelf):
    """Nothing of the older one is touched; a delivery may have a folder of its own too."""
    put_export(shelf, MADE, ExportPlace(bucket="b"))
    before = dict(shelf.objects)
    newer = ExportPlace(bucket="b", overwrite=False, partition="model_version")
    data, _ = put_export(shelf, recompute(MADE, "v3.1.0"), newer)

    assert before.items() < shelf.objects.items()
    assert data.startswith("exports/carbon/data/model_version=v3.1.0/usage_period=2026-08/2026-09-")


def test_an_older_export_has_the_total_alone(shelf):
    """Its query is frozen."""
    data, _ = put_export(shelf, MADE, ExportPlace(bucket="b", measures=TOTAL))

    named = {name for name in read(shelf.objects[data])[0] if "emissions" in name}
    assert {"total_mbm_emissions_unit", "total_mbm_emissions_value"} == named
