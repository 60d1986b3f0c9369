"""Answers to queries, ready to be mapped by column, or as records where there are few."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import pyarrow as pa

from ogfd.plugin import Context
from ogfd.plugin.tabular import Maps, Rows, Selection
from ogfd_gcp.jobs import Jobs
from ogfd_gcp.query import Query
from ogfd_gcp.rows import read_rows
from ogfd_gcp.session import Session


async def records(
    ctx: Context,
    session: Session,
    jobs: Jobs,
    query: Query,
    names: Sequence[str],
    *,
    location: str | None,
) -> list[dict[str, Any]]:
    """
    Run *query* anew and return its rows, which must be few, with their cells as text.

    Raises:
        SourceError, Parked: if it failed.
    """
    found: list[dict[str, Any]] = []

    async def take(table: pa.Table, _: int) -> None:
        found.extend(table.to_pylist())

    job = await jobs.run(query, location=location)
    await read_rows(ctx, session, job, names, take)
    return found


def rows_of(table: pa.Table, numbers: Collection[str]) -> Rows:
    """
    Return the rows of a page; the columns *numbers* are such, all others text.

    Args:
        table: of columns of text, or of integers and decimals.
        numbers: names of columns.
    """
    names = tuple(table.column_names)
    selection = Selection(
        headers=names,
        places={name: place for place, name in enumerate(names)},
        numbers=frozenset(numbers),
    )
    columns = {}
    for name in names:
        cells = table.column(name).combine_chunks()
        columns[name] = _number(cells) if name in selection.numbers else _text(cells)
    return Rows(pa.table(columns), selection, Maps())


def _number(cells: pa.Array) -> pa.Array:
    return cells.cast(pa.binary()) if pa.types.is_string(cells.type) else cells


def _text(cells: pa.Array) -> pa.DictionaryArray:
    encoded = cells.dictionary_encode()
    values = encoded.dictionary.cast(pa.string()).cast(pa.binary())
    return pa.DictionaryArray.from_arrays(encoded.indices, values)
