"""Reads one file of a report in batches, by column and in bounded memory. Call it in a thread."""

from __future__ import annotations

from pathlib import Path

from ogfd.plugin import Wanted
from ogfd_aws.cur.columns import choose
from ogfd_aws.cur.files.opening import open_tables
from ogfd_aws.cur.mapping import Mapped, Mapper


class FileReader:
    """
    The rows of one file as activities. Not for two threads at once.

    Args:
        path: the file.
        name: its key, for messages.
        wanted: which tags, and whether resource ids.
        mapper: of the slice.

    Raises:
        FatalError: if it is not of a format that is read, or lacks columns.
        TransientError: if it is cut or corrupt.
    """

    def __init__(self, path: Path, name: str, wanted: Wanted, mapper: Mapper) -> None:
        self._name = name
        self._mapper = mapper
        self._row = 0
        self._tables = open_tables(path, name)
        try:
            self._columns = choose(self._tables.headers, wanted, name)
            self._tables.select(self._columns)
        except BaseException:
            self.close()
            raise
        mapper.notes.columns.update(self._columns.unknown)

    def next_batch(self) -> Mapped | None:
        """
        Return the next rows, at most 32,768 and the malformed ones among them; None after the last.

        Raises:
            FatalError: if the file is too large, or its rows do not fit its header.
            TransientError: if it is cut or corrupt.
        """
        table = self._tables.table()
        if table is None:
            return None
        mapped = self._mapper.map(table, self._columns, self._name, self._row + 1)
        self._row += table.num_rows
        skipped, rejected = self._tables.skipped()
        if not skipped:
            return mapped
        return Mapped(
            batch=mapped.batch,
            source_rows=mapped.source_rows + skipped,
            rejected=(*mapped.rejected, *rejected),
            filtered=mapped.filtered,
        )

    def close(self) -> None:
        """Close the file; may be called again."""
        self._tables.close()
