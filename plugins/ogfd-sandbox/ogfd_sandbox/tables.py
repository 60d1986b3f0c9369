"""What the demonstration shows: tables made of the program's own answers."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal, localcontext
from typing import Any, Final

from rich.markup import escape
from rich.table import Table

Amounts = Mapping[str, Decimal]

_COSTS: Final = ("billed_cost", "effective_cost")
_METHODS: Final = ("location_based_kg", "market_based_kg")
_MONTH: Final = re.compile(r"(\d{4}-\d{2})(-\d{2})?$")
"""At the end of a slice's name, which may be a month or a day."""


def outcomes(document: Mapping[str, Any]) -> Table:
    """Return the slices of a sync, those of a stream with the same outcome together."""
    table = _table("stream", "months", "outcome", "slices", "source rows", "activities", "rejected")
    groups: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for entry in slices_of(document):
        stream = "/".join(entry["slice"].split("/")[:2])
        groups.setdefault((stream, entry["outcome"]), []).append(entry)
    for (stream, outcome), entries in groups.items():
        months = sorted({found[1] for entry in entries if (found := _MONTH.search(entry["slice"]))})
        table.add_row(
            escape(stream),
            escape(" to ".join(dict.fromkeys((months[0], months[-1])))) if months else "-",
            escape(outcome),
            f"{len(entries):,}",
            *(_total(entries, name) for name in ("source_rows", "rows", "rejected")),
        )
    return table


def report(document: Mapping[str, Any]) -> Table:
    """Return a report, cost and emissions side by side."""
    by = document["emissions"]["by"]
    emitted = {_group(row, by): row for row in document["emissions"]["rows"]}
    lines = []
    for row in sorted(document["rows"], key=lambda row: (*_group(row, by), row["currency"])):
        # Once a group, also if it has several currencies: each column can be added up.
        emissions = emitted.pop(_group(row, by), {})
        amounts = (*_amounts(row, _COSTS), *_amounts(emissions, _METHODS))
        lines.append((*_group(row, by), escape(row["currency"]), *amounts))
    lines += [(*group, "-", "-", "-", *_amounts(row, _METHODS)) for group, row in emitted.items()]
    table = _table(
        *by, "currency", "billed", "effective", "location-based\nkgCO2e", "market-based\nkgCO2e"
    )
    for line in sorted(lines):
        table.add_row(*line)
    return table


def _group(row: Mapping[str, Any], by: Sequence[str]) -> tuple[str, ...]:
    return tuple(escape(str(row[name] or "-")) for name in by)


def _amounts(row: Mapping[str, Any], names: Sequence[str]) -> tuple[str, ...]:
    """Return the amounts for people; null is not zero."""
    amounts = (row.get(name) for name in names)
    return tuple("-" if amount is None else money(_decimal(amount)) for amount in amounts)


def changes(entry: Mapping[str, Any], most: int = 5) -> Table:
    """Return what a commit changed of the billed cost: *most* services, then the others."""
    table = _table("service", "currency", "before", "after", "difference")
    found: dict[str, dict[str, tuple[Decimal, Decimal]]] = {}
    for change in entry.get("changes", ()):
        if change["measure"] == "billed_cost":
            services = found.setdefault(change["unit"], {})
            before, after = services.get(change["service"], (Decimal(0), Decimal(0)))
            before, after = before + _decimal(change["before"]), after + _decimal(change["after"])
            services[change["service"]] = before, after
    for unit, services in sorted(found.items()):
        changed = [each for each in services.items() if each[1][0] != each[1][1]]
        ranked = sorted(changed, key=lambda each: -abs(each[1][1] - each[1][0]))
        for service, (before, after) in ranked[:most]:
            table.add_row(*_change(service or "-", unit, before, after))
        if others := [amounts for _, amounts in ranked[most:]]:
            before, after = (sum(column, Decimal(0)) for column in zip(*others, strict=True))
            table.add_row(*_change(f"{len(others)} others", unit, before, after))
    return table


def _change(service: str, unit: str, before: Decimal, after: Decimal) -> tuple[str, ...]:
    texts = escape(service), escape(unit)
    return *texts, money(before), money(after), f"{after - before:+,.2f}"


def sums(
    lines: Iterable[tuple[str, str, Decimal | None, Decimal | None, Decimal | None, bool]],
) -> Table:
    """Return *lines* of provider, name, sum in report, ledger and generator; and do they match."""
    table = _table("provider", "sum", "report", "ledger", "", "generator")
    for provider, name, reported, held, generated, equal in lines:
        table.add_row(
            escape(provider),
            escape(name),
            "-" if reported is None else money(reported),
            "-" if held is None else _exact(held),
            "=" if equal else "!=",
            "-" if generated is None else _exact(generated),
        )
    return table


def slices_of(document: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the slices of all runs of a sync, by name."""
    found = [entry for run in document["runs"] for entry in run["slices"]]
    return sorted(found, key=lambda entry: str(entry["slice"]))


def newest(history: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the last commit of a slice's history; the sandbox has one sink."""
    (commits,) = history["sinks"].values()
    entry: Mapping[str, Any] = max(commits, key=lambda commit: int(commit["generation"]))
    return entry


def added(parts: Iterable[Amounts]) -> dict[str, Decimal]:
    """Return the exact sums of *parts* by name."""
    found: dict[str, Decimal] = {}
    with localcontext(prec=60):  # of 18 decimals and 20 digits before them, with room
        for part in parts:
            for name, amount in part.items():
                found[name] = found.get(name, Decimal(0)) + amount
    return found


def money(amount: Decimal) -> str:
    """Return *amount* for people, to the cent."""
    return f"{amount:,.2f}"


def _exact(amount: Decimal) -> str:
    whole, point, fraction = f"{amount:f}".partition(".")
    return f"{whole}{point}{fraction.rstrip('0')}".removesuffix(".")


def _table(*head: str) -> Table:
    table = Table(show_edge=False, pad_edge=False, header_style="bold")
    texts = (
        "stream",
        "months",
        "outcome",
        "service",
        "category",
        "provider",
        "month",
        "currency",
        "sum",
    )
    for name in head:
        table.add_column(name, justify="left" if name in texts else "right", no_wrap=True)
    return table


def _decimal(value: Any) -> Decimal:
    return Decimal(0) if value is None else Decimal(str(value))


def _total(entries: Iterable[Mapping[str, Any]], name: str) -> str:
    counts = [int(entry[name]) for entry in entries if entry.get(name) is not None]
    return f"{sum(counts):,}" if counts else "-"
