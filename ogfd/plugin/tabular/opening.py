"""Tells the format of a file by its first bytes: not every manifest names it, and some are wrong."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final, Protocol

import pyarrow as pa

from ogfd.plugin.tabular.delimited import DelimitedFile
from ogfd.plugin.tabular.packed import Unpack, gunzip, unpacked, unzip
from ogfd.plugin.tabular.parquet import ParquetFile
from ogfd.plugin.tabular.problems import Rejected
from ogfd.plugin.tabular.selection import Selection

_PARQUET: Final = b"PAR1"
_ZIP: Final = (b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")  # an archive, an empty or a split one
_GZIP: Final = b"\x1f\x8b"


class Tables(Protocol):
    """The tables of one file. Not for two threads at once."""

    headers: Sequence[str]

    def select(self, selection: Selection) -> None:
        """Read the columns of *selection*; call it once, before `table`."""
        ...

    def table(self) -> pa.Table | None:
        """
        Return the next rows, at most 32,768, None after the last.

        Columns bear the names of `Selection.read`. Numbers are bytes or numbers of any type, maps
        are maps or JSON, all else is text: dictionaries of bytes, null where a cell is empty.
        """
        ...

    def skipped(self) -> tuple[int, tuple[Rejected, ...]]:
        """Return how many rows no table has, since the last call, and what is wrong with them."""
        ...

    def close(self) -> None:
        """Close the file; may be called again."""
        ...


def open_tables(path: Path, name: str, *, plain: bool = False) -> Tables:
    """
    Open the file *path*, which was the object *name*, and read its header.

    Args:
        path: the file.
        name: its key, for messages.
        plain: whether a CSV file may come unpacked. Otherwise what is neither Parquet nor ZIP is
            read as a gzip file, and found damaged if it is none.

    Raises:
        FatalError: if it has no header that can be read.
        TransientError: if it is damaged, or of no format that exports have.
    """
    with path.open("rb") as file:
        start = file.read(4)
    if start == _PARQUET:
        return ParquetFile(path, name)
    return DelimitedFile(path, name, _packing(start, plain=plain))


def _packing(start: bytes, *, plain: bool) -> Unpack:
    if start.startswith(_ZIP):
        return unzip
    return unpacked if plain and not start.startswith(_GZIP) else gunzip
