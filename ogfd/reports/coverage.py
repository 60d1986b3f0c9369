"""What a report leaves out, so that a partial sum never passes for the whole."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from ogfd.plugin import LedgerEntry, Period
from ogfd.reports.query import ReportQuery
from ogfd.reports.subject import Subject

PARTS: Final = ("provider", "connector", "stream", "month")
_METHODS: Final = {"location_based_kg": "location-based", "market_based_kg": "market-based"}


def part_keys(subject: Subject) -> tuple[str, ...]:
    """Return what completeness is judged by, for rows with and without each amount apart."""
    return (*PARTS, *map(_lacks, subject.amounts))


def with_lacks(table: pa.Table, subject: Subject) -> pa.Table:
    """Return *table* with a column for each amount that says whether it is null."""
    for amount in subject.amounts:
        table = table.append_column(_lacks(amount), pc.is_null(table[amount]))
    return table


@dataclass(slots=True)
class Seen:
    """
    What a report found of a subject.

    Attributes:
        providers: ``connector/stream`` with a row, to whose it is.
        filled: part, amount and month to whether rows have it; both if some do.
    """

    providers: dict[str, str] = field(default_factory=dict)
    filled: dict[tuple[str, str, str], set[bool]] = field(default_factory=dict)


def seen(subject: Subject, sums: pa.Table | None) -> Seen:
    """Read the sums by `part_keys`; None if there were no rows."""
    found = Seen()
    for row in sums.to_pylist() if sums is not None else ():
        part = f"{row['connector']}/{row['stream']}"
        found.providers[part] = row["provider"]
        for amount in subject.amounts:
            key = (part, amount, row["month"])
            found.filled.setdefault(key, set()).add(not row[_lacks(amount)])
    return found


def missing(
    query: ReportQuery,
    subject: Subject,
    found: Seen,
    ledger: Mapping[str, LedgerEntry] | None,
    beside: Collection[str] = (),
) -> tuple[str, ...]:
    """
    Name the gaps of a report in one subject, sorted.

    Args:
        query: the report.
        subject: of the report.
        found: of it.
        ledger: what the sink holds; None if it cannot say.
        beside: months that should be there, if there are any, because of what stands beside.
    """
    gaps: dict[tuple[str, str, str], list[str]] = {}
    for (part, amount, month), filled in found.filled.items():
        if False in filled:
            some = " in some rows" if True in filled else ""
            why = _other_method(found, part, amount, month)
            gaps.setdefault((part, f"has no {amount}{some}", why), []).append(month)
    for part, months in _absent(query, subject, found.providers, ledger or {}, beside).items():
        gaps[part, "holds nothing", ""] = months
    return tuple(
        f"{part} {what} for {_spans(months)}{why}"
        for (part, what, why), months in sorted(gaps.items())
    )


def months_held(found: Seen, ledger: Mapping[str, LedgerEntry] | None) -> set[str]:
    """Return the months of the slices, whatever their rows say, that a report has rows of."""
    return {
        month
        for entry in (ledger or {}).values()
        if f"{entry.connector}/{entry.stream}" in found.providers
        for month in _months(entry.period)
    }


def without_emissions(cost: Seen, emissions: Seen) -> tuple[str, ...]:
    """Name the providers whose cost is in a report with emissions, but not theirs."""
    if not emissions.providers:
        return ()
    without = {*cost.providers.values()} - {*emissions.providers.values()}
    return tuple(f"{name} reports no emissions" for name in sorted(without))


def counts(entry: LedgerEntry, subject: Subject) -> bool:
    """Tell whether a slice has amounts of *subject*."""
    return any(name.partition(":")[0] in subject.amounts for name in entry.sums)


def _other_method(found: Seen, part: str, amount: str, month: str) -> str:
    """Say so if a provider reports the emissions of a month by another method alone."""
    if amount in _METHODS and found.filled[part, amount, month] == {False}:
        for other, method in _METHODS.items():
            if found.filled.get((part, other, month)) == {True}:
                return f": excludes {found.providers[part]}: {method} only"
    return ""


def _lacks(amount: str) -> str:
    return f"lacks_{amount}"


def _absent(
    query: ReportQuery,
    subject: Subject,
    parts: Collection[str],
    ledger: Mapping[str, LedgerEntry],
    beside: Collection[str],
) -> dict[str, list[str]]:
    """Return the months of the report for which a stream of the subject has no slice."""
    held: dict[str, set[str]] = {}
    counting = set()
    for entry in ledger.values():
        part = f"{entry.connector}/{entry.stream}"
        held.setdefault(part, set()).update(_months(entry.period))
        # A slice without rows has no sums either; it is its stream that says what it counts.
        if counts(entry, subject) and (part in parts or _selected(query, entry)):
            counting.add(part)
    absent = {}
    for part in counting:
        known = {*held[part], *beside}
        first, last = query.first or min(known), query.last or max(known)
        asked = [month for month in _range(first, last) if _asked(query, month)]
        if gap := [month for month in asked if month not in held[part]]:
            absent[part] = gap
    return absent


def _asked(query: ReportQuery, month: str) -> bool:
    days = query.where.get("day", (month,))
    return month in query.where.get("month", (month,)) and any(
        day.startswith(month) for day in days
    )


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
