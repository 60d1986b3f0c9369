"""
Batches of Arrow as pages of columns that are mapped as those of REST are.

    STRING                        text
    INT64                         integers
    NUMERIC, BIGNUMERIC           decimals of 9 and 38 digits behind the point

https://cloud.google.com/bigquery/docs/reference/storage#arrow_schema_details
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from ogfd.plugin import FatalError, TransientError
from ogfd_gcp.storage.connection import Message, schema_of

_TYPES: Final = (
    pa.types.is_string,
    pa.types.is_int64,
    pa.types.is_decimal128,
    pa.types.is_decimal256,
)
_LARGEST: Final = Decimal(10) ** 28
"""Nine more digits behind the point, and a decimal256 could not hold it; see `ogfd_gcp.cost`."""


def ordered(schema: pa.Schema, names: Sequence[str]) -> None:
    """
    Make sure that the columns of *schema* are *names*, and of types that can be mapped.

    Raises:
        FatalError: if they are not.
    """
    if schema.names != list(names):
        raise FatalError(f"the rows have not the {len(names)} columns that were asked for")
    for field in schema:
        if not any(fits(field.type) for fits in _TYPES):
            raise FatalError(f"column {field.name} is {field.type}, neither text nor a number")


def decoded(messages: Sequence[Message], schema: pa.Schema) -> pa.Table:
    """
    Return the rows of some messages; blocks.

    Raises:
        TransientError: if a message is broken.
        FatalError: if it has other columns than *schema*, by which it would be misread.
    """
    for message in messages:
        if message.schema and _columns(schema_of(message.schema)) != _columns(schema):
            raise FatalError("rows came with other columns than their session has")
    try:
        batches = [
            pa.ipc.read_record_batch(pa.py_buffer(message.data), schema) for message in messages
        ]
        table = pa.Table.from_batches(batches, schema)
        _check(table)
    except (pa.ArrowInvalid, EOFError, OSError):
        raise TransientError(f"{len(messages)} messages of rows hold none") from None
    told = sum(message.rows for message in messages)
    if table.num_rows != told:
        raise TransientError(f"messages of {told} rows hold {table.num_rows}")
    return pa.table({field.name: _bounded(table.column(field.name)) for field in schema})


def _columns(schema: pa.Schema) -> list[tuple[str, pa.DataType]]:
    return list(zip(schema.names, schema.types, strict=True))


def _check(table: pa.Table) -> None:
    """Find what is broken; not decimals of more than 76 digits, as BIGNUMERIC can have them."""
    table.validate()
    for cells in table.columns:
        if pa.types.is_string(cells.type):
            cells.validate(full=True)


def _bounded(cells: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return *cells*, as text if they are decimals that nobody could add up."""
    if not pa.types.is_decimal256(cells.type):
        return cells
    bounds = pc.min_max(cells).as_py()
    if bounds["max"] is None or max(bounds["max"], -bounds["min"]) < _LARGEST:
        return cells
    told = [None if value is None else format(value, "f") for value in cells.to_pylist()]
    return pa.chunked_array([pa.array(told, pa.string())])
