"""Rows from dictionaries, for connectors that read JSON."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Self

import pyarrow as pa

from ogfd.plugin.activity import ACTIVITY_SCHEMA, ENGINE_COLUMNS
from ogfd.plugin.output import Output

_BATCH_ROWS: Final = 5_000  # measured: from 1,000 to 10,000 rows a batch cost the least per row


class ActivityBuilder:
    """
    Gathers rows given as dictionaries and writes them to an `Output` in batches.

    Use it as an async context manager: leaving it without an error writes the rest.
    """

    def __init__(self, out: Output) -> None:
        self._out = out
        self._rows: list[Mapping[str, Any]] = []

    async def add(self, row: Mapping[str, Any]) -> None:
        """
        Add one row; keys are columns of ``ACTIVITY_SCHEMA``, absent ones are null.

        Give money and amounts as `decimal.Decimal`, times as aware UTC datetimes.

        Raises:
            ValueError: if a key is no column of the schema, or a value does not fit it.
        """
        self._rows.append(row)
        if len(self._rows) >= _BATCH_ROWS:
            await self.flush()

    async def flush(self) -> None:
        """Write what has been gathered."""
        rows, self._rows = self._rows, []
        if rows:
            await self._out.write(_batch(rows))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: object, exc: object, traceback: object) -> None:
        if exc is None:
            await self.flush()


def _batch(rows: list[Mapping[str, Any]]) -> pa.RecordBatch:
    names = {name: None for row in rows for name in row}
    for name in names:
        if name not in ACTIVITY_SCHEMA.names or name in ENGINE_COLUMNS:
            raise ValueError(f"{name!r} is not a column that a connector writes")
    columns = {}
    for name in names:
        kind = ACTIVITY_SCHEMA.field(name).type
        values = [row.get(name) for row in rows]
        if pa.types.is_decimal(kind):
            columns[name] = pa.array(values)  # the pipeline rounds to the schema and counts it
        else:
            columns[name] = pa.array(values, kind)
    return pa.RecordBatch.from_pydict(columns)
