"""
Charges to columns of Arrow and to CSV, without touching a row in Python.

What a cell says comes of the charge's entry, of its day, or is a number of its own. Neighbouring
columns of one origin are rendered once for each entry or day; a row of CSV is the concatenation of
a few such fragments with its own numbers.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from ogfd_sandbox.azure.bill.amounts import AMOUNT, Style, decimals, texts
from ogfd_sandbox.azure.bill.book import Entry, Index
from ogfd_sandbox.azure.bill.columns import Type, type_of
from ogfd_sandbox.azure.bill.lines import Lines
from ogfd_sandbox.cur.numbers import Numbers

PAGE_ROWS: Final = 65_536
_MARKS: Final = re.compile(r'[,"\n\r]')

Cells = Mapping[str, str]
Own = Callable[[Lines], Numbers]
"""The numbers of a column."""

_KINDS: Final[Mapping[Type, pa.DataType]] = {
    "text": pa.string(),
    "number": AMOUNT,
    "time": pa.timestamp("us", tz="UTC"),
    "flag": pa.bool_(),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """
    How a dataset words charges.

    Attributes:
        columns: its columns.
        cells: columns that an entry has by itself, as texts; what is left out is blank.
        instants: columns that a day has by itself.
        own: columns of numbers that each charge has by itself.
        blank: columns of *own* to a mask of the entries that leave them blank.
        date: how CSV writes instants, for ``strftime``.
        style: how CSV writes numbers.
        mark: what a CSV file begins with.
        line_end: of CSV.
    """

    columns: tuple[str, ...]
    cells: Callable[[Entry], Cells]
    instants: Callable[[int], Mapping[str, datetime]]
    own: Mapping[str, Own]
    blank: Mapping[str, npt.NDArray[np.bool_]]
    date: str
    style: Style
    mark: bytes
    line_end: str


class Sheet:
    """
    The charges of a bill as one dataset words them.

    Args:
        layout: of the dataset.
        entries: what charges point into.
        days: how many days the month has.
    """

    def __init__(self, layout: Layout, entries: Sequence[Entry], days: int) -> None:
        self._layout = layout
        self._cells = [layout.cells(entry) for entry in entries]
        self._days = [layout.instants(day) for day in range(days)]

    def csv(self, lines: Lines) -> Iterator[bytes]:
        """Yield the text of a file with *lines*."""
        layout = self._layout
        header = ",".join(layout.columns) + layout.line_end
        yield layout.mark + header.encode()
        plan = [(origin, self._fragments(origin, columns)) for origin, columns in self._runs()]
        for page in _pages(lines):
            parts = [
                self._own_text(origin, page) if fragments is None else fragments.take(index)
                for origin, fragments in plan
                for index in (pa.array(page.entry if origin == "entry" else page.day),)
            ]
            rows = pc.binary_join_element_wise(*parts, ",")
            yield _bytes_of(pc.binary_join_element_wise(rows, "", layout.line_end))

    def tables(self, lines: Lines) -> Iterator[pa.Table]:
        """Yield *lines* as tables, typed as the export schemas are; one at least."""
        columns = self._layout.columns
        known = {name: self._dictionary(name) for name in columns if name not in self._layout.own}
        for page in _pages(lines):
            entry, day = pa.array(page.entry), pa.array(page.day)
            yield pa.table(
                {
                    name: known[name].take(day if name in self._days[0] else entry)
                    if name in known
                    else self._masked(name, page, decimals(self._numbers(name, page)))
                    for name in columns
                }
            )

    def _runs(self) -> list[tuple[str, tuple[str, ...]]]:
        """Return runs of columns of one origin: ``entry``, ``day``, or a column of its own."""
        runs: list[tuple[str, tuple[str, ...]]] = []
        for column in self._layout.columns:
            if column in self._layout.own:
                runs.append((column, (column,)))
                continue
            origin = "day" if column in self._days[0] else "entry"
            if runs and runs[-1][0] == origin:
                runs[-1] = (origin, (*runs[-1][1], column))
            else:
                runs.append((origin, (column,)))
        return runs

    def _fragments(self, origin: str, columns: tuple[str, ...]) -> pa.Array | None:
        if origin in self._layout.own:
            return None
        texts_of = self._day_texts() if origin == "day" else self._cells
        joined = [",".join(_quoted(cells.get(name, "")) for name in columns) for cells in texts_of]
        return pa.array(joined, pa.string())

    def _day_texts(self) -> list[Cells]:
        return [
            {name: when.strftime(self._layout.date) for name, when in instants.items()}
            for instants in self._days
        ]

    def _dictionary(self, column: str) -> pa.Array:
        if column in self._days[0]:
            return pa.array([instants[column] for instants in self._days], _KINDS["time"])
        words = pa.array([cells.get(column) or None for cells in self._cells], pa.string())
        return words.cast(_KINDS[type_of(column)])

    def _numbers(self, column: str, page: Lines) -> Numbers:
        return self._layout.own[column](page)

    def _own_text(self, column: str, page: Lines) -> pa.Array:
        found = texts(self._numbers(column, page), self._layout.style)
        return pc.fill_null(self._masked(column, page, found), "")

    def _masked(self, column: str, page: Lines, found: pa.Array) -> pa.Array:
        if column not in self._layout.blank:
            return found
        return pc.if_else(pa.array(self._layout.blank[column][page.entry]), None, found)


def parts_of(count: int, files: int) -> list[Index]:
    """Return the places of the rows of each of *files* files."""
    return [part.astype(np.int32) for part in np.array_split(np.arange(count), files)]


def _pages(lines: Lines) -> Iterator[Lines]:
    for first in range(0, max(len(lines), 1), PAGE_ROWS):
        yield lines.take(np.arange(first, min(first + PAGE_ROWS, len(lines))))


def _quoted(cell: str) -> str:
    if _MARKS.search(cell):
        return '"' + cell.replace('"', '""') + '"'
    return cell


def _bytes_of(rows: pa.StringArray) -> bytes:
    if not len(rows):
        return b""
    _, offsets, data = rows.buffers()
    ends = np.frombuffer(offsets, np.int32)[rows.offset : rows.offset + len(rows) + 1]
    return memoryview(data)[int(ends[0]) : int(ends[-1])].tobytes()
