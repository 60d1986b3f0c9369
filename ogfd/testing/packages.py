"""Packages in memory, for authors of sinks."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Context, Decimal
from hashlib import blake2b
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from ogfd.plugin import (
    ACTIVITY_SCHEMA,
    MEASURES,
    Claim,
    Kind,
    PackageInfo,
    Period,
    SumRow,
)

_EXACT: Final = Context(prec=76)
_UNIT_COLUMNS: Final = {
    "billed_cost": "currency",
    "effective_cost": "currency",
    "quantity": "unit",
}
_UNITS: Final = {"energy_kwh": "kWh"}


@dataclass(frozen=True, kw_only=True)
class MemoryPackage:
    """
    A `Package` whose rows are a table.

    Attributes:
        info: what the package says of itself.
        table: ``ACTIVITY_SCHEMA``, sorted by ``activity_id``.
        batch_rows: how many rows `batches` yields at once.
    """

    info: PackageInfo
    table: pa.Table
    batch_rows: int = 1 << 16

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Yield the rows in order. May be called again."""
        yield from self.table.to_batches(max_chunksize=self.batch_rows)


def make_package(
    rows: Sequence[Mapping[str, Any]] | pa.RecordBatch | pa.Table = (),
    *,
    slice: str = "test/cost/2026-10",
    provider: str = "test",
    kind: Kind = Kind.COST,
    period: Period | None = None,
    closed: bool = False,
    source: str = "",
    version: str | None = None,
    recipe: str = "recipe-1",
    claims: Sequence[Claim] = (),
    actor: str | None = None,
    reason: str | None = None,
    batch_rows: int = 1 << 16,
) -> MemoryPackage:
    """
    Make the package that the engine would seal of *rows*, which are taken as they are.

    Args:
        rows: dictionaries or Arrow with columns of ``ACTIVITY_SCHEMA``. What is absent is null,
            but for the engine's own columns, ``line_count`` (1) and ``activity_id`` (a hash of
            the row and of how often it came before).
        slice: ``connector/stream/partition``.
        provider: also the rows' ``provider``, where they have none.
        kind: cost or carbon.
        period: the partition's period; October 2026 if None.
        closed: whether the partition is final.
        source: what it was read from.
        version: the fingerprint; the digest of the rows if None.
        recipe: the hash of what shaped the rows.
        claims: what the package counts for.
        actor: who approved it.
        reason: why.
        batch_rows: how many rows a batch has at most.

    Raises:
        ValueError: if a row has a key that is no column, or an id comes twice.
    """
    connector, stream, partition = slice.split("/", 2)
    table = _table(rows)
    engine = {
        "org_id": "default",
        "provider": provider,
        "connector": connector,
        "stream": stream,
        "partition": partition,
    }
    table = _with_ids(_filled(table, {**engine, "line_count": 1}), slice)
    digest = _digest(table)
    version = digest if version is None else version
    target = blake2b(f"{version}\n{recipe}".encode(), digest_size=16).hexdigest()
    breakdown = tuple(_breakdown(table))
    line_count = pc.sum(table["line_count"]).as_py() or 0
    info = PackageInfo(
        slice=slice,
        provider=provider,
        connector=connector,
        stream=stream,
        partition=partition,
        kind=kind,
        period=period or Period.month("2026-10"),
        closed=closed,
        source=source,
        version=version,
        recipe=recipe,
        recipe_body={"recipe": recipe},
        target=target,
        rows=table.num_rows,
        line_count=line_count,
        sums=_sums(breakdown, line_count),
        breakdown=tuple(row for row in breakdown if row.measure != "quantity"),
        digest=digest,
        claims=tuple(claims),
        actor=actor,
        reason=reason,
    )
    return MemoryPackage(info=info, table=table, batch_rows=batch_rows)


