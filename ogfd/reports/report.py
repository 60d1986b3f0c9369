"""Cost and emissions by the dimensions that are asked for, from a sink that can be read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc
from anyio import to_thread

from ogfd.plugin import ReadableSink
from ogfd.reports.coverage import (
    PARTS,
    Seen,
    counts,
    missing,
    months_held,
    part_keys,
    seen,
    with_lacks,
    without_emissions,
)
from ogfd.reports.query import DIMENSIONS, ReportQuery
from ogfd.reports.subject import COST, EMISSIONS, Subject
from ogfd.reports.sums import Sums, prepared

_CUT: Final = ("month", "day")  # cut from a time, so a sink cannot filter by them

Rows = tuple[Mapping[str, Any], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """
    A report.

    Attributes:
        query: what was asked.
        rows: the dimensions of the query and ``currency``, then ``billed_cost``,
            ``effective_cost`` (float, in the row's currency; None if the source has none) and
            ``line_count``; the highest billed cost first.
        emissions: the dimensions of the query, then ``location_based_kg``, ``market_based_kg``
            (kgCO2e, two methods for the same emissions: never to be added; None if the source has
            none) and ``line_count``; the highest first.
        missing: what the sums leave out, one sentence each.
    """

    query: ReportQuery
    rows: Rows
    emissions: Rows
    missing: tuple[str, ...]

    @property
    def complete(self) -> bool:
        """Whether nothing is missing."""
        return not self.missing

    def document(self, sink: str) -> dict[str, Any]:
        """Return the report as JSON-ready values; *sink* is the name of the sink it is from."""
        return {
            "by": list(COST.dimensions(self.query)),
            "rows": [dict(row) for row in self.rows],
            "emissions": {
                "by": list(EMISSIONS.dimensions(self.query)),
                "rows": [dict(row) for row in self.emissions],
            },
            "from": self.query.first,
            "to": self.query.last,
            "sink": sink,
            "complete": self.complete,
            "missing": list(self.missing),
        }


async def report(sink: ReadableSink, query: ReportQuery) -> Report:
    """
    Add up cost and reported emissions by the dimensions of *query*.

    Amounts of different currencies are never added, nor are those of different methods. Reads one
    snapshot of each batch by batch; memory grows with the number of groups only. Computes in a
    worker thread. May be cancelled and called again.

    Raises:
        SinkError: if the sink cannot be read.
    """
    # The ledger comes first: a slice that is committed meanwhile is then no gap.
    ledger = await sink.ledger()
    cost, paid = await _added(sink, query, COST)
    # Most sinks hold far more cost than emissions, so they are not searched in vain.
    has_emissions = ledger is None or any(counts(each, EMISSIONS) for each in ledger.values())
    emissions, emitted = await _added(sink, query, EMISSIONS) if has_emissions else ((), Seen())
    gaps = [
        *missing(query, COST, paid, ledger),
        *missing(query, EMISSIONS, emitted, ledger, months_held(paid, ledger)),
        *without_emissions(paid, emitted),
    ]
    return Report(query=query, rows=cost, emissions=emissions, missing=tuple(gaps))


async def _added(sink: ReadableSink, query: ReportQuery, subject: Subject) -> tuple[Rows, Seen]:
    if not subject.asked(query):
        return (), Seen()
    sums = Sums(subject.dimensions(query), subject.measures)
    parts = Sums(part_keys(subject), subject.measures)
    columns = _columns(query, subject)
    wanted = list(dict.fromkeys((*columns.values(), *subject.measures)))
    where = {DIMENSIONS[name]: v for name, v in query.where.items() if name not in _CUT}

    def add(batch: pa.RecordBatch) -> None:
        table = _filtered(prepared(batch, columns, subject.measures), query)
        if table.num_rows:
            sums.add(table)
            parts.add(with_lacks(table, subject))

    async with sink.scan(subject.view, wanted, where or None, query.period) as batches:
        async for batch in batches:
            await to_thread.run_sync(add, batch)
    rows = await to_thread.run_sync(_rows, sums, query, subject)
    return rows, await to_thread.run_sync(lambda: seen(subject, parts.table()))


def _columns(query: ReportQuery, subject: Subject) -> dict[str, str]:
    names = (*subject.dimensions(query), *PARTS, *(name for name in query.where if name in _CUT))
    return {name: DIMENSIONS.get(name, name) for name in names}


def _filtered(table: pa.Table, query: ReportQuery) -> pa.Table:
    for name in _CUT:
        if name in query.where:
            values = pa.array(query.where[name], pa.string())
            table = table.filter(pc.is_in(table[name], value_set=values))
    return table


def _rows(sums: Sums, query: ReportQuery, subject: Subject) -> Rows:
    table = sums.table()
    if table is None:
        return ()
    dimensions = subject.dimensions(query)
    rows = [
        {name: _plain(row[name]) for name in (*dimensions, *subject.measures)}
        for row in table.to_pylist()
    ]
    return tuple(sorted(rows, key=lambda row: _rank(row, dimensions, subject)))


def _rank(row: Mapping[str, Any], dimensions: tuple[str, ...], subject: Subject) -> tuple[Any, ...]:
    amount = next((row[name] for name in subject.amounts if row[name] is not None), 0.0)
    return -amount, *((row[name] is None, row[name] or "") for name in dimensions)


def _plain(value: Any) -> Any:
    # 15 digits are what a float keeps of a decimal: 0.1 + 0.2 then shows as 0.3.
    return float(f"{value:.15g}") + 0.0 if isinstance(value, float | Decimal) else value
