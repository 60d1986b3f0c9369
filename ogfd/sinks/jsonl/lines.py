"""The lines of the ``jsonl`` sink."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final

import pyarrow as pa

from ogfd.plugin import ACTIVITY_SCHEMA, PackageInfo

END: Final = b'{"ogfd":"end"'
"""How the line that ends a commit starts."""

TORN: Final = b'{"ogfd":"torn"}\n'
"""The line after a commit that never came to its end."""

_LABELS: Final = frozenset({"tags", "metadata"})


def activity_lines(batch: pa.RecordBatch, slice: str, generation: int) -> bytes:
    """Write each row as a line; decimals are text, so that none loses a digit."""
    head = {"slice": slice, "generation": generation}
    names = [name for name in ACTIVITY_SCHEMA.names if batch.column(name).null_count < len(batch)]
    columns = [_json_values(name, batch.column(name)) for name in names]
    lines = []
    for values in zip(*columns, strict=True):
        pairs = zip(names, values, strict=True)
        lines.append(_line({**head, **{name: value for name, value in pairs if value is not None}}))
    return b"".join(lines)


def _json_values(name: str, column: pa.Array) -> list[Any]:
    values: list[Any] = column.to_pylist()
    kind = ACTIVITY_SCHEMA.field(name).type
    if pa.types.is_decimal(kind):
        return [None if value is None else _plain(value) for value in values]
    if pa.types.is_timestamp(kind):
        return [None if value is None else _iso(value) for value in values]
    if name in _LABELS:
        return [None if value is None else dict(sorted(value)) for value in values]
    return values


def _plain(number: Decimal) -> str:
    text = f"{number:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _iso(instant: datetime) -> str:
    return instant.astimezone(UTC).isoformat().replace("+00:00", "Z")


def begin_line(info: PackageInfo, generation: int, attempt: str, now: datetime) -> bytes:
    """Write the line before the activities of a commit."""
    marker = {
        "ogfd": "begin",
        "slice": info.slice,
        "generation": generation,
        "target": info.target,
        "version": info.version,
        "recipe": info.recipe,
        "period_start": _iso(info.period.start),
        "period_end": _iso(info.period.end),
        "closed": info.closed,
        "rows": info.rows,
        "sums": dict(info.sums),
        "attempt": attempt,
        "committed_at": _iso(now),
    }
    return _line(marker)


def end_line(info: PackageInfo, generation: int, lines_digest: str) -> bytes:
    """Write the line that makes a commit count; *lines_digest* is of its activity lines."""
    marker = {
        "ogfd": "end",
        "slice": info.slice,
        "generation": generation,
        "rows": info.rows,
        "digest": info.digest,
        "sha256": lines_digest,
    }
    return _line(marker)


def _line(value: dict[str, Any]) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
