"""
A report as AWS delivers it to a bucket (legacy CUR, "create new report version").

    <prefix>/<report>/20260801-20260901/<assembly>/<report>-00001.csv.gz ...
    <prefix>/<report>/20260801-20260901/<assembly>/<report>-Manifest.json
    <prefix>/<report>/20260801-20260901/<report>-Manifest.json               the pointer, last

https://docs.aws.amazon.com/cur/latest/userguide/understanding-report-versions.html
"""

from __future__ import annotations

import hashlib
import json
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from ogfd_sandbox.cur.assembly import Assembly
from ogfd_sandbox.cur.settings import Month


class Store(Protocol):
    """Where `put_report` puts objects; `ogfd_sandbox.s3.S3Server` is one."""

    def put(self, bucket: str, key: str, body: bytes | Path) -> None:
        """Store *body* under *key*."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """
    Where a report goes.

    Attributes:
        bucket: its bucket.
        report: its name.
        prefix: put before the keys literally, with a slash after it: an empty one makes keys that
            begin with a slash, one that ends in a slash makes keys with two.
    """

    bucket: str
    report: str
    prefix: str = "cur"

    def folder(self, month: Month) -> str:
        """Return the key of the month's folder, without a slash at its end."""
        return f"{self.prefix}/{self.report}/{month.folder}"

    def pointer(self, month: Month) -> str:
        """Return the key of the manifest that names the current assembly."""
        return f"{self.folder(month)}/{self.report}-Manifest.json"

    def files(self, assembly: Assembly) -> list[str]:
        """Return the keys of the assembly's files."""
        return [
            f"{self.folder(assembly.month)}/{assembly.id}/{self.report}-{number:05}.csv.gz"
            for number in range(1, assembly.files + 1)
        ]


def manifest(assembly: Assembly, place: Place) -> bytes:
    """Return the manifest, which both of its keys hold alike."""
    named = {column: None for file in range(assembly.files) for column in assembly.columns(file)}
    month = assembly.month
    content = {
        "assemblyId": assembly.id,
        "account": assembly.book.account_id(0),
        "columns": [
            {"category": category, "name": name}
            for category, _, name in (column.partition("/") for column in named)
        ],
        "charset": "UTF-8",
        "compression": "GZIP",
        "contentType": "text/csv",
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
    return json.dumps(content, indent=2).encode()


def write_month(assembly: Assembly, place: Place, directory: Path) -> list[tuple[str, Path]]:
    """
    Write the objects of *assembly* under *directory*.

    Returns:
        Key and file of each object in the order of delivery: data, manifest, pointer.
    """
    written: list[tuple[str, Path]] = []
    for number, key in enumerate(place.files(assembly)):
        path = _local(directory, key)
        with path.open("wb") as stream:
            for chunk in assembly.gzipped(number):
                stream.write(chunk)
        written.append((key, path))
    content = manifest(assembly, place)
    folder = place.files(assembly)[0].rpartition("/")[0]
    for key in (f"{folder}/{place.report}-Manifest.json", place.pointer(assembly.month)):
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
