"""Reads one file of a report in batches, by column and in bounded memory. Call it in a thread."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.csv as pcsv

from ogfd.plugin import FatalError, Wanted
from ogfd_aws.cur.columns import NUMBERS, choose
from ogfd_aws.cur.gzipped import Gzipped
from ogfd_aws.cur.malformed import Malformed
from ogfd_aws.cur.mapping import Mapped, Mapper

BATCH_ROWS: Final = 1 << 15
_BLOCK: Final = 1 << 20  # about 1,000 rows; measured: twice the block costs 50 MB and gains nothing
_TEXT: Final = pa.dictionary(pa.int32(), pa.binary())


class FileReader:
    """
    The rows of one file as activities. Not for two threads at once.

    Args:
        path: the gzipped file.
        name: its key, for messages.
        wanted: which tags, and whether resource ids.
        mapper: of the slice.
    """

    def __init__(self, path: Path, name: str, wanted: Wanted, mapper: Mapper) -> None:
        self._name = name
        self._mapper = mapper
        self._row = 0
        self._malformed = Malformed(name)
        self._pending: pa.RecordBatch | None = None
        self._source = Gzipped(path, name)
        try:
            self._columns = choose(self._source.header(), wanted, name)
            self._reader = None if self._source.ended else self._open()
        except BaseException:
            self.close()
            raise

    def next_batch(self) -> Mapped | None:
        """
        Return the next rows, at most 65,536; None after the last.

        Raises:
            FatalError: if the file is no CSV, is too large, or its rows do not fit its header.
            TransientError: if its gzip stream is cut or corrupt.
        """
        table = self._table()
        malformed = self._malformed.count
        if table is None and not malformed:
            return None
        if table is None:
            table = self._schema.empty_table()
        mapped = self._mapper.map(table, self._columns, self._name, self._row + 1)
        self._row += table.num_rows
        if not malformed:
            return mapped
        return Mapped(
            batch=mapped.batch,
            source_rows=mapped.source_rows + malformed,
            rejected=(*mapped.rejected, *self._malformed.take(self._row)),
            filtered=mapped.filtered,
        )

    def close(self) -> None:
        """Close the file; may be called again."""
        self._source.close()

    def _open(self) -> pcsv.CSVStreamingReader:
        names = [f"_{place}" for place in range(len(self._columns.headers))]
        chosen = {name: f"_{place}" for name, place in self._columns.places.items()}
        types = {
            column: pa.binary() if name in NUMBERS else _TEXT for name, column in chosen.items()
        }
        self._schema = pa.schema([(name, types[column]) for name, column in chosen.items()])
        try:
            return pcsv.open_csv(
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

    def _table(self) -> pa.Table | None:
        """Gather blocks: what is done once a distinct value pays with many rows, not with few."""
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
            return None
        table = pa.Table.from_batches(gathered).rename_columns(self._schema.names)
        return table.unify_dictionaries().combine_chunks()

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
