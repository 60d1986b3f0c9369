"""
How many bytes BigQuery counts for values.

https://docs.cloud.google.com/bigquery/pricing#data, 2026: by type, strings 2 bytes and their UTF-8,
a RECORD its fields, an array its elements; NULL nothing.
"""

from __future__ import annotations

from typing import Any, Final

MINIMUM_BILLED: Final = 10 * 1024 * 1024
"""What a query is billed at least for every table, in bytes."""
_MEGABYTE: Final = 1024 * 1024
_BYTES: Final = {"boolean": 1, "decimal": 16}
_OTHER: Final = 8


def billed(processed: int) -> int:
    """Return what is billed for so many bytes of one table: whole MiB, and no less than ten."""
    return max(MINIMUM_BILLED, -(-processed // _MEGABYTE) * _MEGABYTE) if processed else 0


def size_of(value: str, kind: Any) -> str:
    """Return SQL for the bytes of the SQL expression *value*, of DuckDB's type *kind*."""
    if kind.id == "struct":
        fields = [size_of(f'{value}."{name}"', field) for name, field in kind.children]
        return f"({' + '.join(fields)})"
    if kind.id == "list":
        element = kind.children[0][1]
        each = f"list_transform({value}, lambda e: {size_of('e', element)})"
        return f"coalesce(list_sum({each}), 0)"
    if kind.id in {"varchar", "blob"}:
        length = f"strlen({value})" if kind.id == "varchar" else f"octet_length({value})"
        return f"coalesce(2 + {length}, 0)"
    size = _BYTES.get(kind.id, _OTHER)
    return f"CASE WHEN {value} IS NULL THEN 0 ELSE {size} END"
