"""The rows of one table of an export: what marks an empty cell, and what is part of a text."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from ogfd.plugin.tabular import Maps, Rows, Text
from ogfd_azure.exports.columns import Columns, folded

_NULL: Final = b"NULL"


class ExportRows(Rows):
    """
    The rows of a table, by the names of `ogfd_azure.exports.fields`.

    A cell that says ``NULL`` is empty: exports that went through a database have such.

    Attributes:
        family: what the columns mean.
    """

    def __init__(self, table: pa.Table, columns: Columns, maps: Maps) -> None:
        super().__init__(_emptied(table), columns, maps)
        self.family = columns.family

    def part(self, name: str, take: Callable[[pa.Array], pa.Array]) -> Text:
        """Return what *take* makes of the distinct texts of a column."""
        text = self.text(name)
        taken = take(text.values).dictionary_encode()
        return Text(taken.indices.take(text.indices), taken.dictionary)


def tags_of(raw: bytes) -> dict[str, Any] | None:
    """
    Parse the tags of a row; None if they cannot be read.

    Braces may be missing, keys may begin with a space. A key is the same in any case.
    """
    raw = raw.strip()
    if raw == b"null":
        return {}
    if not raw.startswith(b"{"):
        raw = b"{" + raw + b"}"
    try:
        found = json.loads(raw)
    except (ValueError, RecursionError):
        return None
    tags: dict[str, Any] = {}
    for key, value in found.items():
        tags[folded(key)] = tags.get(folded(key)) or value
    return tags


def _emptied(table: pa.Table) -> pa.Table:
    for place, name in enumerate(table.column_names):
        cells = table.column(place).combine_chunks()
        filled = _without_null(cells)
        if filled is not cells:
            table = table.set_column(place, name, filled)
    return table


def _without_null(cells: pa.Array) -> pa.Array:
    if pa.types.is_dictionary(cells.type):
        null = pc.index(cells.dictionary, pa.scalar(_NULL, cells.type.value_type)).as_py()
        if null < 0:
            return cells
        indices = pc.if_else(pc.equal(cells.indices, null), None, cells.indices)
        return pa.DictionaryArray.from_arrays(indices, cells.dictionary)
    if pa.types.is_binary(cells.type):
        null = pc.equal(cells, _NULL)
        return pc.if_else(null, None, cells) if pc.any(null).as_py() else cells
    return cells
