"""Reads one file in batches, by column and in bounded memory. Call it in a thread."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Generic, TypeVar

import pyarrow as pa

from ogfd.plugin.tabular.mapped import Mapped
from ogfd.plugin.tabular.opening import open_tables
from ogfd.plugin.tabular.selection import Selection

S = TypeVar("S", bound=Selection)


class FileReader(Generic[S]):
    """
    The rows of one file as activities. Not for two threads at once.

    Args:
        path: the file.
        name: its key, for messages.
        choose: given its headers and *name*, says which columns to read.
        map: maps a table of these columns; given the selection, *name* and the data row of the
            table's first row, counted from 1.
        plain: whether a CSV file may come unpacked.

    Raises:
        FatalError: if it is not of a format that is read, or lacks columns.
        TransientError: if it is cut or corrupt.
    """

    def __init__(
        self,
        path: Path,
        name: str,
        *,
        choose: Callable[[Sequence[str], str], S],
        map: Callable[[pa.Table, S, str, int], Mapped],
        plain: bool = False,
    ) -> None:
        self._name = name
        self._map = map
        self._row = 0
        self._tables = open_tables(path, name, plain=plain)
        try:
            self._selection = choose(self._tables.headers, name)
            self._tables.select(self._selection)
        except BaseException:
            self.close()
            raise

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
        mapped = self._map(table, self._selection, self._name, self._row + 1)
        self._row += table.num_rows
        skipped, rejected = self._tables.skipped()
        headers = {("column", header): table.num_rows for header in self._selection.unknown}
        if not skipped and not headers:
            return mapped
        return replace(
            mapped,
            source_rows=mapped.source_rows + skipped,
            rejected=(*mapped.rejected, *rejected),
            unknown=Counter(mapped.unknown) + Counter(headers),
        )

    def close(self) -> None:
        """Close the file; may be called again."""
        self._tables.close()
