"""
Arrow as BigQuery's REST API shows it: schemas by their old type names, rows as ``f`` and ``v``.

Whole columns become JSON at once; a million rows would take minutes one by one.
"""

from __future__ import annotations

import base64
import json
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

_NUMERIC_SCALE: Final = 9
_INTEGER: Final = "INTEGER"
_STANDARD: Final = {"INTEGER": "INT64", "FLOAT": "FLOAT64", "BOOLEAN": "BOOL"}


def fields(schema: pa.Schema) -> list[dict[str, Any]]:
    """Return the ``fields`` of a schema."""
    return [_field(field) for field in schema]


def sql_type(kind: pa.DataType) -> str:
    """Return the name that SQL has for a type, such as ``ARRAY<STRUCT<key STRING>>``."""
    if pa.types.is_list(kind):
        return f"ARRAY<{sql_type(kind.value_type)}>"
    if pa.types.is_struct(kind):
        return f"STRUCT<{', '.join(f'{field.name} {sql_type(field.type)}' for field in kind)}>"
    name = _type(kind)
    return _STANDARD.get(name, name)


def rows(table: pa.Table, *, int64_timestamps: bool) -> str:
    """
    Return *table* as a JSON array of rows.

    Args:
        table: a page of a result.
        int64_timestamps: whether timestamps are microseconds; else they are seconds, in floating
            point, as the API gives them unless it is asked.
    """
    if not table.num_rows:
        return "[]"
    if not table.num_columns:
        return "[" + ",".join(['{"f":[]}'] * table.num_rows) + "]"
    batch = table.combine_chunks()
    columns = [_cells(_array(column), int64_timestamps) for column in batch.columns]
    joined = _joined('{"f":[', columns, "]}")
    return "[" + ",".join(joined.to_pylist()) + "]"


def _field(field: pa.Field) -> dict[str, Any]:
    kind, mode = field.type, "NULLABLE"
    if pa.types.is_list(kind):
        kind, mode = kind.value_type, "REPEATED"
    found: dict[str, Any] = {"name": field.name, "type": _type(kind), "mode": mode}
    if pa.types.is_struct(kind):
        found["fields"] = [_field(one) for one in kind]
    return found


def _type(kind: pa.DataType) -> str:
    tests = (
        (pa.types.is_boolean, "BOOLEAN"),
        (pa.types.is_integer, _INTEGER),
        (pa.types.is_floating, "FLOAT"),
        (pa.types.is_date, "DATE"),
        (pa.types.is_time, "TIME"),
        (pa.types.is_struct, "RECORD"),
        (pa.types.is_binary, "BYTES"),
    )
    if pa.types.is_decimal(kind):
        return "NUMERIC" if kind.scale <= _NUMERIC_SCALE else "BIGNUMERIC"
    if pa.types.is_timestamp(kind):
        return "DATETIME" if kind.tz is None else "TIMESTAMP"
    return next((name for test, name in tests if test(kind)), "STRING")


def _array(column: pa.ChunkedArray) -> pa.Array:
    return column.chunk(0) if column.num_chunks == 1 else pa.concat_arrays(column.chunks)


def _cells(array: pa.Array, int64_timestamps: bool) -> pa.Array:
    """Return every value as the JSON of its cell."""
    kind = array.type
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return _repeated(array, int64_timestamps)
    if pa.types.is_struct(kind):
        # flatten() and not field(): it counts in the offset and the nulls of the record
        children = [_cells(child, int64_timestamps) for child in array.flatten()]
        return _or_null(array, _joined('{"v":{"f":[', children, "]}}"))
    texts = _texts(array, int64_timestamps)
    cells = pc.binary_join_element_wise('{"v":', texts, "}", "")
    return _or_null(array, cells)


def _repeated(array: pa.Array, int64_timestamps: bool) -> pa.Array:
    """Return lists as cells. There is no NULL array: it is an empty one."""
    lengths = pc.fill_null(pc.list_value_length(array), 0)
    ends = np.cumsum(lengths.to_numpy(zero_copy_only=False), dtype=np.int32)
    offsets = pa.array(np.concatenate([np.zeros(1, np.int32), ends]))
    elements = _cells(array.flatten(), int64_timestamps)
    lists = pa.ListArray.from_arrays(offsets, elements)
    return pc.binary_join_element_wise('{"v":[', pc.binary_join(lists, ","), "]}", "")


def _joined(before: str, columns: list[pa.Array], after: str) -> pa.Array:
    parts: list[Any] = [before]
    for place, column in enumerate(columns):
        parts += [",", column] if place else [column]
    return pc.binary_join_element_wise(*parts, after, "")


def _or_null(array: pa.Array, cells: pa.Array) -> pa.Array:
    return pc.if_else(pc.is_valid(array), cells, '{"v":null}')


def _texts(array: pa.Array, int64_timestamps: bool) -> pa.Array:
    """Return values as JSON strings, quotes and all."""
    kind = array.type
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return _escaped(array)
    if pa.types.is_timestamp(kind):
        return _quoted(_moments(array, int64_timestamps))
    if pa.types.is_binary(kind):
        plain = [None if one is None else base64.b64encode(one).decode() for one in _pylist(array)]
        return _quoted(pa.array(plain, pa.string()))
    if pa.types.is_decimal(kind) and kind.scale > 0:
        return _quoted(_plain(array))
    texts = array.cast(pa.string())
    if pa.types.is_floating(kind):  # 1e-07 here, 1E-7 there
        texts = pc.replace_substring_regex(texts, r"e\+?(-?)0*", r"E\1")
    return _quoted(texts)


def _plain(decimals: pa.Array) -> pa.Array:
    """Return decimals as texts without zeros at the end; Arrow writes small ones as 1.5E-10."""
    texts = decimals.cast(pa.string())
    small = pc.fill_null(pc.match_substring(texts, "E"), False)
    if pc.any(small).as_py():
        plain = [f"{one:f}" for one in decimals.filter(small).to_pylist()]
        texts = pc.replace_with_mask(texts, small, pa.array(plain, pa.string()))
    return pc.replace_substring_regex(texts, r"\.?0+$", "")


def _moments(array: pa.Array, int64_timestamps: bool) -> pa.Array:
    if array.type.tz is None:
        texts = array.cast(pa.timestamp("us")).cast(pa.string())
        return pc.replace_substring(texts, " ", "T")
    micros = array.cast(pa.timestamp("us", array.type.tz)).cast(pa.int64())
    if int64_timestamps:
        return micros.cast(pa.string())
    seconds = pc.divide(micros.cast(pa.float64()), 1e6)
    return pa.array([_exponent(one) for one in seconds.to_pylist()], pa.string())


def _quoted(texts: pa.Array) -> pa.Array:
    return pc.binary_join_element_wise('"', texts, '"', "")


def _escaped(array: pa.Array) -> pa.Array:
    encoded = array.dictionary_encode()
    words = pa.array([json.dumps(one) for one in encoded.dictionary.to_pylist()], pa.string())
    return words.take(encoded.indices)


def _exponent(seconds: float | None) -> str | None:
    if seconds is None:
        return None
    digits, _, power = f"{seconds:.15E}".partition("E")
    return f"{digits.rstrip('0').ljust(3, '0') if '.' in digits else digits}E{int(power)}"


def _pylist(array: pa.Array) -> list[bytes | None]:
    found: list[bytes | None] = array.to_pylist()
    return found
