"""Cost by the dimensions that are asked for, from a sink that can be read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc
from anyio import to_thread

from ogfd.plugin import ReadableSink
from ogfd.reports.coverage import PART_KEYS, PARTS, missing, with_lacks
from ogfd.reports.query import DIMENSIONS, ReportQuery
from ogfd.reports.sums import COSTS, MEASURES, Sums, prepared

VIEW: Final = "ogfd_cost"
_CUT: Final = ("month", "day")  # cut from a time, so a sink cannot filter by them


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """
    A report.

    Attributes:
        query: what was asked.
        rows: the dimensions of the query, then ``billed_cost``, ``effective_cost`` (float, in
            the row's currency; None if the source has none) and ``line_count``; the highest
            billed cost first.
        missing: what the sums leave out, one sentence each.
    """

    query: ReportQuery
    rows: tuple[Mapping[str, Any], ...]
    missing: tuple[str, ...]

    @property
    def complete(self) -> bool:
        """Whether nothing is missing."""
        return not self.missing

    def document(self, sink: str) -> dict[str, Any]:
        """Return the report as JSON-ready values; *sink* is the name of the sink it is from."""
        return {
            "by": list(self.query.dimensions),
            "rows": [dict(row) for row in self.rows],
            "from": self.query.first,
            "to": self.query.last,
            "sink": sink,
            "complete": self.complete,
            "missing": list(self.missing),
        }


async def report(sink: ReadableSink, query: ReportQuery) -> Report:
    """
    Add up cost by the dimensions of *query*; amounts of different currencies are never added.

    Reads one snapshot batch by batch; memory grows with the number of groups only. Computes in a
    worker thread. May be cancelled and called again.

    Raises:
        SinkError: if the sink cannot be read.
    """
    # The ledger comes first: a slice that is committed meanwhile is then no gap.
    ledger = await sink.ledger()
    sums, parts = Sums(query.dimensions), Sums(PART_KEYS)
    columns = _columns(query)
    wanted = list(dict.fromkeys((*columns.values(), *MEASURES)))
    where = {DIMENSIONS[name]: v for name, v in query.where.items() if name not in _CUT}
    async with sink.scan(VIEW, wanted, where or None, query.period) as batches:
        async for batch in batches:
            await to_thread.run_sync(_add, batch, query, columns, sums, parts)
    rows = await to_thread.run_sync(_rows, sums, query)
    gaps = await to_thread.run_sync(lambda: missing(query, parts.table(), ledger))
    return Report(query=query, rows=rows, missing=gaps)


def _columns(query: ReportQuery) -> dict[str, str]:
    names = (*query.dimensions, *PARTS, *(name for name in query.where if name in _CUT))
    return {name: DIMENSIONS.get(name, name) for name in names}


def _add(
    batch: pa.RecordBatch,
    query: ReportQuery,
    columns: Mapping[str, str],
    sums: Sums,
    parts: Sums,
) -> None:
    table = prepared(batch, columns)
    for name in _CUT:
        if name in query.where:
            values = pa.array(query.where[name], pa.string())
            table = table.filter(pc.is_in(table[name], value_set=values))
    if table.num_rows:
        sums.add(table)
        parts.add(with_lacks(table))


def _rows(sums: Sums, query: ReportQuery) -> tuple[Mapping[str, Any], ...]:
    table = sums.table()
    if table is None:
        return ()
    rows = [
        {name: _plain(row[name]) for name in (*query.dimensions, *MEASURES)}
        for row in table.to_pylist()
    ]
    return tuple(sorted(rows, key=lambda row: _rank(row, query.dimensions)))


def _rank(row: Mapping[str, Any], dimensions: tuple[str, ...]) -> tuple[Any, ...]:
    cost = next((row[name] for name in COSTS if row[name] is not None), 0.0)
    return -cost, *((row[name] is None, row[name] or "") for name in dimensions)


def _plain(value: Any) -> Any:
    # 15 digits are what a float keeps of a decimal: 0.1 + 0.2 then shows as 0.3.
    return float(f"{value:.15g}") + 0.0 if isinstance(value, float | Decimal) else value
