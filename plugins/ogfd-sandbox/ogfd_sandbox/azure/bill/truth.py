"""
What a correct reader must find, computed from the generator's own integers.

Nothing here looks at the files or at ogfd; sums are exact.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Literal

import numpy as np

from ogfd_sandbox.azure.bill.amounts import exact, rounded, sums, total
from ogfd_sandbox.azure.bill.book import USED, Entry, Kind
from ogfd_sandbox.azure.bill.lines import Lines
from ogfd_sandbox.cur.numbers import Numbers
from ogfd_sandbox.cur.settings import Month

Dimension = Literal[
    "subscription_id",
    "service",
    "meter_category",
    "meter_id",
    "unit",
    "resource_group",
    "region",
    "currency",
    "kind",
    "day",
]
Measure = Literal["billed", "effective", "quantity"]
_DAYS = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Total:
    """
    What all charges add up to that share everything but resource, tags and machine.

    Attributes:
        subscription_id: empty where Azure gives none.
        service: as FOCUS names it; empty for charges without a resource.
        meter_category: as cost details and queries name it.
        meter_id: of the meter.
        unit: of *quantity*, such as ``Hours``.
        resource_group: in lower case; empty for charges without a resource.
        region: its id; empty for charges without one.
        location: the region as cost details normalise it.
        currency: of the bill.
        kind: what it is.
        day: of the charge.
        rows: how many.
        billed: what is invoiced: the actual cost.
        effective: the amortized cost.
        quantity: of usage, physically: what cost details tell, times the size of a block. Zero
            for what is no usage: purchases, refunds, what commitments leave unused.
    """

    subscription_id: str
    service: str
    meter_category: str
    meter_id: str
    unit: str
    resource_group: str
    region: str
    location: str
    currency: str
    kind: Kind
    day: date
    rows: int
    billed: Decimal
    effective: Decimal
    quantity: Decimal


@dataclass(frozen=True, slots=True)
class Truth:
    """The totals of one month."""

    totals: tuple[Total, ...]

    @property
    def rows(self) -> int:
        """How many charges the month has."""
        return sum(one.rows for one in self.totals)

    def of_kinds(self, kinds: frozenset[Kind]) -> Truth:
        """Return the totals of *kinds* alone, as a dataset has them."""
        return Truth(tuple(one for one in self.totals if one.kind in kinds))

    def billed(self) -> dict[str, Decimal]:
        """Return the actual cost by currency."""
        return {key[0]: amount for key, amount in self.by("billed", "currency").items()}

    def effective(self) -> dict[str, Decimal]:
        """Return the amortized cost by currency."""
        return {key[0]: amount for key, amount in self.by("effective", "currency").items()}

    def by(self, measure: Measure, *dimensions: Dimension) -> dict[tuple[str, ...], Decimal]:
        """Return the sums of *measure* by *dimensions*, as texts; a day as ``YYYY-MM-DD``."""
        parts: dict[tuple[str, ...], list[Decimal]] = {}
        for one in self.totals:
            key = tuple(str(getattr(one, dimension)) for dimension in dimensions)
            parts.setdefault(key, []).append(getattr(one, measure))
        return {key: total(parts[key]) for key in sorted(parts)}


def truth_of(
    entries: Sequence[Entry], month: Month, lines: Lines, places: int | None = None
) -> Truth:
    """
    Add up *lines* of *month*.

    Args:
        entries: what the lines point into.
        month: the billing month.
        lines: its charges.
        places: decimals that every amount is rounded to, half-even, before it is added; all if
            None.
    """
    numbers, representatives = _groups(entries)
    keys = numbers[lines.entry] * _DAYS + lines.day
    groups, counts = np.unique(keys, return_counts=True)
    billed, effective = (
        _sums(lines.cost(entries, price), keys, places) for price in ("paid", "effective")
    )
    used = lines.take(np.array([entry.kind in USED for entry in entries])[lines.entry])
    blocks = _sums(used.quantity, numbers[used.entry] * _DAYS + used.day, places)
    found = []
    for key, count in zip(groups.tolist(), counts.tolist(), strict=True):
        entry = representatives[key // _DAYS]
        quantity = blocks.get(key, 0)
        found.append(
            Total(
                subscription_id=entry.subscription_id,
                service=entry.resource.appliance.service if entry.resource else "",
                meter_category=entry.offer.category,
                meter_id=entry.meter_id,
                unit=entry.offer.distinct,
                resource_group=entry.resource_group,
                region=entry.region.id if entry.region else "",
                location=entry.region.location if entry.region else "",
                currency=entry.profile.currency,
                kind=entry.kind,
                day=(month.start + timedelta(days=key % _DAYS)).date(),
                rows=count,
                billed=exact(billed.get(key, 0)),
                effective=exact(effective.get(key, 0)),
                quantity=exact(quantity * entry.offer.block),
            )
        )
    return Truth(tuple(found))


def _groups(entries: Sequence[Entry]) -> tuple[np.ndarray, list[Entry]]:
    """Return the group of every entry, and an entry of every group."""
    known: dict[tuple[str, ...], int] = {}
    representatives: list[Entry] = []
    numbers = np.empty(len(entries), np.int64)
    for place, entry in enumerate(entries):
        key = (
            entry.kind,
            entry.profile.currency,
            entry.subscription_id,
            entry.resource_group,
            entry.resource.appliance.service if entry.resource else "",
            entry.region.id if entry.region else "",
            entry.offer.category,
            entry.meter_id,
        )
        if key not in known:
            known[key] = len(representatives)
            representatives.append(entry)
        numbers[place] = known[key]
    return numbers, representatives


def _sums(numbers: Numbers, keys: np.ndarray, places: int | None) -> dict[int, int]:
    return sums(numbers if places is None else rounded(numbers, places), keys)
