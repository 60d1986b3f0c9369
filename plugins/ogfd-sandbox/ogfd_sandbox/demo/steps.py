"""The steps of the demonstration: what is shown is what the program itself answers."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, Final

from rich.console import Console
from rich.markup import escape

from ogfd_sandbox import tables
from ogfd_sandbox.cur import Month
from ogfd_sandbox.demo.clouds import Cloud
from ogfd_sandbox.demo.ledger import QUERY
from ogfd_sandbox.program import Program

MONTHS: Final = 3
MEASURES: Final = {
    "billed_cost": "billed",
    "effective_cost": "effective",
    "location_based_kg": "location-based",
    "market_based_kg": "market-based",
}
"""What is compared, and how it is called."""
_COSTS: Final = ("billed_cost", "effective_cost")
_EMISSIONS: Final = ("location_based_kg", "market_based_kg")
_REAL: Final = 1e-9
"""How far a sum may be off, in proportion: a report on SQLite adds up binary floats."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sum:
    """One sum as the report, the ledger and the generator have it; None where one has none."""

    provider: str
    name: str
    reported: Decimal | None
    held: Decimal | None
    generated: Decimal | None

    @property
    def matches(self) -> bool:
        """Whether all three are the same; ledger and generator to the last digit."""
        return (
            self.reported is not None
            and self.held is not None
            and self.held == self.generated
            and math.isclose(self.reported, self.held, rel_tol=_REAL)
        )


class Demonstration:
    """
    The steps of the demonstration.

    Args:
        clouds: what the customer has where.
        program: the installed program, configured for the stand-ins.
        ledger: asks the sink for its exact sums, by connector.
        console: where to show it.
    """

    def __init__(
        self,
        clouds: Sequence[Cloud],
        program: Program,
        ledger: Callable[[], Mapping[str, tables.Amounts]],
        console: Console,
    ) -> None:
        self._clouds = clouds
        self._program = program
        self._ledger = ledger
        self._console = console

    def deliver(self, months: Sequence[Month]) -> None:
        """Deliver *months* to the stand-ins."""
        for cloud in self._clouds:
            cloud.deliver(months)
        span = f"{months[0]} to {months[-1]}"
        self._say(f"Stand-ins of the clouds hold {span}; emissions of {months[-1]} are not out yet")
        for cloud in self._clouds:
            self._say(f"  {cloud.delivered}")

    def first_sync(self) -> None:
        """Read everything, and report it."""
        self._step("A first sync reads every month", "ogfd sync")
        self._sync()
        self._step("What was spent and emitted", "ogfd report --by category,provider")
        self._report("category,provider")

    def restated(self, month: Month) -> None:
        """Have *month*, the last one, delivered again; show what that changed."""
        for cloud in self._clouds:
            cloud.redeliver()
        self._step(f"{month} is delivered again, and its emissions are published", "ogfd sync")
        for cloud in self._clouds:
            self._say(f"  {cloud.redelivered}")
        for entry in self._sync():
            if entry["outcome"] == "committed" and "/cost/" in entry["slice"]:
                self._changes(entry["slice"])

    def _changes(self, slice: str) -> None:
        self._step("What the new delivery changed most", f"ogfd slices history {slice}")
        history = self._program.document("slices", "history", slice, "--json")
        self._console.print(tables.changes(tables.newest(history)))

    def nothing_new(self) -> bool:
        """Sync once more; tell whether nothing was read."""
        for cloud in self._clouds:
            cloud.forget_requests()
        self._step("A third sync finds nothing new", "ogfd sync")
        entries = self._sync()
        counts = {cloud.connector: cloud.requests() for cloud in self._clouds}
        for connector, (requests, read) in counts.items():
            self._say(f"{connector}: {requests} requests, {read} of them for data")
        unchanged = all(entry["outcome"] == "unchanged" for entry in entries)
        return unchanged and not any(read for _, read in counts.values())

    def verdict(self) -> bool:
        """Compare report and ledger with the generators' own sums."""
        self._step("All of it, by provider and month", "ogfd report --by provider,month")
        report = self._report("provider,month")
        self._step(
            "The same sums in report, ledger and generator, to the last digit",
            f'sqlite3 ogfd.db "{QUERY}"',
        )
        sums = list(self._sums(report))
        self._console.print(
            tables.sums(
                (
                    one.provider,
                    _called(one.name),
                    one.reported,
                    one.held,
                    one.generated,
                    one.matches,
                )
                for one in sums
            )
        )
        match = bool(sums) and all(one.matches for one in sums)
        self._say("[bold green]match[/]" if match else "[bold red]no match[/]")
        return match

    def _sums(self, report: Mapping[str, Any]) -> Iterator[Sum]:
        reported, held = _reported(report), self._ledger()
        for cloud in self._clouds:
            ledger = held.get(cloud.connector, {})
            ledger = {name: ledger[name] for name in ledger if _measure(name) in MEASURES}
            shown, generated = reported.get(cloud.provider, {}), cloud.sums()
            for name in sorted({*shown, *ledger, *generated}):
                yield Sum(
                    provider=cloud.provider,
                    name=name,
                    reported=shown.get(name),
                    held=ledger.get(name),
                    generated=generated.get(name),
                )

    def _sync(self) -> list[Mapping[str, Any]]:
        document = self._program.document("sync", "--json")
        self._console.print(tables.outcomes(document))
        return tables.slices_of(document)

    def _report(self, by: str) -> Mapping[str, Any]:
        document = self._program.document("report", "--by", by, "--format", "json")
        self._console.print(tables.report(document))
        for gap in document["missing"]:
            self._say(f"incomplete: {escape(gap)}")
        return document

    def _step(self, title: str, command: str) -> None:
        self._say(f"\n[bold]{escape(title)}[/]\n[dim]$ {escape(command)}[/]")

    def _say(self, text: str) -> None:
        self._console.print(text, soft_wrap=True)


def perform(demonstration: Demonstration, today: date) -> bool:
    """Go through all steps; tell whether everything was as it must be."""
    this = Month.of(today)
    months = [this.plus(-back) for back in range(MONTHS, 0, -1)]
    demonstration.deliver(months)
    demonstration.first_sync()
    demonstration.restated(months[-1])
    quiet = demonstration.nothing_new()
    return demonstration.verdict() and quiet


def _reported(report: Mapping[str, Any]) -> Mapping[str, tables.Amounts]:
    """Return the sums of a report by provider, by the names that a ledger gives them."""
    found: dict[str, dict[str, Decimal]] = {}
    for row in report["rows"]:
        for name in _COSTS:
            if row[name] is not None:
                _add(found, row, f"{name}:{row['currency']}", name)
    for row in report["emissions"]["rows"]:
        for name in _EMISSIONS:
            if row[name] is not None:
                _add(found, row, name, name)
    return found


def _add(
    found: dict[str, dict[str, Decimal]], row: Mapping[str, Any], name: str, column: str
) -> None:
    amounts = found.setdefault(row["provider"], {})
    amounts[name] = amounts.get(name, Decimal(0)) + Decimal(str(row[column]))


def _measure(name: str) -> str:
    return name.partition(":")[0]


def _called(name: str) -> str:
    measure, _, currency = name.partition(":")
    return f"{MEASURES[measure]}, {currency or 'kgCO2e'}"
