"""Some lines of a file as columns of Arrow: what a cell says comes of a dictionary or is its own."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ogfd_sandbox.cur.book import Book, Index
from ogfd_sandbox.cur.lines import Lines
from ogfd_sandbox.cur.wording import Cells

LABELS: Final = pa.map_(pa.string(), pa.string())


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """
    Some lines.

    Attributes:
        book: the dictionaries that *lines* point into.
        lines: the lines.
        own: columns that each line has by itself, as texts.
        sources: dictionaries by name: the cells of every entry.
        homes: column to the name of its dictionary.
        entries: name of a dictionary to each line's entry in it.
    """

    book: Book
    lines: Lines
    own: Mapping[str, pa.Array]
    sources: Mapping[str, Sequence[Cells]]
    homes: Mapping[str, str]
    entries: Mapping[str, Index]

    def text(self, column: str) -> pa.Array:
        """Return a column of texts; null where a cell is empty or nobody fills the column."""
        if column in self.own:
            cells = self.own[column]
            return pc.if_else(pc.equal(cells, ""), None, cells)
        if column not in self.homes:
            return pa.nulls(len(self.lines), pa.string())
        home = self.homes[column]
        words = pa.array([entry.get(column) or None for entry in self.sources[home]], pa.string())
        return words.take(pa.array(self.entries[home]))

    def number(self, column: str) -> pa.Array:
        """Return a column of numbers as AWS writes them to Parquet."""
        return self.text(column).cast(pa.float64())

    def instant(self, column: str) -> pa.Array:
        """Return a column of times as AWS writes them to Parquet."""
        return pc.cast(self.text(column), pa.timestamp("ms", tz="UTC"))

    def labels(self, home: str, keys: Mapping[str, str], *, as_json: bool) -> pa.Array:
        """
        Return a map of some columns of one dictionary.

        Args:
            home: the name of the dictionary.
            keys: column to its key in the map; empty cells have none.
            as_json: whether the map is JSON, as in CSV files, and not a map of Arrow.
        """
        found = [
            [(key, entry[column]) for column, key in keys.items() if entry.get(column)]
            for entry in self.sources[home]
        ]
        if as_json:
            maps = pa.array([json.dumps(dict(pairs)) for pairs in found], pa.string())
        else:
            maps = pa.array(found, LABELS)
        return maps.take(pa.array(self.entries[home]))


def homes_of(sources: Mapping[str, Sequence[Cells]]) -> dict[str, str]:
    """Return the dictionary of each column."""
    return {column: name for name, cells in sources.items() for entry in cells for column in entry}


def everyone(count: int) -> Index:
    """Return the index of *count* lines into a dictionary of one entry."""
    return np.zeros(count, np.int32)
