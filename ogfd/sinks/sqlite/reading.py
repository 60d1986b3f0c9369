"""What the file answers: ledger, history, sums, scans."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import pyarrow as pa

from ogfd.plugin import ErrorClass, HistoryEntry, LedgerEntry, Period, SinkError, SumRow
from ogfd.sinks.sqlite.columns import instant_text
from ogfd.sinks.sqlite.connection import Connection, Rows

_TYPED: Final = {"TEXT": "''", "REAL": "0.0", "INTEGER": "0"}
_VIEWS: Final = (
    "SELECT name FROM sqlite_master WHERE name = 'activities' "
    "OR type = 'view' AND name LIKE 'ogfd^_%' ESCAPE '^' ORDER BY name"
)


def read_ledger(connection: Connection, slices: Sequence[str] | None) -> dict[str, LedgerEntry]:
    """Return the ledger's entries of *slices*, or all."""
    sql = (
        "SELECT slice, connector, stream, partition, period_start, period_end, closed, generation, "
        "target, version, recipe, source, rows, sums, digest, attempt, committed_at FROM ogfd_ledger"
    )
    if slices is None:
        found = connection.query(sql)
    else:
        chosen = json.dumps(list(slices))
        found = connection.query(
            f"{sql} WHERE slice IN (SELECT value FROM json_each(?))", (chosen,)
        )
    return {row[0]: _ledger_entry(row) for row in found}


def _ledger_entry(row: Sequence[Any]) -> LedgerEntry:
    return LedgerEntry(
        slice=row[0],
        connector=row[1],
        stream=row[2],
        partition=row[3],
        period=Period(datetime.fromisoformat(row[4]), datetime.fromisoformat(row[5])),
        closed=bool(row[6]),
        generation=row[7],
        target=row[8],
        version=row[9],
        recipe=row[10],
        source=row[11],
        rows=row[12],
        sums=json.loads(row[13]),
        digest=row[14],
        attempt=row[15],
        committed_at=datetime.fromisoformat(row[16]),
    )


def read_history(connection: Connection, slice: str) -> list[HistoryEntry]:
    """Return the commits of *slice*, oldest first."""
    found = connection.query(
        "SELECT slice, generation, target, version, recipe, rows, sums, digest, attempt, "
        "committed_at, actor, reason FROM ogfd_history WHERE slice = ? ORDER BY generation",
        (slice,),
    )
    return [
        HistoryEntry(
            slice=row[0],
            generation=row[1],
            target=row[2],
            version=row[3],
            recipe=row[4],
            rows=row[5],
            sums=json.loads(row[6]),
            digest=row[7],
            attempt=row[8],
            committed_at=datetime.fromisoformat(row[9]),
            actor=row[10],
            reason=row[11],
        )
        for row in found
    ]


def read_breakdown(connection: Connection, slice: str, generation: int) -> list[SumRow]:
    """Return the sums that the commit of *generation* recorded, sorted."""
    found = connection.query(
        "SELECT account_id, service, measure, unit, amount FROM ogfd_history_sums "
        "WHERE slice = ? AND generation = ? ORDER BY account_id, service, measure, unit",
        (slice, generation),
    )
    return [
        SumRow(account_id=row[0], service=row[1], measure=row[2], unit=row[3], amount=row[4])
        for row in found
    ]


class Scan:
    """A query over a view, a batch at a time; one statement, so one snapshot."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows
        self._first = True

    def next(self) -> pa.RecordBatch | None:
        """Return further rows, None at the end. Blocks."""
        while (batch := self._rows.next()) is not None:
            if self._first:
                batch, self._first = batch.slice(1), False
            if batch.num_rows:
                return batch
        return None

    def close(self) -> None:
        """Give up the rest."""
        self._rows.close()


def start_scan(
    connection: Connection,
    view: str,
    columns: Sequence[str],
    *,
    where: Mapping[str, Sequence[str]],
    period: Period | None,
) -> Scan:
    """
    Start to read *columns* of *view*.

    Raises:
        SinkError: if the view or a column does not exist.
    """
    views = [row[0] for row in connection.query(_VIEWS)]
    if view not in views:
        raise _unknown(f"the sink has no view {view!r}", views)
    types: dict[str, str] = dict(
        connection.query("SELECT name, type FROM pragma_table_info(?)", (view,))
    )
    for name in (*columns, *where):
        if name not in types:
            raise _unknown(f"{view} has no column {name!r}", list(types))
    if not columns:
        raise SinkError(f"a scan of {view} names no columns", error_class=ErrorClass.FATAL)
    clauses, parameters = _conditions(where, period)
    names = ", ".join(f'"{name}"' for name in columns)
    # The first row only tells the driver the types, which it takes from the values it sees first.
    typed = ", ".join(f'{_TYPED.get(types[name], _TYPED["TEXT"])} AS "{name}"' for name in columns)
    only = f" WHERE {' AND '.join(clauses)}" if clauses else ""
    return Scan(
        connection.rows(f'SELECT {typed} UNION ALL SELECT {names} FROM "{view}"{only}', parameters)
    )


def _conditions(
    where: Mapping[str, Sequence[str]], period: Period | None
) -> tuple[list[str], list[str]]:
    clauses = [f'"{name}" IN (SELECT value FROM json_each(?))' for name in where]
    parameters = [json.dumps(list(values)) for values in where.values()]
    if period is not None:
        clauses.append("period_start >= ? AND period_start < ?")
        parameters.extend((instant_text(period.start), instant_text(period.end)))
    return clauses, parameters


def _unknown(message: str, known: list[str]) -> SinkError:
    return SinkError(message, error_class=ErrorClass.FATAL, hint=f"there are {', '.join(known)}")
