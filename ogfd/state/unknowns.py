"""Values that no table of a connector knows, by the slice whose last read found them."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from ogfd.state.store import StateStore

_ALL: Final = """
SELECT connector, stream, field, value, sum(rows) AS rows FROM unknowns WHERE connector = ?
GROUP BY connector, stream, field, value ORDER BY stream, field, rows DESC, value
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unknown:
    """
    A value that no table knows.

    Attributes:
        field: what the value is, such as ``region``; see `ogfd.plugin.Output.unknown`.
        rows: how many source rows have it, over all slices of the stream.
    """

    connector: str
    stream: str
    field: str
    value: str
    rows: int


async def put_unknowns(
    state: StateStore,
    slice: str,
    connector: str,
    stream: str,
    found: Mapping[tuple[str, str], int],
) -> None:
    """Put on record what a read of *slice* found, in place of what an earlier one did."""
    rows = [(slice, connector, stream, *key, count) for key, count in found.items()]

    def put(db: sqlite3.Connection) -> None:
        db.execute("DELETE FROM unknowns WHERE slice = ?", (slice,))
        db.executemany("INSERT INTO unknowns VALUES (?, ?, ?, ?, ?, ?)", rows)

    if rows or await state.read("SELECT 1 FROM unknowns WHERE slice = ? LIMIT 1", [slice], tuple):
        await state.write(put)


async def unknowns(state: StateStore, connector: str) -> list[Unknown]:
    """Return what the slices of *connector* hold, the most frequent first in each field."""
    return await state.read(_ALL, [connector], lambda row: Unknown(**dict(row)))
