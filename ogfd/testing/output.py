"""An `Output` that gathers what a stream writes and checks it against the contract."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Context, Decimal
from typing import Any, Final

import anyio
import pyarrow as pa
import pyarrow.compute as pc

from ogfd.plugin import ACTIVITY_SCHEMA, ENGINE_COLUMNS, Wanted
from ogfd.testing.findings import NotConformant

_WRITTEN: Final = pa.schema(
    [field for field in ACTIVITY_SCHEMA if field.name not in ENGINE_COLUMNS]
)
_WIDE: Final = Context(prec=80, rounding=ROUND_HALF_EVEN)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejected:
    """The arguments of one `Collected.reject`."""

    where: str
    reason: str
    raw: str
    cost: Decimal | None
    rows: int


class Collected:
    """
    Implements `ogfd.plugin.Output` for tests.

    Attributes:
        wanted: what the operator wants.
        rejected: what was rejected.
        left_out: reason to the number of source rows filtered.
        unknowns: field and value that the connector does not know, to the number of rows.
        roundings: how many values the connector says it rounded.
        doubts: why the connector wants the slice held.
        source_rows: the sum of what `write` was told, None if it never was.
    """

    def __init__(self, wanted: Wanted | None = None) -> None:
        self.wanted = wanted or Wanted()
        self.rejected: list[Rejected] = []
        self.left_out: Counter[str] = Counter()
        self.unknowns: Counter[tuple[str, str]] = Counter()
        self.roundings = 0
        self.doubts: list[str] = []
        self.source_rows: int | None = None
        self._tables: list[pa.Table] = []
        self._stated: set[bool] = set()
        self._closed = False

    async def write(self, batch: pa.RecordBatch, source_rows: int | None = None) -> None:
        self._check_open()
        self._tables.append(_normalised(batch))
        self._stated.add(source_rows is not None)
        if source_rows is not None:
            self.source_rows = (self.source_rows or 0) + source_rows
        await anyio.lowlevel.checkpoint()

    def reject(
        self, where: str, reason: str, raw: str = "", cost: Decimal | None = None, rows: int = 1
    ) -> None:
        self._check_open()
        self.rejected.append(Rejected(where=where, reason=reason, raw=raw, cost=cost, rows=rows))

    def filtered(self, reason: str, rows: int) -> None:
        self._check_open()
        self.left_out[reason] += rows

    def unknown(self, field: str, value: str, rows: int = 1) -> None:
        self._check_open()
        self.unknowns[field, value] += rows

    def rounded(self, values: int) -> None:
        self._check_open()
        self.roundings += values

    def doubt(self, reason: str) -> None:
        self._check_open()
        self.doubts.append(reason)

    def close(self) -> None:
        """Refuse further writes: the read is over."""
        self._closed = True

    def table(self) -> pa.Table:
        """Return all rows with every column a connector may write; absent ones are null."""
        return pa.concat_tables([_WRITTEN.empty_table(), *self._tables])

    def rows(self) -> list[dict[str, Any]]:
        """Return all rows as dictionaries without nulls."""
        whole = self.table()
        # most columns are null in all rows, and Python objects of nulls cost as much as others
        said = [name for name in whole.column_names if whole[name].null_count < len(whole)]
        return [
            {name: value for name, value in row.items() if value is not None}
            for row in whole.select(said).to_pylist()
        ]

    def row_set(self) -> Counter[str]:
        """Return each distinct row, in a text form, and how often it came."""
        return Counter(repr(sorted(row.items())) for row in self.rows())

    def check(self) -> None:
        """
        Check the fate of the source rows.

        Raises:
            NotConformant: if some but not all writes said how many source rows they answer for,
                or if accepted + rejected + filtered is another number.
        """
        if len(self._stated) > 1:
            raise NotConformant(["source_rows is given in some writes and not in others"])
        accepted = pc.sum(self.table()["line_count"]).as_py() or 0
        rejected = sum(bad.rows for bad in self.rejected)
        fate = accepted + rejected + self.left_out.total()
        if self.source_rows is not None and self.source_rows != fate:
            counts = f"{accepted} accepted + {rejected} rejected + {self.left_out.total()} filtered"
            raise NotConformant([f"{self.source_rows} source rows, but {counts}"])

    def _check_open(self) -> None:
        if self._closed:
            raise NotConformant(["the output was used after the read had ended"])


def _normalised(batch: pa.RecordBatch) -> pa.Table:
    for name in batch.schema.names:
        if name not in _WRITTEN.names or batch.schema.names.count(name) > 1:
            raise ValueError(f"{name!r} is not a column that a connector writes, or comes twice")
    columns = {}
    for field in _WRITTEN:
        if field.name in batch.schema.names:
            columns[field.name] = _cast(batch.column(field.name), field)
        else:
            columns[field.name] = pa.nulls(batch.num_rows, field.type)
    if "line_count" not in batch.schema.names:
        columns["line_count"] = pa.repeat(pa.scalar(1, pa.int64()), batch.num_rows)
    return pa.table(columns, schema=_WRITTEN)


def _cast(column: pa.Array, field: pa.Field) -> pa.Array:
    if pa.types.is_dictionary(column.type):
        column = column.dictionary.take(column.indices)
    if pa.types.is_decimal(field.type):
        return _decimals(column, field)
    try:
        return column.cast(field.type)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as exc:
        raise ValueError(f"{field.name}: {exc}") from None


def _decimals(column: pa.Array, field: pa.Field) -> pa.Array:
    quantum = Decimal(1).scaleb(-field.type.scale)
    rounded = [
        None if value is None else Decimal(str(value)).quantize(quantum, context=_WIDE)
        for value in column.to_pylist()
    ]
    if any(value is not None and not value.is_finite() for value in rounded):
        raise ValueError(f"{field.name}: not a finite number")
    return pa.array(rounded, field.type)
