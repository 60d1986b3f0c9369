"""The rows of a Parquet file in tables: only the columns asked for, a piece of a row group each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from ogfd.plugin.errors import FatalError, TransientError
from ogfd.plugin.tabular.maps import TEXT
from ogfd.plugin.tabular.problems import Rejected
from ogfd.plugin.tabular.selection import Selection

BATCH_ROWS: Final = 1 << 15
_BUFFER: Final = 1 << 20  # a column of a row group is read in pieces, however large the group is
_DAMAGE: Final = (pa.ArrowException, OSError, EOFError)


class ParquetFile:
    """
    The tables of one Parquet file. Not for two threads at once.

    Args:
        path: the file.
        name: its key, for messages.

    Raises:
        TransientError: if the file is cut or corrupt.
    """

    def __init__(self, path: Path, name: str) -> None:
        self._path = path
        self._name = name
        self._row = 0
        self._columns: dict[str, str] = {}
        self._numbers: frozenset[str] = frozenset()
        self._batches: Iterator[pa.RecordBatch] = iter(())
        try:
            self._file = pq.ParquetFile(path)
        except _DAMAGE as exc:
            raise self._damaged(exc) from exc
        self._rows: int = self._file.metadata.num_rows
        self.headers: Sequence[str] = self._file.schema_arrow.names

    def select(self, selection: Selection) -> None:
        """
        Read the columns of *selection*; call it once, before `table`.

        Raises:
            TransientError: if the file is cut or corrupt.
        """
        self._numbers = selection.numbers
        self._columns = {name: self.headers[place] for name, place in selection.read.items()}
        schema = self._file.schema_arrow
        texts = [
            column
            for name, column in self._columns.items()
            if name not in selection.numbers and _is_text(schema.field(column).type)
        ]
        self.close()
        try:
            self._file = pq.ParquetFile(
                self._path,
                read_dictionary=texts,
                buffer_size=_BUFFER,
                page_checksum_verification=True,
            )
            self._batches = self._file.iter_batches(
                BATCH_ROWS, columns=list(self._columns.values()), use_threads=False
            )
        except _DAMAGE as exc:
            raise self._damaged(exc) from exc

    def table(self) -> pa.Table | None:
        """
        Return the next rows, at most 32,768; None after the last.

        Raises:
            FatalError: if a column is of a type that is not read.
            TransientError: if the file is cut or corrupt.
        """
        try:
            batch = next(self._batches, None)
        except _DAMAGE as exc:
            raise self._damaged(exc) from exc
        if batch is None:
            if self._row != self._rows:
                raise TransientError(
                    f"{self._name} is truncated: it holds {self._row} of {self._rows} rows"
                )
            return None
        self._row += batch.num_rows
        return pa.table(
            {
                name: self._cells(name, batch.column(column))
                for name, column in self._columns.items()
            }
        )

    def skipped(self) -> tuple[int, tuple[Rejected, ...]]:
        """Return that there are no malformed rows: Parquet cannot have any."""
        return 0, ()

    def close(self) -> None:
        """Close the file; may be called again."""
        self._file.close(force=True)

    def _cells(self, name: str, cells: pa.Array) -> pa.Array:
        if pa.types.is_map(cells.type):
            return cells
        if pa.types.is_nested(cells.type):
            column = self._columns[name]
            raise FatalError(f"{self._name}: the column {column} is of the type {cells.type}")
        return _amounts(cells) if name in self._numbers else _texts(cells)

    def _damaged(self, exc: Exception) -> Exception:
        return TransientError(f"{self._name} is corrupt, or cut off: {exc}")


def _is_text(kind: pa.DataType) -> bool:
    return bool(
        pa.types.is_string(kind)
        or pa.types.is_large_string(kind)
        or pa.types.is_binary(kind)
        or pa.types.is_large_binary(kind)
    )


def _amounts(cells: pa.Array) -> pa.Array:
    if not _is_text(cells.type):
        return pa.nulls(len(cells), pa.binary()) if pa.types.is_null(cells.type) else cells
    amounts = cells.cast(pa.binary())
    return pc.if_else(pc.equal(amounts, b""), None, amounts)


def _texts(cells: pa.Array) -> pa.DictionaryArray:
    """Return *cells* as the text of a CSV file would be: times too are dictionaries of bytes."""
    if pa.types.is_null(cells.type):
        return pa.nulls(len(cells), TEXT)
    encoded = cells if pa.types.is_dictionary(cells.type) else cells.dictionary_encode()
    values = encoded.dictionary
    if not _is_text(values.type):
        values = values.cast(pa.string())
    values = values.cast(pa.binary())
    indices = encoded.indices.cast(pa.int32())
    empty = pc.index(values, b"").as_py()
    if empty >= 0:  # an empty text stands for no value, as in CSV
        indices = pc.if_else(pc.equal(indices, empty), None, indices)
    return pa.DictionaryArray.from_arrays(indices, values)
