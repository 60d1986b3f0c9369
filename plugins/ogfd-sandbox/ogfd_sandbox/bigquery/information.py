"""The views of ``INFORMATION_SCHEMA`` that the stand-in has: PARTITIONS, TABLES and COLUMNS."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import pyarrow as pa

from ogfd_sandbox.bigquery.cells import sql_type
from ogfd_sandbox.bigquery.warehouse import Stored

_MICROSECONDS: Final = pa.timestamp("us", "UTC")
_NAMES: Final = [
    ("table_catalog", pa.string()),
    ("table_schema", pa.string()),
    ("table_name", pa.string()),
]


def view(name: str, tables: Sequence[Stored]) -> pa.Table | None:
    """Return the view *name* of a dataset with *tables*; None if there is none of the name."""
    make = _VIEWS.get(name)
    return None if make is None else make(tables)


def _partitions(tables: Sequence[Stored]) -> pa.Table:
    schema = pa.schema(
        [
            *_NAMES,
            ("partition_id", pa.string()),
            ("total_rows", pa.int64()),
            ("total_logical_bytes", pa.int64()),
            ("total_billable_bytes", pa.int64()),
            ("last_modified_time", _MICROSECONDS),
            ("storage_tier", pa.string()),
        ]
    )
    rows = [
        {
            **_named(stored),
            "partition_id": one.id or None,
            "total_rows": one.rows,
            "total_logical_bytes": one.size,
            "total_billable_bytes": one.size,
            "last_modified_time": datetime.fromtimestamp(one.modified, UTC),
            "storage_tier": "ACTIVE",
        }
        for stored in tables
        if stored.table.kind == "TABLE"
        for one in stored.partitions
    ]
    return pa.Table.from_pylist(rows, schema)


def _tables(tables: Sequence[Stored]) -> pa.Table:
    schema = pa.schema(
        [
            *_NAMES,
            ("table_type", pa.string()),
            ("creation_time", _MICROSECONDS),
        ]
    )
    rows = [
        {
            **_named(stored),
            "table_type": "BASE TABLE" if stored.table.kind == "TABLE" else "VIEW",
            "creation_time": datetime.fromtimestamp(stored.created, UTC),
        }
        for stored in tables
    ]
    return pa.Table.from_pylist(rows, schema)


def _columns(tables: Sequence[Stored]) -> pa.Table:
    schema = pa.schema(
        [
            *_NAMES,
            ("column_name", pa.string()),
            ("ordinal_position", pa.int64()),
            ("is_nullable", pa.string()),
            ("data_type", pa.string()),
        ]
    )
    rows = [
        {
            **_named(stored),
            "column_name": field.name,
            "ordinal_position": place,
            "is_nullable": "YES",
            "data_type": sql_type(field.type),
        }
        for stored in tables
        for place, field in enumerate(stored.schema, 1)
    ]
    return pa.Table.from_pylist(rows, schema)


def _named(stored: Stored) -> dict[str, Any]:
    table = stored.table
    return {
        "table_catalog": table.project,
        "table_schema": table.dataset,
        "table_name": table.name,
    }


_VIEWS: Final[dict[str, Callable[[Sequence[Stored]], pa.Table]]] = {
    "PARTITIONS": _partitions,
    "TABLES": _tables,
    "COLUMNS": _columns,
}
