"""
What a correct reader must find, computed from the generator's own integers.

Nothing here looks at the tables, at SQL or at ogfd; sums are exact.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Final, Literal

import numpy as np

from ogfd_sandbox.bigquery.bill.book import Book, Entry
from ogfd_sandbox.bigquery.bill.lines import NANO, Lines

Dimension = Literal[
    "billing_account_id",
    "service_id",
    "sku_id",
    "unit",
    "project_number",
    "region",
    "invoice_month",
    "day",
    "partition",
    "currency",
    "cost_type",
    "machine_type",
    "team",
]
Measure = Literal["cost", "credits", "net", "usage", "rows"]
_FIRST_DAY: Final = date(1970, 1, 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Total:
    """
    What all rows add up to that share everything but resource, zone and hour.

    Attributes:
        project_number: empty where there is no project.
        region: or what stands for it; empty if there is none.
        invoice_month: ``YYYYMM``.
        day: of the usage, in UTC.
        partition: day of ingestion.
        machine_type: empty for what is no virtual machine.
        team: the label of the name; empty without one.
        rows: how many.
        cost: before credits.
        credits: zero or less.
        usage: in *unit*.
    """

    billing_account_id: str
    service_id: str
    sku_id: str
    unit: str
    project_number: str
    region: str
    invoice_month: str
    day: date
    partition: date
    currency: str
    cost_type: str
    machine_type: str
    team: str
    rows: int
    cost: Decimal
    credits: Decimal
    usage: Decimal

    @property
    def net(self) -> Decimal:
        """What is invoiced."""
        return self.cost + self.credits


@dataclass(frozen=True, slots=True)
class Truth:
    """The totals of a bill."""

    totals: tuple[Total, ...]

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return sum(one.rows for one in self.totals)

    def by(self, measure: Measure, *dimensions: Dimension) -> dict[tuple[str, ...], Decimal]:
        """Return the sums of *measure* by *dimensions*, as texts; a day as ``YYYY-MM-DD``."""
        sums: dict[tuple[str, ...], Decimal] = {}
        for one in self.totals:
            key = tuple(str(getattr(one, dimension)) for dimension in dimensions)
            sums[key] = sums.get(key, Decimal(0)) + Decimal(getattr(one, measure))
        return {key: sums[key] for key in sorted(sums)}


def truth_of(accounts: Iterable[tuple[Book, Lines]]) -> Truth:
    """Add up the rows of all *accounts*."""
    return Truth(tuple(one for book, lines in accounts for one in _totals(book, lines)))


def _totals(book: Book, lines: Lines) -> Iterator[Total]:
    groups, entries = _groups(book)
    columns = (groups[lines.entry], lines.day, lines.partition, lines.invoice)
    keys, which, counts = np.unique(
        np.stack(columns, axis=1), axis=0, return_inverse=True, return_counts=True
    )
    sums = [
        _sums(values, which, len(keys))
        for values in (lines.cost, lines.credits.sum(axis=1), lines.usage)
    ]
    for place, (group, day, partition, invoice) in enumerate(keys.tolist()):
        entry = entries[group]
        cost, credits_, usage = (values[place] for values in sums)
        yield Total(
            billing_account_id=entry.billing_account_id,
            service_id=entry.offer.service.id,
            sku_id=entry.offer.id,
            unit=entry.offer.unit,
            project_number=entry.project_number,
            region=entry.region,
            invoice_month=str(invoice),
            day=_FIRST_DAY + timedelta(days=day),
            partition=_FIRST_DAY + timedelta(days=partition),
            currency=entry.currency,
            cost_type=entry.cost_type,
            machine_type=entry.offer.machine_type or "",
            team=entry.labels.get("team", ""),
            rows=int(counts[place]),
            cost=Decimal(cost) / NANO,
            credits=Decimal(credits_) / NANO,
            usage=Decimal(usage),
        )


def _groups(book: Book) -> tuple[np.ndarray, list[Entry]]:
    """Return the group of every entry, and an entry of every group."""
    known: dict[tuple[str, ...], int] = {}
    entries: list[Entry] = []
    numbers = np.empty(len(book.entries), np.int64)
    for place, entry in enumerate(book.entries):
        key = (
            entry.offer.id,
            entry.project_number,
            entry.region,
            entry.cost_type,
            entry.labels.get("team", ""),
        )
        if key not in known:
            known[key] = len(entries)
            entries.append(entry)
        numbers[place] = known[key]
    return numbers, entries


def _sums(values: np.ndarray, which: np.ndarray, groups: int) -> list[int]:
    """Return exact sums: halves are added apart, for bytes by the second are many."""
    high, low = np.divmod(values, NANO)
    parts = [np.zeros(groups, np.int64) for _ in range(2)]
    for part, half in zip(parts, (high, low), strict=True):
        np.add.at(part, which.reshape(-1), half)
    return [a * NANO + b for a, b in zip(*(part.tolist() for part in parts), strict=True)]
