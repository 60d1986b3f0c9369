"""The rows of one table: its columns by name, what is odd about them, and what is wrong."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ogfd.plugin.tabular.maps import Maps
from ogfd.plugin.tabular.numbers import Numbers, numbers
from ogfd.plugin.tabular.problems import Problems
from ogfd.plugin.tabular.selection import Selection
from ogfd.plugin.tabular.text import Combined, Mask, Text, absent, text_of


class Rows:
    """
    The rows of *table*, whose columns are those of `Selection.read`.

    Attributes:
        count: how many there are.
        cells: the columns that are there, values of maps included, by name.
        selection: of the file.
        problems: the bad rows.
        unknown: field and value that no table knows, to the number of rows.
        rounded: how many values were rounded half-even to the schema.
    """

    def __init__(self, table: pa.Table, selection: Selection, maps: Maps) -> None:
        self.count: int = table.num_rows
        self.selection = selection
        self.problems = Problems(self.count)
        self.unknown: Counter[tuple[str, str]] = Counter()
        self.rounded = 0
        self.cells = {name: _chunk(table.column(name)) for name in selection.places}
        self._texts: dict[str, Text] = {}
        self._unfold(table, maps)
        self._check_texts()

    def text(self, name: str) -> Text:
        """Return a column of text; empty cells if the file lacks it."""
        if name not in self._texts:
            cells = self.cells.get(name)
            self._texts[name] = absent(self.count) if cells is None else text_of(cells)
        return self._texts[name]

    def combined(self, *names: str) -> Combined:
        """Return the distinct combinations of some columns of text."""
        return Combined([self.text(name) for name in names])

    def number(self, name: str, kind: pa.DataType, *, where: Mask | None = None) -> Numbers:
        """Read a column of numbers, *where* it matters; bad ones are problems."""
        cells = self.cells.get(name)
        if cells is None:
            cells = pa.nulls(self.count, pa.binary())
        if where is not None and not where.all():
            cells = pc.if_else(pa.array(where), cells, None)
        found = numbers(cells, kind)
        self.unreadable(name, found.bad)
        self.rounded += found.rounded
        return found

    def unreadable(self, name: str, rows: Mask) -> None:
        """Note the *rows* whose number in the column *name* cannot be read."""
        if rows.any():
            self.add(rows, name, "is not a number below 10^15")

    def empty(self, name: str) -> None:
        """Note the rows where the column *name*, which must say something, is empty."""
        if self.cells[name].null_count:
            self.add(self.cells[name].is_null().to_numpy(zero_copy_only=False), name, "is empty")

    def odd(self, found: Combined, chosen: Sequence[bool], name: str, reason: str) -> None:
        """Note the rows of the chosen combinations: the column *name* is bad in them."""
        if any(chosen):
            self.add(found.flags(chosen), name, reason)

    def add(self, rows: Mask, name: str, reason: str) -> None:
        """Note that the column *name* is bad in *rows*."""
        self.problems.add(rows, f"{self.selection.header(name)} {reason}", self.cells[name])

    def strange(self, field: str, found: Combined, values: Sequence[str | None]) -> None:
        """
        Note the values of some combinations that no table knows; their rows are kept.

        Args:
            field: as in `Output.unknown`.
            found: the combinations.
            values: of each of them, the value that is unknown; None where all is known.
        """
        if not any(values):
            return
        counts = np.bincount(found.codes, minlength=len(values)).tolist()
        for value, rows in zip(values, counts, strict=True):
            if value and rows:
                self.unknown[field, value] += rows

    def _unfold(self, table: pa.Table, maps: Maps) -> None:
        """Take the values that are asked for out of the map columns."""
        lookups = self.selection.lookups
        for column in sorted({lookup.column for lookup in lookups.values()}):
            names = [name for name, lookup in lookups.items() if lookup.column == column]
            cells = _chunk(table.column(column))
            values, broken = maps.values(cells, [lookups[name].keys for name in names])
            self.cells |= dict(zip(names, values, strict=True))
            if broken.any():
                header = self.selection.header(names[0])
                self.problems.add(broken, f"{header} is no JSON object", cells)

    def _check_texts(self) -> None:
        for name, cells in self.cells.items():
            if pa.types.is_dictionary(cells.type):
                broken = self.text(name).broken
                if broken is not None:
                    self.add(broken, name, "is not UTF-8 text")


def _chunk(column: pa.ChunkedArray) -> pa.Array:
    return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()
