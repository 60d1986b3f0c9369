"""A bill of some months, and what Google does to it later."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Final

import numpy as np

from ogfd_sandbox.bigquery.bill.book import Book, make_book
from ogfd_sandbox.bigquery.bill.lines import (
    NANO,
    Lines,
    fee_line,
    hours,
    joined,
    used_lines,
)
from ogfd_sandbox.bigquery.bill.settings import BillSettings
from ogfd_sandbox.bigquery.bill.truth import Truth, truth_of
from ogfd_sandbox.bigquery.customer import billing_account, random_of
from ogfd_sandbox.cur.settings import Month

_FEE_DAYS: Final = 3
_FIRST_DAY: Final = date(1970, 1, 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """The rows of one billing account."""

    id: str
    currency: str
    book: Book
    lines: Lines


@dataclass(frozen=True, slots=True, kw_only=True)
class Bill:
    """
    A bill of some accounts.

    Attributes:
        changes: how many changes were made to the first one.
    """

    settings: BillSettings
    accounts: tuple[Account, ...]
    changes: int = 0

    @property
    def truth(self) -> Truth:
        """What all rows add up to; computed anew at every call."""
        return truth_of((account.book, account.lines) for account in self.accounts)

    @property
    def partitions(self) -> tuple[date, ...]:
        """The days of ingestion of all accounts."""
        days = np.unique(np.concatenate([one.lines.partition for one in self.accounts]))
        return tuple(_FIRST_DAY + timedelta(days=day) for day in days.tolist())


def assemble(settings: BillSettings) -> Bill:
    """Generate a bill."""
    months = [settings.first.plus(place) for place in range(settings.months)]
    accounts = []
    for number in range(settings.billing_accounts):
        book = make_book(settings, number)
        random = random_of(settings.seed, "lines", number)
        share = settings.rows // settings.billing_accounts
        parts = [
            part
            for place, month in enumerate(months)
            for part in _month(settings, book, random, month, _part(share, len(months), place))
        ]
        accounts.append(
            Account(
                id=billing_account(number),
                currency=book.entries[0].currency,
                book=book,
                lines=joined(parts).in_order(),
            )
        )
    return Bill(settings=settings, accounts=tuple(accounts))


def add_late(bill: Bill, *, rows: int = 1, days: int = 19) -> Bill:
    """Return *bill* with so many rows more, of the first of its days, ingested *days* later."""

    def change(account: Account, random: np.random.Generator) -> Lines:
        month = bill.settings.first
        lines = used_lines(account.book, random, month, rows, 0)
        # noon, UTC: by Pacific time it is of the same month
        hour = np.full(rows, hours(month.start) + 12, np.int64)
        invoice = np.full(rows, month.year * 100 + month.month, np.int64)
        late = replace(lines, hour=hour, partition=hour // 24 + days, invoice=invoice)
        return joined([account.lines, late])

    return _changed(bill, change)


def correct(bill: Bill, *, rows: int = 1, partition: date | None = None) -> Bill:
    """
    Return *bill* with so many of its first month's rows taken back under the next invoice month.

    Args:
        bill: before.
        rows: how many.
        partition: day of ingestion; the fifth of the month after the bill's if None.
    """
    day = partition or bill.settings.first.plus(bill.settings.months).start.date().replace(day=5)
    first, following = bill.settings.first, bill.settings.first.plus(1)

    def change(account: Account, random: np.random.Generator) -> Lines:
        ours = account.lines.entry < account.book.resources
        ours &= account.lines.invoice == first.year * 100 + first.month
        which = random.choice(np.flatnonzero(ours), rows, replace=False)
        old = account.lines.take(which)
        taken = replace(
            old,
            entry=np.array([account.book.correction(one) for one in old.entry.tolist()], np.int64),
            partition=np.full(rows, (day - _FIRST_DAY).days, np.int64),
            invoice=np.full(rows, following.year * 100 + following.month, np.int64),
            usage=-old.usage,
            cost=-old.cost,
            credits=-old.credits,
        )
        return joined([account.lines, taken])

    return _changed(bill, change)


def vanish(bill: Bill, partition: date, *, rows: int | None = None) -> Bill:
    """
    Return *bill* without rows of an old partition.

    Args:
        bill: before.
        partition: day of ingestion.
        rows: how many of each account go; all if None, and the partition with them.
    """
    number = (partition - _FIRST_DAY).days

    def change(account: Account, random: np.random.Generator) -> Lines:
        there = np.flatnonzero(account.lines.partition == number)
        gone = there if rows is None else random.choice(there, rows, replace=False)
        keep = np.ones(len(account.lines), np.bool_)
        keep[gone] = False
        return account.lines.take(keep)

    return _changed(bill, change)


def turned_on(bill: Bill, day: date) -> Bill:
    """Return *bill* with all that was ingested before *day*, when the export began, on that day."""
    first = (day - _FIRST_DAY).days
    accounts = []
    for account in bill.accounts:
        lines = account.lines
        held = replace(lines, partition=np.maximum(lines.partition, first)).in_order()
        accounts.append(replace(account, lines=held))
    return replace(bill, accounts=tuple(accounts))


def _changed(bill: Bill, change: Callable[[Account, np.random.Generator], Lines]) -> Bill:
    accounts = []
    for account in bill.accounts:
        random = random_of(bill.settings.seed, "change", bill.changes, account.id)
        accounts.append(replace(account, lines=change(account, random).in_order()))
    return replace(bill, accounts=tuple(accounts), changes=bill.changes + 1)


def _part(rows: int, months: int, place: int) -> int:
    return rows // months + (place < rows % months)


def _month(
    settings: BillSettings, book: Book, random: np.random.Generator, month: Month, rows: int
) -> list[Lines]:
    usage = used_lines(book, random, month, rows, settings.late_percent)
    net = int(usage.net.sum())
    tax = net * 19 // 100
    fees = [
        fee_line(book, "support", month, 500 * NANO, _FEE_DAYS),
        fee_line(book, "project_tax", month, tax * 2 // 3, _FEE_DAYS),
        fee_line(book, "tax", month, tax - tax * 2 // 3, _FEE_DAYS),
        fee_line(book, "rounding_error", month, -(net % (NANO // 100)) - 1, _FEE_DAYS),
    ]
    extra = [
        fee_line(book, "surcharge", month, (place + 1) * NANO, _FEE_DAYS)
        for place in range(settings.surcharges)
    ]
    return [usage, *fees, *extra]
