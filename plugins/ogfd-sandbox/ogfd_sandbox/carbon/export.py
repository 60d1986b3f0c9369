"""
A footprint as AWS delivers it to a bucket by the data export ``CARBON_EMISSIONS``.

    <prefix>/<export>/data/carbon_model_version=v3.0.0/usage_period=2026-08/<export>-00001.csv.gz
    <prefix>/<export>/metadata/carbon_model_version=v3.0.0/usage_period=2026-08/<export>-Manifest.json

Deliveries that do not overwrite the one before have a folder of their own below the month of the data.
Those by several models lie side by side; only the footprint that counts is the truth.
https://docs.aws.amazon.com/cur/latest/userguide/table-dictionary-carbon-emissions.html
https://docs.aws.amazon.com/cur/latest/userguide/carbon-emissions-columns.html
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final

import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import csv

from ogfd_sandbox.carbon.footprint import GLOBAL, Footprint, Part
from ogfd_sandbox.cur import Store
from ogfd_sandbox.cur.catalog import REGIONS

TOTAL: Final = ("total_mbm_emissions",)
"""What the exports of 2025 have."""

MEASURES: Final[Mapping[str, str]] = {
    "total_lbm_emissions": "TOTAL_LBM_CARBON_EMISSIONS",
    "total_mbm_emissions": "TOTAL_MBM_CARBON_EMISSIONS",
    "total_scope_1_emissions": "TOTAL_SCOPE_1_CARBON_EMISSIONS",
    "total_scope_2_lbm_emissions": "TOTAL_SCOPE_2_LBM_CARBON_EMISSIONS",
    "total_scope_2_mbm_emissions": "TOTAL_SCOPE_2_MBM_CARBON_EMISSIONS",
    "total_scope_3_lbm_emissions": "TOTAL_SCOPE_3_LBM_CARBON_EMISSIONS",
    "total_scope_3_mbm_emissions": "TOTAL_SCOPE_3_MBM_CARBON_EMISSIONS",
}
"""What columns begin with, to the emissions type of the service."""

_GRAMS: Final = 1_000_000  # in a metric ton
_PLACES: Final[Mapping[str, str]] = {region.id: region.name for region in REGIONS}


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportPlace:
    """
    Where an export goes, and how.

    Attributes:
        bucket: its bucket.
        export: its name.
        prefix: put before the keys literally, with a slash after it.
        parquet: whether files are Parquet, and not csv with GZIP.
        overwrite: whether a delivery takes the place of the one before.
        partition: what the folder of the model is called.
        measures: the emissions that the export's query names.
    """

    bucket: str
    export: str = "carbon"
    prefix: str = "exports"
    parquet: bool = False
    overwrite: bool = True
    partition: str = "carbon_model_version"
    measures: tuple[str, ...] = tuple(MEASURES)

    def manifest(self, made: Footprint) -> str:
        """Return the key of the manifest of the month by that model."""
        return f"{self._folder('metadata', made)}/{self.export}-Manifest.json"

    def file(self, made: Footprint) -> str:
        """Return the key of the one file of the month by that model."""
        suffix = "snappy.parquet" if self.parquet else "csv.gz"
        own = "" if self.overwrite else f"/{made.month.end:%Y-%m-%dT%H:%M:%S}.000Z-{_id(made)}"
        return f"{self._folder('data', made)}{own}/{self.export}-00001.{suffix}"

    def _folder(self, kind: str, made: Footprint) -> str:
        root = f"{self.prefix}/{self.export}/{kind}"
        return f"{root}/{self.partition}={made.model}/usage_period={made.month}"


def put_export(store: Store, made: Footprint, place: ExportPlace) -> list[str]:
    """
    Deliver *made* to *store*, whose bucket must exist, beside what other models made of the month.

    Returns:
        The keys in the order in which they were put: the data, then the manifest.
    """
    table = rows(made, place)
    keys = [place.file(made), place.manifest(made)]
    for key, body in zip(keys, (_body(table, place), _manifest(table, made, place)), strict=True):
        store.put(place.bucket, key, body)
    return keys


def rows(made: Footprint, place: ExportPlace) -> pa.Table:
    """Return the rows of *made*: decimals in csv, floating point numbers in Parquet, as AWS does."""
    columns: dict[str, pa.Array] = {
        "last_refresh_timestamp": _instants(made.month.plus(1).end, made, place),
        "location": _texts(_place(part) for part in made.parts),
        "model_version": _texts(made.model for _ in made.parts),
        "payer_account_id": _texts(made.payer for _ in made.parts),
        "product_code": _texts(part.service for part in made.parts),
        "region_code": _texts(_region(part) for part in made.parts),
        "usage_account_id": _texts(part.account_id for part in made.parts),
        "usage_period_end": _instants(made.month.end, made, place),
        "usage_period_start": _instants(made.month.start, made, place),
    }
    for name in place.measures:
        grams = [part.grams()[MEASURES[name]] for part in made.parts]
        columns[f"{name}_unit"] = _texts("MTCO2e" for _ in grams)
        columns[f"{name}_value"] = _tons(grams, place)
    return pa.table({name: columns[name] for name in sorted(columns)})


def _body(table: pa.Table, place: ExportPlace) -> bytes:
    out = io.BytesIO()
    if place.parquet:
        pq.write_table(table, out, compression="snappy", store_schema=False)
        return out.getvalue()
    csv.write_csv(table, out)
    return gzip.compress(out.getvalue(), mtime=0)


def _manifest(table: pa.Table, made: Footprint, place: ExportPlace) -> bytes:
    told = {
        "executionId": _id(made),
        "exportArn": f"arn:aws:bcm-data-exports:us-east-1:{made.payer}:export/{place.export}",
        "columns": [{"name": one.name, "type": str(one.type)} for one in table.schema],
        "dataFiles": [f"s3://{place.bucket}/{place.file(made)}"],
        "additionalOutputFiles": [],
    }
    return json.dumps(told, indent=2).encode()


def _id(made: Footprint) -> str:
    """Return the id of the delivery: another one for other emissions."""
    digits = hashlib.sha256(repr(made).encode()).hexdigest()
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:32]}"


def _region(part: Part) -> str | None:
    return None if part.region in {"", GLOBAL} else part.region


def _place(part: Part) -> str | None:
    """Return the name of the Region; AWS writes what global services emit under ``Global``."""
    return GLOBAL if part.region == GLOBAL else _PLACES.get(part.region)


def _tons(grams: Sequence[int], place: ExportPlace) -> pa.Array:
    if place.parquet:
        return pa.array([one / _GRAMS for one in grams], pa.float64())  # the nearest there is
    return pa.array([Decimal(one) / _GRAMS for one in grams], pa.decimal128(20, 6))


def _texts(values: Iterable[str | None]) -> pa.Array:
    return pa.array(list(values), pa.string())


def _instants(time: datetime, made: Footprint, place: ExportPlace) -> pa.Array:
    if place.parquet:
        return pa.array([time] * len(made.parts), pa.timestamp("ms", tz="UTC"))
    return _texts(f"{time:%Y-%m-%d %H:%M:%SZ}" for _ in made.parts)
