"""Tells the format of a file by its first bytes: manifests of Data Exports do not name it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final, Protocol

import pyarrow as pa

from ogfd_aws.cur.columns import Columns
from ogfd_aws.cur.files.delimited import DelimitedFile
from ogfd_aws.cur.files.packed import gunzip, unzip
from ogfd_aws.cur.files.parquet import ParquetFile
from ogfd_aws.cur.problems import Rejected

_PARQUET: Final = b"PAR1"
_ZIP: Final = b"PK"


class Tables(Protocol):
    """The tables of one file. Not for two threads at once."""

    headers: Sequence[str]

    def select(self, columns: Columns) -> None:
        """Read these *columns*; call it once, before `table`."""
        ...

    def table(self) -> pa.Table | None:
        """
        Return the next rows, at most 32,768, None after the last.

        Columns bear the names of `Columns.read`. Numbers are bytes or numbers of any type, maps
        are maps or JSON, all else is text: dictionaries of bytes, null where a cell is empty.
        """
        ...

    def skipped(self) -> tuple[int, tuple[Rejected, ...]]:
        """Return how many rows no table has, since the last call, and what is wrong with them."""
        ...

    def close(self) -> None:
        """Close the file; may be called again."""
        ...


def open_tables(path: Path, name: str) -> Tables:
    """
    Open the file *path*, which was the object *name*, and read its header.

    Raises:
        FatalError: if it has no header that can be read.
        TransientError: if it is damaged, or of no format that exports have.
    """
    with path.open("rb") as file:
        start = file.read(4)
    if start == _PARQUET:
        return ParquetFile(path, name)
    # What is neither is damaged as a gzip file, which most exports are.
    return DelimitedFile(path, name, unzip if start.startswith(_ZIP) else gunzip)
