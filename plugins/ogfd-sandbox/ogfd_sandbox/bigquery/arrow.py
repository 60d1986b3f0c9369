"""
Arrow as BigQuery's Storage Read API sends it: its exact types, chosen columns, messages of IPC.

Types: https://docs.cloud.google.com/bigquery/docs/reference/storage, 2026.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.ipc

_NUMERIC: Final = pa.decimal128(38, 9)
_BIGNUMERIC: Final = pa.decimal256(76, 38)
_PLAIN: Final = (
    (pa.types.is_boolean, pa.bool_()),
    (pa.types.is_integer, pa.int64()),
    (pa.types.is_floating, pa.float64()),
    (pa.types.is_date, pa.date32()),
    (pa.types.is_time, pa.time64("us")),
    (pa.types.is_binary, pa.binary()),
)
# What the service adds to a DATETIME, as tests/system/test_arrow.py of
# https://github.com/googleapis/python-bigquery holds it to
_DATETIME: Final = {b"ARROW:extension:name": b"google:sqlType:datetime"}


def sent_schema(schema: pa.Schema) -> pa.Schema:
    """Return what becomes of the columns of a table on their way."""
    return pa.schema([_sent_field(field) for field in schema])


def unknown_fields(schema: pa.Schema, names: Iterable[str]) -> list[str]:
    """Return those of *names*, such as ``project.id``, that *schema* does not have."""
    return [name for name in names if not _known(list(schema), name.lower().split("."))]


def chosen(schema: pa.Schema, names: Sequence[str]) -> pa.Schema:
    """
    Return *schema* with the fields of *names* alone, in its own order; with all if there are none.

    Args:
        schema: of a table.
        names: of columns, or of fields of records behind a point; case does not count.
    """
    if not names:
        return schema
    return pa.schema(_chosen(list(schema), [name.lower().split(".") for name in names]))


def sent_batch(rows: pa.Table, schema: pa.Schema) -> pa.RecordBatch:
    """Return *rows* as what `sent_schema` and `chosen` made of their schema."""
    columns = [_conformed(_array(rows.column(field.name)), field.type) for field in schema]
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def message(batch: pa.RecordBatch, codec: str | None) -> bytes:
    """
    Return *batch* as one message of Arrow's IPC, without its schema.

    Args:
        batch: of any number of rows.
        codec: ``lz4`` or ``zstd`` if its buffers are to be compressed.
    """
    options = pyarrow.ipc.IpcWriteOptions(compression=codec)
    sink = pa.BufferOutputStream()
    writer = pyarrow.ipc.new_stream(sink, batch.schema, options=options)
    writer.write_batch(batch)
    # never closed: the message would have the end of the stream behind it
    whole: bytes = sink.getvalue().slice(batch.schema.serialize().size).to_pybytes()
    return whole


def _sent_field(field: pa.Field) -> pa.Field:
    kind = field.type
    marked = pa.types.is_timestamp(kind) and kind.tz is None
    repeated = pa.types.is_list(kind)
    return pa.field(
        field.name,
        _sent_type(kind),
        nullable=not repeated,
        metadata=_DATETIME if marked else None,
    )


def _sent_type(kind: pa.DataType) -> pa.DataType:
    if pa.types.is_list(kind):
        return pa.list_(_sent_type(kind.value_type))
    if pa.types.is_struct(kind):
        return pa.struct([_sent_field(field) for field in kind])
    if pa.types.is_decimal(kind):
        return _NUMERIC if kind.scale <= _NUMERIC.scale else _BIGNUMERIC
    if pa.types.is_timestamp(kind):
        return pa.timestamp("us", None if kind.tz is None else "UTC")
    return next((sent for test, sent in _PLAIN if test(kind)), pa.string())


def _fields(kind: pa.DataType) -> list[pa.Field]:
    """Return the fields of a record, or of an array of records."""
    inner = kind.value_type if pa.types.is_list(kind) else kind
    return list(inner) if pa.types.is_struct(inner) else []


def _known(fields: Sequence[pa.Field], path: Sequence[str]) -> bool:
    found = next((field for field in fields if field.name.lower() == path[0]), None)
    return found is not None and (len(path) == 1 or _known(_fields(found.type), path[1:]))


def _chosen(fields: Sequence[pa.Field], paths: Sequence[Sequence[str]]) -> list[pa.Field]:
    found = []
    for field in fields:
        rests = [path[1:] for path in paths if path[0] == field.name.lower()]
        if rests and all(rests):
            record = pa.struct(_chosen(_fields(field.type), rests))
            repeated = pa.types.is_list(field.type)
            found.append(field.with_type(pa.list_(record) if repeated else record))
        elif rests:
            found.append(field)
    return found


def _array(column: pa.ChunkedArray) -> pa.Array:
    return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()


def _conformed(array: pa.Array, kind: pa.DataType) -> pa.Array:
    if pa.types.is_list(kind):
        return _repeated(array, kind)
    if pa.types.is_struct(kind):
        # flatten() and not field(): it counts in the offset and the nulls of the record
        children = dict(zip((field.name for field in array.type), array.flatten(), strict=True))
        columns = [_conformed(children[field.name], field.type) for field in kind]
        return pa.StructArray.from_arrays(columns, fields=list(kind), mask=pc.is_null(array))
    return array if array.type == kind else array.cast(kind)


def _repeated(array: pa.Array, kind: Any) -> pa.Array:
    """Return lists. There is no NULL array: it is an empty one."""
    lengths = pc.fill_null(pc.list_value_length(array), 0)
    ends = np.cumsum(lengths.to_numpy(zero_copy_only=False), dtype=np.int32)
    offsets = pa.array(np.concatenate([np.zeros(1, np.int32), ends]))
    elements = _conformed(array.flatten(), kind.value_type)
    return pa.ListArray.from_arrays(offsets, elements, type=kind)
