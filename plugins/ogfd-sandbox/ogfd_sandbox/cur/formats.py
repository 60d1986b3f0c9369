"""The formats that a month can be delivered in, and how its files are written."""

from __future__ import annotations

import functools
import io
import zipfile
from collections.abc import Callable, Iterator, Mapping
from enum import Enum
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import csv

from ogfd_sandbox.cur.assembly import Assembly
from ogfd_sandbox.cur.cells import Page
from ogfd_sandbox.cur.focus import COLUMNS_1_0, COLUMNS_1_2, focus_table
from ogfd_sandbox.cur.line_items import cur2_table, legacy_table
from ogfd_sandbox.cur.render import compressed


class Format(Enum):
    """What AWS can be told to deliver; the value is what the command line calls it."""

    CUR_GZIP = "cur-gzip"
    CUR_ZIP = "cur-zip"
    CUR_PARQUET = "cur-parquet"
    CUR2_CSV = "cur2-csv"
    CUR2_PARQUET = "cur2-parquet"
    FOCUS_CSV = "focus-csv"
    FOCUS_PARQUET = "focus-parquet"
    FOCUS_1_0_CSV = "focus-1.0-csv"

    @property
    def legacy(self) -> bool:
        """Whether it is a legacy report, and no data export."""
        return self in {Format.CUR_GZIP, Format.CUR_ZIP, Format.CUR_PARQUET}

    @property
    def focus(self) -> bool:
        """Whether it is a FOCUS export."""
        return self in {Format.FOCUS_CSV, Format.FOCUS_PARQUET, Format.FOCUS_1_0_CSV}

    @property
    def parquet(self) -> bool:
        """Whether files are Parquet."""
        return self in {Format.CUR_PARQUET, Format.CUR2_PARQUET, Format.FOCUS_PARQUET}

    @property
    def suffix(self) -> str:
        """The end of the names of files."""
        if self.parquet:
            return ".snappy.parquet"
        return ".csv.zip" if self is Format.CUR_ZIP else ".csv.gz"


_TABLES: Final[Mapping[Format, Callable[..., pa.Table]]] = {
    Format.CUR2_CSV: functools.partial(cur2_table, as_text=True),
    Format.CUR2_PARQUET: functools.partial(cur2_table, as_text=False),
    Format.FOCUS_CSV: functools.partial(focus_table, columns=COLUMNS_1_2, as_text=True),
    Format.FOCUS_PARQUET: functools.partial(focus_table, columns=COLUMNS_1_2, as_text=False),
    Format.FOCUS_1_0_CSV: functools.partial(focus_table, columns=COLUMNS_1_0, as_text=True),
}


def write_file(assembly: Assembly, file: int, format: Format, path: Path) -> None:
    """Write file number *file* of *assembly*, counted from 0, to *path*."""
    if format.parquet:
        _write_parquet(_tables(assembly, file, format), path)
    elif format is Format.CUR_ZIP:
        with (
            zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
            archive.open(path.name.removesuffix(".zip"), "w", force_zip64=True) as member,
        ):
            member.writelines(assembly.csv(file))
    else:
        legacy = format is Format.CUR_GZIP
        texts = assembly.csv(file) if legacy else _texts(_tables(assembly, file, format))
        with path.open("wb") as stream:
            stream.writelines(compressed(texts, assembly.settings.compression_level))


def schema(assembly: Assembly, format: Format) -> pa.Schema:
    """Return the columns of a format that is no legacy report."""
    return next(_tables(assembly, 0, format)).schema


def _tables(assembly: Assembly, file: int, format: Format) -> Iterator[pa.Table]:
    table: Any = _TABLES.get(format)
    if table is None:
        table = functools.partial(legacy_table, columns=assembly.columns(file))
    pages: Iterator[Page] = assembly.pages(file)
    return (table(page) for page in pages)


def _write_parquet(tables: Iterator[pa.Table], path: Path) -> None:
    first = next(tables)
    # Without the schema of Arrow, which Spark, the writer of AWS, knows nothing of.
    with pq.ParquetWriter(path, first.schema, compression="snappy", store_schema=False) as writer:
        writer.write_table(first)
        for table in tables:
            writer.write_table(table)


def _texts(tables: Iterator[pa.Table]) -> Iterator[bytes]:
    header = True
    for table in tables:
        text = io.BytesIO()
        csv.write_csv(table, text, csv.WriteOptions(include_header=header))
        header = False
        yield text.getvalue()
