"""What the file keeps of an Arrow batch: text, REAL and INTEGER columns, a column at a time."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ogfd.plugin import ACTIVITY_SCHEMA

_NEEDS_ESCAPE: Final = '["\\\\\\x00-\\x1f]'
_MICROSECONDS: Final = 1_000_000
_PAIRS: Final = pa.list_(pa.struct([("key", pa.string()), ("value", pa.string())]))


def _kept_type(kind: pa.DataType) -> pa.DataType:
    if pa.types.is_decimal(kind):
        return pa.float64()
    return kind if pa.types.is_integer(kind) else pa.string()


KEPT_SCHEMA: Final = pa.schema(
    [("slice", pa.string()), ("generation", pa.int64())]
    + [(field.name, _kept_type(field.type)) for field in ACTIVITY_SCHEMA]
)
"""Columns of the table ``activities``, in its order."""


def kept(batch: pa.RecordBatch, slice: str, generation: int) -> pa.RecordBatch:
    """
    Turn *batch*, which has ``ACTIVITY_SCHEMA``, into rows of `KEPT_SCHEMA`.

    Decimals become the nearest float, times ISO text in whole seconds, maps JSON text with sorted
    keys. String columns may be dictionary-encoded.
    """
    columns = [
        pa.repeat(pa.scalar(slice, pa.string()), batch.num_rows),
        pa.repeat(pa.scalar(generation, pa.int64()), batch.num_rows),
    ]
    columns.extend(_kept_column(batch.column(field.name)) for field in ACTIVITY_SCHEMA)
    return pa.RecordBatch.from_arrays(columns, schema=KEPT_SCHEMA)


def instant_text(instant: datetime, timespec: str = "seconds") -> str:
    """Write a UTC time as the file keeps it, such as ``2026-10-01T00:00:00Z``."""
    return instant.astimezone(UTC).isoformat(timespec=timespec).replace("+00:00", "Z")


def _kept_column(column: pa.Array) -> pa.Array:
    if pa.types.is_dictionary(column.type):
        column = column.dictionary.take(column.indices)
    if pa.types.is_decimal(column.type):
        return pc.cast(column, pa.float64())
    if pa.types.is_timestamp(column.type):
        return _instants(column)
    if pa.types.is_map(column.type):
        return _labels(column)
    return column


def _instants(column: pa.Array) -> pa.Array:
    # By distinct value, and without strftime: that needs a time zone database on the machine.
    encoded = column.cast(pa.timestamp("us", tz="UTC")).dictionary_encode()
    seconds = encoded.dictionary.view(pa.int64()).to_numpy() // _MICROSECONDS
    texts = pa.array(seconds, pa.int64()).view(pa.timestamp("s")).cast(pa.string())
    texts = pc.replace_substring(texts, " ", "T")
    return pc.binary_join_element_wise(texts, "Z", "").take(encoded.indices)


def _labels(column: pa.MapArray) -> pa.Array:
    if column.null_count == len(column):
        return pa.nulls(len(column), pa.string())
    lists = column.cast(_PAIRS)
    counts = pc.fill_null(pc.list_value_length(lists), 0).to_numpy().astype(np.int64)
    rows = np.repeat(np.arange(len(column), dtype=np.int64), counts)
    pairs = pc.list_flatten(lists)
    keys = pairs.field(0)
    order = pc.sort_indices(
        pa.table({"row": rows, "key": keys}),
        sort_keys=[("row", "ascending"), ("key", "ascending")],
    )
    members = pc.binary_join_element_wise(
        _quoted(keys),
        _quoted(pairs.field(1)),
        ":",
        null_handling="replace",
        null_replacement="null",
    )
    offsets = np.concatenate(([0], np.cumsum(counts))).astype(np.int32)
    listed = pa.ListArray.from_arrays(pa.array(offsets), members.take(order))
    texts = pc.binary_join_element_wise("{", pc.binary_join(listed, ","), "}", "")
    return pc.if_else(column.is_null(), pa.scalar(None, pa.string()), texts)


def _quoted(texts: pa.StringArray) -> pa.Array:
    quoted = pc.binary_join_element_wise('"', texts, '"', "")
    special = pc.fill_null(pc.match_substring_regex(texts, _NEEDS_ESCAPE), False)
    if not pc.any(special).as_py():
        return quoted
    encoded = texts.filter(special).dictionary_encode()
    escaped = pa.array(
        [json.dumps(text, ensure_ascii=False) for text in encoded.dictionary.to_pylist()],
        pa.string(),
    )
    return pc.replace_with_mask(quoted, special, escaped.take(encoded.indices))
