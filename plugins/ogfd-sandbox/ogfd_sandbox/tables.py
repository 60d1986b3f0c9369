"""What the demonstration shows: tables made of the program's own answers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from rich.markup import escape
from rich.table import Table

Amounts = Mapping[str, Decimal]


def outcomes(document: Mapping[str, Any]) -> Table:
    """Return the slices of a sync."""
    table = _table("slice", "outcome", "source rows", "activities", "rejected", "generation")
    for entry in slices_of(document):
        generations = {
            str(delivery.get("generation"))
            for delivery in (entry.get("deliveries") or {}).values()
            if delivery.get("generation") is not None
        }
        table.add_row(
            escape(entry["slice"]),
            escape(entry["outcome"]),
            _count(entry.get("source_rows")),
            _count(entry.get("rows")),
            _count(entry.get("rejected")),
            ", ".join(sorted(generations)) or "-",
        )
    return table


def report(document: Mapping[str, Any]) -> Table:
    """Return a report by one dimension, cost and emissions side by side, most expensive first."""
    by = document["emissions"]["by"]
    emitted = {_group(row, by): row for row in document["emissions"]["rows"]}
    table = _table(
        *by, "currency", "billed", "effective", "kgCO2e location-based", "kgCO2e market-based"
    )
    for row in sorted(document["rows"], key=lambda row: -_decimal(row["billed_cost"])):
        # Once a group, also if it has several currencies: each column can be added up.
        emissions = emitted.pop(_group(row, by), {})
        table.add_row(
            *_group(row, by),
            escape(str(row["currency"])),
            money(_decimal(row["billed_cost"])),
            money(_decimal(row["effective_cost"])),
            *_methods(emissions),
        )
    for group, row in emitted.items():
        table.add_row(*group, "-", "-", "-", *_methods(row))
    return table


def _group(row: Mapping[str, Any], by: Sequence[str]) -> tuple[str, ...]:
    return tuple(escape(str(row[name] or "-")) for name in by)


def _methods(row: Mapping[str, Any]) -> tuple[str, ...]:
    amounts = (row.get(name) for name in ("location_based_kg", "market_based_kg"))
    return tuple("-" if amount is None else money(_decimal(amount)) for amount in amounts)


def changes(entry: Mapping[str, Any]) -> Table:
    """Return what a commit changed of the billed cost, by service."""
    table = _table("service", "currency", "before", "after", "difference")
    found: dict[tuple[str, str], list[Decimal]] = {}
    for change in entry.get("changes", ()):
        if change["measure"] == "billed_cost":
            amounts = found.setdefault((change["service"], change["unit"]), [Decimal(0)] * 2)
            amounts[0] += _decimal(change["before"])
            amounts[1] += _decimal(change["after"])
    for (service, unit), (before, after) in sorted(found.items()):
        if before != after:
            table.add_row(
                escape(service),
                escape(unit),
                money(before),
                money(after),
                f"{after - before:+,.4f}",
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


def sums(entry: Mapping[str, Any], measure: str) -> dict[str, Decimal]:
    """Return the exact sums of *measure* in a commit by unit, from the sink's ledger."""
    return {
        name.partition(":")[2]: Decimal(amount)
        for name, amount in entry["sums"].items()
        if name.partition(":")[0] == measure
    }


def added(parts: Iterable[Amounts]) -> dict[str, Decimal]:
    """Return the sums of *parts* by currency, as exact as the decimal context is precise."""
    found: dict[str, Decimal] = {}
    for part in parts:
        for currency, amount in part.items():
            found[currency] = found.get(currency, Decimal(0)) + amount
    return found


def money(amount: Decimal) -> str:
    """Return *amount* for people, to the cent."""
    return f"{amount:,.2f}"


def _table(*head: str) -> Table:
    table = Table(show_edge=False, pad_edge=False, header_style="bold")
    texts: Sequence[str] = ("slice", "outcome", "service", "category", "currency")
    for name in head:
        table.add_column(name, justify="left" if name in texts else "right", no_wrap=True)
    return table


def _decimal(value: Any) -> Decimal:
    return Decimal(0) if value is None else Decimal(str(value))


def _count(value: Any) -> str:
    return "-" if value is None else f"{int(value):,}"
