"""One delivery of a month: its charges, their truth, and its restatement."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import cached_property
from typing import Final

import numpy as np
import numpy.typing as npt

from ogfd_sandbox.azure.bill.book import Book, Entry, Kind, make_book
from ogfd_sandbox.azure.bill.charges import charges, refund
from ogfd_sandbox.azure.bill.commitments import Charge, commit, cover
from ogfd_sandbox.azure.bill.lines import Lines, of_kind, usage_lines
from ogfd_sandbox.azure.bill.settings import AzureSettings
from ogfd_sandbox.azure.bill.truth import Truth, truth_of
from ogfd_sandbox.cur.numbers import Numbers
from ogfd_sandbox.cur.settings import Month

_SUBSCRIPTION: Final = re.compile(
    r"/?subscriptions/(?P<id>[^/]+)(/resourceGroups/(?P<group>[^/]+))?/?", re.IGNORECASE
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """
    What a later delivery of the same month says differently.

    Attributes:
        day: the day of the month whose usage is metered anew.
        usage_per_mille: what it is then, in thousandths of what it was.
        vanished: share of the usage rows that are gone.
        late: rows of usage that arrive late.
        refunded: units of the first usage of the month that are given back.
    """

    day: int = 3
    usage_per_mille: int = 960
    vanished: float = 0.005
    late: int = 20
    refunded: Decimal = Decimal("1.5")


@dataclass(frozen=True, kw_only=True)
class Bill:
    """
    One delivery of a month.

    Attributes:
        settings: what it was made from.
        month: the billing month.
        book: the customer.
        entries: what *lines* point into: those of the book, then the month's own.
        lines: its charges.
        through_day: the last day that it has.
        revision: 0 for the first delivery of the month, one more for each restatement.
        scope: what it was narrowed to; the whole account if empty.
    """

    settings: AzureSettings
    month: Month
    book: Book
    entries: tuple[Entry, ...]
    lines: Lines
    through_day: int
    revision: int = 0
    scope: str = ""

    @cached_property
    def truth(self) -> Truth:
        """The exact totals."""
        return truth_of(self.entries, self.month, self.lines)

    def truth_rounded(self, places: int) -> Truth:
        """Return the totals that a reader gets who rounds every amount half-even first."""
        return truth_of(self.entries, self.month, self.lines, places)

    def of_kinds(self, kinds: Iterable[Kind]) -> Lines:
        """Return the charges of *kinds*."""
        return self.lines.take(of_kind(self.entries, self.lines, kinds))

    def within(self, scope: str) -> Bill:
        """
        Return the part of the bill that an export or a query of *scope* sees.

        Args:
            scope: a subscription or resource group, with or without the first slash; any other
                scope is taken for the whole account.

        Raises:
            ValueError: if the customer has no such subscription.
        """
        found = _SUBSCRIPTION.fullmatch(scope)
        if found is None:
            return self
        wanted = found["id"].lower()
        if wanted not in {one.id for one in self.book.subscriptions}:
            raise ValueError(f"the bill has no subscription {wanted}")
        group = (found["group"] or "").lower()
        inside = np.array(
            [
                entry.subscription_id == wanted and group in {"", entry.resource_group}
                for entry in self.entries
            ]
        )
        return replace(self, lines=self.lines.take(inside[self.lines.entry]), scope=scope)

    def through(self, day: int) -> Bill:
        """Return the bill as it was when *day*, counted from 1, was its last."""
        last = min(day, self.through_day)
        return replace(self, lines=self.lines.take(self.lines.day < last), through_day=last)


def assemble(settings: AzureSettings, month: Month, *, through_day: int | None = None) -> Bill:
    """
    Return the first delivery of *month*.

    Args:
        settings: what shapes it.
        month: the billing month.
        through_day: the last day, for a month that is still running. What it has by then it also
            has when it is complete.
    """
    book = make_book(settings)
    random = settings.random("month", month)
    usage = cover(settings, book, usage_lines(book, month.days, settings.rows, random), random)
    own = [*commit(book, month.days, usage), *charges(settings, book, month.days, usage, random)]
    entries, more = _appended(book.entries, own)
    plain = np.flatnonzero(of_kind(entries, usage, {Kind.USAGE}))
    kept = np.ones(len(usage), np.bool_)
    kept[plain[len(plain) - len(more) :]] = False  # room for the others: rows are exact
    lines = Lines.concat([usage.take(kept), more])
    whole = Bill(
        settings=settings,
        month=month,
        book=book,
        entries=entries,
        lines=lines.take(random.permutation(len(lines))),
        through_day=month.days,
    )
    return whole if through_day is None else whole.through(through_day)


def restate(before: Bill, changes: Changes | None = None) -> Bill:
    """Return the next delivery of the same month, with *changes*."""
    changes = changes or Changes()
    lines, entries = before.lines, before.entries
    random = before.settings.random("restate", before.month, before.revision)
    usage = of_kind(entries, lines, {Kind.USAGE})
    gone = usage & (random.random(len(lines)) < changes.vanished)
    metered = usage & ~gone & (lines.day == changes.day - 1)
    entries, more = _appended(entries, _refunded(before, usage, changes.refunded))
    parts = [
        lines.take(~gone & ~metered),
        lines.take(metered).scaled(changes.usage_per_mille, 1000),
        usage_lines(before.book, before.through_day, changes.late, random),
        more,
    ]
    after = replace(
        before, entries=entries, lines=Lines.concat(parts), revision=before.revision + 1
    )
    return after.within(before.scope)


def _refunded(bill: Bill, usage: npt.NDArray[np.bool_], units: Decimal) -> list[Charge]:
    first = bill.lines.entry[usage][:1].tolist()
    return [(refund(bill.entries[number]), 0, -units) for number in first]


def _appended(entries: tuple[Entry, ...], own: list[Charge]) -> tuple[tuple[Entry, ...], Lines]:
    """Return *entries* with those of *own* charges, each once, and these charges as lines."""
    numbers: dict[int, int] = {}
    found = list(entries)
    for entry, _, _ in own:
        if id(entry) not in numbers:
            numbers[id(entry)] = len(found)
            found.append(entry)
    lines = Lines.of(
        np.array([numbers[id(entry)] for entry, _, _ in own], np.int32),
        np.array([day for _, day, _ in own], np.int32),
        Numbers.of([quantity for _, _, quantity in own]),
    )
    return tuple(found), lines
