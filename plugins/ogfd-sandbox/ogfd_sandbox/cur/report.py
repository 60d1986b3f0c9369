"""
A month as AWS delivers it to a bucket, in any of its formats.

    <prefix>/<report>/20260801-20260901/<assembly>/<report>-00001.csv.gz ...
    <prefix>/<report>/20260801-20260901/<assembly>/<report>-Manifest.json
    <prefix>/<report>/20260801-20260901/<report>-Manifest.json               the pointer, last
    <prefix>/<report>/<report>/year=2026/month=8/<report>-00001.snappy.parquet     for Athena

    <prefix>/<export>/data/BILLING_PERIOD=2026-08/<time>-<execution>/<export>-00001.csv.gz ...
    <prefix>/<export>/metadata/BILLING_PERIOD=2026-08/<export>-Manifest.json

Deliveries that overwrite the one before have no folder of their own; those for Athena always do.
https://docs.aws.amazon.com/cur/latest/userguide/understanding-report-versions.html
https://docs.aws.amazon.com/cur/latest/userguide/dataexports-export-delivery.html
"""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

from ogfd_sandbox.cur.assembly import Assembly
from ogfd_sandbox.cur.formats import Format, schema, write_file
from ogfd_sandbox.cur.settings import Month

_FORMATS: Final[Mapping[Format, tuple[str, str]]] = {
    Format.CUR_GZIP: ("GZIP", "text/csv"),
    Format.CUR_ZIP: ("ZIP", "text/csv"),
    Format.CUR_PARQUET: ("Parquet", "Parquet"),
}
"""What manifests of legacy reports say."""


class Store(Protocol):
    """Where `put_report` puts objects; `ogfd_sandbox.s3.S3Server` is one."""

    def put(self, bucket: str, key: str, body: bytes | Path) -> None:
        """Store *body* under *key*."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """
    Where a report or export goes, and how.

    Attributes:
        bucket: its bucket.
        report: its name.
        prefix: put before the keys literally, with a slash after it: an empty one makes keys that
            begin with a slash, one that ends in a slash makes keys with two.
        format: of the files.
        overwrite: whether a delivery takes the place of the one before.
    """

    bucket: str
    report: str
    prefix: str = "cur"
    format: Format = Format.CUR_GZIP
    overwrite: bool = False

    @property
    def root(self) -> str:
        """What all keys begin with, without a slash at its end."""
        return f"{self.prefix}/{self.report}"

    def folder(self, month: Month) -> str:
        """Return the key of the folder of the month's manifest, without a slash at its end."""
        if self.format.legacy:
            return f"{self.root}/{month.folder}"
        return f"{self.root}/metadata/{self._partition(month)}"

    def pointer(self, month: Month) -> str:
        """Return the key of the manifest that names the current files."""
        return f"{self.folder(month)}/{self.report}-Manifest.json"

    def files(self, assembly: Assembly) -> list[str]:
        """Return the keys of the assembly's files."""
        folder = self._data(assembly)
        return [
            f"{folder}/{self.report}-{number:05}{self.format.suffix}"
            for number in range(1, assembly.files + 1)
        ]

    def _data(self, assembly: Assembly) -> str:
        month = assembly.month
        if self.format is Format.CUR_PARQUET:
            return f"{self.root}/{self.report}/year={month.year}/month={month.month}"
        if self.format.legacy:
            own = "" if self.overwrite else f"/{assembly.id}"
            return f"{self.folder(month)}{own}"
        own = "" if self.overwrite else f"/{month.end:%Y-%m-%dT%H:%M:%S}.000Z-{assembly.id}"
        return f"{self.root}/data/{self._partition(month)}{own}"

    def _partition(self, month: Month) -> str:
        # AWS writes FOCUS exports in lower case, though its pages say otherwise.
        return f"{'billing_period' if self.format.focus else 'BILLING_PERIOD'}={month}"


def manifest(assembly: Assembly, place: Place) -> bytes:
    """Return the manifest, which all of its keys hold alike."""
    content = _report(assembly, place) if place.format.legacy else _export(assembly, place)
    return json.dumps(content, indent=2).encode()


def _report(assembly: Assembly, place: Place) -> dict[str, Any]:
    named = {column: None for file in range(assembly.files) for column in assembly.columns(file)}
    month = assembly.month
    packed, content = _FORMATS[place.format]
    return {
        "assemblyId": assembly.id,
        "account": assembly.book.account_id(0),
        "columns": [
            {"category": category, "name": name}
            for category, _, name in (column.partition("/") for column in named)
        ],
        "charset": "UTF-8",
        "compression": packed,
        "contentType": content,
        "reportId": hashlib.sha256(repr(place).encode()).hexdigest(),
        "reportName": place.report,
        "billingPeriod": {
            "start": f"{month.start:%Y%m%dT%H%M%S}.000Z",
            "end": f"{month.end:%Y%m%dT%H%M%S}.000Z",
        },
        "bucket": place.bucket,
        "reportKeys": place.files(assembly),
        "additionalArtifactKeys": [],
    }


def _export(assembly: Assembly, place: Place) -> dict[str, Any]:
    payer = assembly.book.account_id(0)
    return {
        "executionId": assembly.id,
        "exportArn": f"arn:aws:bcm-data-exports:us-east-1:{payer}:export/{place.report}",
        "columns": [
            {"name": column.name, "type": str(column.type)}
            for column in schema(assembly, place.format)
        ],
        "dataFiles": [f"s3://{place.bucket}/{key}" for key in place.files(assembly)],
        "additionalOutputFiles": [],
    }


def write_month(assembly: Assembly, place: Place, directory: Path) -> list[tuple[str, Path]]:
    """
    Write the objects of *assembly* under *directory*.

    Returns:
        Key and file of each object in the order of delivery: data, manifest, pointer.
    """
    written: list[tuple[str, Path]] = []
    for number, key in enumerate(place.files(assembly)):
        path = _local(directory, key)
        write_file(assembly, number, place.format, path)
        written.append((key, path))
    content = manifest(assembly, place)
    folder = place.files(assembly)[0].rpartition("/")[0]
    pointer = place.pointer(assembly.month)
    inner = f"{folder}/{place.report}-Manifest.json"
    alone = place.overwrite or place.format not in {Format.CUR_GZIP, Format.CUR_ZIP}
    for key in [pointer] if alone else [inner, pointer]:
        path = _local(directory, key)
        path.write_bytes(content)
        written.append((key, path))
    return written


def put_report(store: Store, assembly: Assembly, place: Place) -> list[str]:
    """
    Deliver *assembly* to *store*, whose bucket must exist.

    Returns:
        The keys, in the order in which they were put: data, manifest, pointer.
    """
    with tempfile.TemporaryDirectory(prefix="ogfd-sandbox-") as directory:
        written = write_month(assembly, place, Path(directory))
        for key, path in written:
            store.put(place.bucket, key, path)
    return [key for key, _ in written]


def _local(directory: Path, key: str) -> Path:
    path = directory.joinpath(*(part for part in key.split("/") if part not in {"", ".", ".."}))
    path.parent.mkdir(parents=True, exist_ok=True)
    return path