def _table(rows: Sequence[Mapping[str, Any]] | pa.RecordBatch | pa.Table) -> pa.Table:
    if isinstance(rows, pa.RecordBatch):
        rows = pa.Table.from_batches([rows])
    if not isinstance(rows, pa.Table):
        _check_columns(name for row in rows for name in row)
        return pa.Table.from_pylist([dict(row) for row in rows], schema=ACTIVITY_SCHEMA)
    _check_columns(rows.column_names)
    columns = {
        field.name: (
            rows[field.name].cast(field.type)
            if field.name in rows.column_names
            else pa.nulls(rows.num_rows, field.type)
        )
        for field in ACTIVITY_SCHEMA
    }
    return pa.table(columns, schema=ACTIVITY_SCHEMA)


def _check_columns(names: Iterator[str] | Sequence[str]) -> None:
    unknown = sorted(set(names) - set(ACTIVITY_SCHEMA.names))
    if unknown:
        raise ValueError(f"{', '.join(unknown)}: no column of ACTIVITY_SCHEMA")


def _filled(table: pa.Table, defaults: Mapping[str, object]) -> pa.Table:
    for name, value in defaults.items():
        field = ACTIVITY_SCHEMA.field(name)
        filled = pc.fill_null(table[name], pa.scalar(value, field.type))
        table = table.set_column(table.schema.get_field_index(name), field, filled)
    return table


def _with_ids(table: pa.Table, slice: str) -> pa.Table:
    if table["activity_id"].null_count:
        seen: dict[str, int] = {}
        ids = [row["activity_id"] or _fresh_id(slice, row, seen) for row in table.to_pylist()]
        table = table.set_column(0, ACTIVITY_SCHEMA.field(0), pa.array(ids, pa.string()))
    if pc.count_distinct(table["activity_id"]).as_py() != table.num_rows:
        raise ValueError("an activity_id comes twice")
    return table.sort_by("activity_id")


def _fresh_id(slice: str, row: Mapping[str, Any], seen: dict[str, int]) -> str:
    text = json.dumps([slice, row], default=str, sort_keys=True)
    seen[text] = seen.get(text, -1) + 1
    return blake2b(f"{seen[text]}{text}".encode(), digest_size=16).hexdigest()


def _digest(table: pa.Table) -> str:
    digest = blake2b(digest_size=16)
    for batch in table.to_batches(max_chunksize=1 << 16):
        for row in batch.to_pylist():
            digest.update(json.dumps(row, default=str, sort_keys=True).encode())
    return digest.hexdigest()


def _breakdown(table: pa.Table) -> Iterator[SumRow]:
    for measure in MEASURES:
        if measure == "line_count":
            continue
        unit = _UNIT_COLUMNS.get(measure)
        keys = ["account_id", "service", *([unit] if unit else [])]
        rows = table.filter(table[measure].is_valid()).group_by(keys, use_threads=False)
        sums: dict[tuple[str, str, str], Decimal] = {}
        for row in rows.aggregate([(measure, "sum")]).to_pylist():
            name = (row[unit] or "") if unit else _UNITS.get(measure, "kg")
            key = (row["account_id"] or "", row["service"] or "", name)
            sums[key] = _EXACT.add(sums.get(key, Decimal()), row[f"{measure}_sum"])
        for (account, service, name), amount in sorted(sums.items()):
            yield SumRow(
                account_id=account,
                service=service,
                measure=measure,
                unit=name,
                amount=_plain(amount),
            )


def _sums(breakdown: Sequence[SumRow], line_count: int) -> dict[str, str]:
    sums: dict[str, Decimal] = {"line_count": Decimal(line_count)}
    for row in breakdown:
        key = f"{row.measure}:{row.unit}" if row.measure in _UNIT_COLUMNS else row.measure
        sums[key] = _EXACT.add(sums.get(key, Decimal()), Decimal(row.amount))
    return {key: _plain(amount) for key, amount in sorted(sums.items())}


def _plain(amount: Decimal) -> str:
    text = f"{amount:f}"
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text == "-0" else text
