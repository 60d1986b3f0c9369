"""The datasets that a month can be exported as, and the formats of their files."""

from __future__ import annotations

import io
from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from typing import Final, Literal

import pyarrow as pa
import pyarrow.parquet as pq

from ogfd_sandbox.azure.bill.assembly import Bill
from ogfd_sandbox.azure.bill.book import COMMITMENTS, INVOICED, UNUSED, Kind
from ogfd_sandbox.azure.bill.details import details
from ogfd_sandbox.azure.bill.focus import focus
from ogfd_sandbox.azure.bill.lines import Lines
from ogfd_sandbox.azure.bill.sheet import Layout, Sheet, parts_of
from ogfd_sandbox.cur.render import compressed

Contents = Literal["actual", "amortized", "focus"]

_KINDS: Final[dict[Contents, frozenset[Kind]]] = {
    "actual": frozenset(Kind) - UNUSED - INVOICED,
    "amortized": frozenset(Kind) - COMMITMENTS - INVOICED,
    "focus": frozenset(Kind),
}


class Dataset(Enum):
    """What Cost Management exports; the value is what the command line calls it."""

    FOCUS_1_0 = "focus-1.0"
    FOCUS_1_2 = "focus-1.2"
    ACTUAL_EA = "actual-ea"
    AMORTIZED_EA = "amortized-ea"
    ACTUAL_MCA = "actual-mca"
    AMORTIZED_MCA = "amortized-mca"

    @property
    def contents(self) -> Contents:
        """Which costs it has."""
        if self in {Dataset.FOCUS_1_0, Dataset.FOCUS_1_2}:
            return "focus"
        return "actual" if self in {Dataset.ACTUAL_EA, Dataset.ACTUAL_MCA} else "amortized"

    @property
    def kinds(self) -> frozenset[Kind]:
        """The charges that it has."""
        return _KINDS[self.contents]

    @property
    def type(self) -> str:
        """``exportConfig.type`` of manifests."""
        return {"focus": "FocusCost", "actual": "ActualCost", "amortized": "AmortizedCost"}[
            self.contents
        ]

    @property
    def data_version(self) -> str:
        """``exportConfig.dataVersion`` of manifests."""
        if self.contents == "focus":
            return self.value.partition("-")[2]
        return "2024-08-01" if self.value.endswith("ea") else "2023-12-01-preview"

    def layout(self, bill: Bill) -> Layout:
        """Return how it words the charges of *bill*."""
        book, entries, month = bill.book, bill.entries, bill.month
        if self.contents == "focus":
            return focus(
                "1.0" if self is Dataset.FOCUS_1_0 else "1.2",
                book,
                entries,
                month,
                effective_purchases=bill.settings.effective_purchases,
            )
        price: Literal["paid", "effective"] = "paid" if self.contents == "actual" else "effective"
        return details("ea" if self.value.endswith("ea") else "mca", book, entries, month, price)


class Format(Enum):
    """How files are packed; the value is the end of their names."""

    CSV = ".csv"
    GZIP = ".csv.gz"
    PARQUET = ".snappy.parquet"

    @property
    def words(self) -> tuple[str, str]:
        """``fileFormat`` and ``compressionMode`` of manifests."""
        return {
            Format.CSV: ("Csv", "None"),
            Format.GZIP: ("Csv", "Gzip"),
            Format.PARQUET: ("Parquet", "Snappy"),
        }[self]


class Files:
    """
    The files of a bill as one dataset.

    Args:
        bill: the bill.
        dataset: as what.
        format: how packed.
    """

    def __init__(self, bill: Bill, dataset: Dataset, format: Format) -> None:
        self._bill = bill
        self._format = format
        self._lines = bill.of_kinds(dataset.kinds)
        self._parts = parts_of(len(self._lines), bill.settings.files)
        self._sheet = Sheet(dataset.layout(bill), bill.entries, bill.month.days)

    def __len__(self) -> int:
        return len(self._parts)

    def rows(self, number: int) -> int:
        """Return how many rows file *number*, counted from 0, has."""
        return len(self._parts[number])

    def content(self, number: int) -> bytes:
        """Return file *number*, counted from 0."""
        if self._format is Format.PARQUET:
            sink = io.BytesIO()
            self._write_parquet(number, sink)
            return sink.getvalue()
        return b"".join(self._texts(number))

    def write(self, number: int, path: Path) -> None:
        """Write file *number*, counted from 0, to *path*, some rows at a time."""
        with path.open("wb") as stream:
            if self._format is Format.PARQUET:
                self._write_parquet(number, stream)
            else:
                stream.writelines(self._texts(number))

    def _part(self, number: int) -> Lines:
        return self._lines.take(self._parts[number])

    def _texts(self, number: int) -> Iterator[bytes]:
        plain = self._sheet.csv(self._part(number))
        if self._format is Format.CSV:
            return plain
        return compressed(plain, self._bill.settings.compression_level)

    def _write_parquet(self, number: int, sink: object) -> None:
        tables = self._sheet.tables(self._part(number))
        first: pa.Table = next(tables)
        # Without the schema of Arrow, which the writer of Azure knows nothing of.
        with pq.ParquetWriter(sink, first.schema, compression="snappy", store_schema=False) as out:
            out.write_table(first)
            for table in tables:
                out.write_table(table)
