"""What a report leaves out, so that a partial sum never passes for the whole."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from ogfd.plugin import LedgerEntry, Period
from ogfd.reports.query import ReportQuery
from ogfd.reports.sums import COSTS

PARTS: Final = ("connector", "stream", "month")
"""What completeness is judged by, for rows with and without each cost apart."""

_LACKS: Final = {cost: f"lacks_{cost}" for cost in COSTS}
PART_KEYS: Final = (*PARTS, *_LACKS.values())


def with_lacks(table: pa.Table) -> pa.Table:
    """Return *table* with a column for each cost that says whether it is null."""
    for cost, name in _LACKS.items():
        table = table.append_column(name, pc.is_null(table[cost]))
    return table


def missing(
    query: ReportQuery, sums: pa.Table | None, ledger: Mapping[str, LedgerEntry] | None
) -> tuple[str, ...]:
    """
    Name the gaps of a report, sorted.

    Args:
        query: the report.
        sums: the sums by `PART_KEYS`; None if there were no rows.
        ledger: what the sink holds; None if it cannot say.
    """
    gaps: dict[tuple[str, str], list[str]] = {}
    filled: dict[tuple[str, str, str], set[bool]] = {}
    for row in sums.to_pylist() if sums is not None else ():
        part = f"{row['connector']}/{row['stream']}"
        for cost, lacks in _LACKS.items():
            filled.setdefault((part, cost, row["month"]), set()).add(not row[lacks])
    for (part, cost, month), found in filled.items():
        if False in found:
            some = " in some rows" if True in found else ""
            gaps.setdefault((part, f"has no {cost}{some}"), []).append(month)
    seen = {part for part, _, _ in filled}
    for part, months in _absent(query, seen, ledger or {}).items():
        gaps[part, "holds nothing"] = months
    return tuple(
        f"{part} {what} for {_spans(months)}" for (part, what), months in sorted(gaps.items())
    )


def _absent(
    query: ReportQuery, seen: set[str], ledger: Mapping[str, LedgerEntry]
) -> dict[str, list[str]]:
    """Return the months of the report for which a stream with cost has no slice."""
    held: dict[str, set[str]] = {}
    for entry in ledger.values():
        part = f"{entry.connector}/{entry.stream}"
        if _counts(entry) and (part in seen or _selected(query, entry)):
            held.setdefault(part, set()).update(_months(entry.period))
    absent = {}
    for part, months in held.items():
        first, last = query.first or min(months), query.last or max(months)
        asked = [month for month in _range(first, last) if _asked(query, month)]
        if gap := [month for month in asked if month not in months]:
            absent[part] = gap
    return absent


def _asked(query: ReportQuery, month: str) -> bool:
    days = query.where.get("day", (month,))
    return month in query.where.get("month", (month,)) and any(
        day.startswith(month) for day in days
    )


def _counts(entry: LedgerEntry) -> bool:
    return any(name.partition(":")[0] in COSTS for name in entry.sums)


def _selected(query: ReportQuery, entry: LedgerEntry) -> bool:
    """Tell whether a stream without a row in the report belongs to it all the same."""
    others = set(query.where) - {"connector", "month", "day"}
    return not others and entry.connector in query.where.get("connector", (entry.connector,))


def _months(period: Period) -> Iterable[str]:
    month = f"{period.start.year:04}-{period.start.month:02}"
    while Period.month(month).start < period.end:
        yield month
        month = _next(month)


def _range(first: str, last: str) -> Iterable[str]:
    while first <= last:
        yield first
        first = _next(first)


def _next(month: str) -> str:
    year, number = int(month[:4]), int(month[5:])
    return f"{year + number // 12:04}-{number % 12 + 1:02}"


def _spans(months: list[str]) -> str:
    """Write months as spans, such as ``2026-01..2026-03, 2026-05``."""
    spans: list[list[str]] = []
    for month in sorted(months):
        if spans and _next(spans[-1][-1]) == month:
            spans[-1].append(month)
        else:
            spans.append([month])
    return ", ".join(s[0] if len(s) == 1 else f"{s[0]}..{s[-1]}" for s in spans)
