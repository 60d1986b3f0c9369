"""The rows of a CSV file in tables, by column and in bounded memory."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.csv as pcsv

from ogfd.plugin.errors import FatalError
from ogfd.plugin.tabular.malformed import Malformed
from ogfd.plugin.tabular.maps import TEXT
from ogfd.plugin.tabular.packed import Packed, Unpack
from ogfd.plugin.tabular.problems import Rejected
from ogfd.plugin.tabular.selection import Selection

BATCH_ROWS: Final = 1 << 15
_BLOCK: Final = 1 << 20  # about 1,000 rows; measured: twice the block costs 50 MB and gains nothing


class DelimitedFile:
    """
    The tables of one CSV file. Not for two threads at once.

    Args:
        path: the packed file.
        name: its key, for messages.
        unpack: how it is packed.
    """

    def __init__(self, path: Path, name: str, unpack: Unpack) -> None:
        self._name = name
        self._row = 0
        self._malformed = Malformed(name)
        self._pending: pa.RecordBatch | None = None
        self._reader: pcsv.CSVStreamingReader | None = None
        self._source = Packed(path, name, unpack)
        try:
            self.headers: Sequence[str] = self._source.header()
        except BaseException:
            self.close()
            raise

    def select(self, selection: Selection) -> None:
        """
        Read the columns of *selection*; call it once, before `table`.

        Raises:
            FatalError: if the data is no CSV.
            TransientError: if the packed data is cut or corrupt.
        """
        names = [f"_{place}" for place in range(len(self.headers))]
        chosen = {name: names[place] for name, place in selection.read.items()}
        types = {
            column: pa.binary() if name in selection.numbers else TEXT
            for name, column in chosen.items()
        }
        self._schema = pa.schema([(name, types[column]) for name, column in chosen.items()])
        if self._source.ended:
            return
        try:
            self._reader = pcsv.open_csv(
                pa.PythonFile(self._source, mode="r"),
                # Without threads, which gain nothing here, malformed rows know their number.
                pcsv.ReadOptions(use_threads=False, block_size=_BLOCK, column_names=names),
                pcsv.ParseOptions(
                    newlines_in_values=True, invalid_row_handler=self._malformed.skip
                ),
                pcsv.ConvertOptions(
                    column_types=types,
                    include_columns=list(chosen.values()),
                    null_values=[""],
                    strings_can_be_null=True,
                    check_utf8=False,
                ),
            )
        except pa.ArrowInvalid as exc:
            raise self._damaged(exc) from exc

    def table(self) -> pa.Table | None:
        """
        Return the next rows, at most 32,768; None after the last.

        Blocks are gathered: what is done once a distinct value pays with many rows.

        Raises:
            FatalError: if the file is no CSV, is too large, or its rows do not fit its header.
            TransientError: if the packed data is cut or corrupt.
        """
        gathered: list[pa.RecordBatch] = []
        rows = 0
        while (batch := self._next()) is not None:
            if not batch.num_rows:
                continue  # a block of malformed rows only; many of them add up
            if rows + batch.num_rows > BATCH_ROWS:
                fits = 0 if gathered else BATCH_ROWS
                self._pending = batch.slice(fits)
                if fits:
                    gathered.append(batch.slice(0, fits))
                break
            gathered.append(batch)
            rows += batch.num_rows
        if not gathered:
            return self._schema.empty_table() if self._malformed.count else None
        self._row += sum(batch.num_rows for batch in gathered)
        table = pa.Table.from_batches(gathered).rename_columns(self._schema.names)
        return table.unify_dictionaries().combine_chunks()

    def skipped(self) -> tuple[int, tuple[Rejected, ...]]:
        """Return how many malformed rows there were since the last call, and tell about them."""
        count = self._malformed.count
        return (count, self._malformed.take(self._row)) if count else (0, ())

    def close(self) -> None:
        """Close the file; may be called again."""
        self._source.close()

    def _next(self) -> pa.RecordBatch | None:
        if self._pending is not None:
            batch, self._pending = self._pending, None
            return batch
        if self._reader is None:
            return None
        try:
            return self._reader.read_next_batch()
        except StopIteration:
            self._reader = None
            return None
        except (pa.ArrowException, OSError) as exc:
            raise self._damaged(exc) from exc

    def _damaged(self, exc: Exception) -> Exception:
        if known := self._source.error or self._malformed.error:
            return known
        reason = str(exc)
        if "straddling" in reason:
            reason = f"a row is longer than {_BLOCK >> 20} MiB; a quote may lack its partner"
        return FatalError(f"{self._name}, after data row {self._row}: {reason}")
