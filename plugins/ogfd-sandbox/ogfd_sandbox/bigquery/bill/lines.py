"""
The rows of a bill as columns of whole numbers, so that sums are exact and a million take a second.

Amounts are thousand-millionths of the currency: as a FLOAT64 each is the nearest to its nine
decimals, so that CAST(cost AS NUMERIC) gives exactly the number here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

from ogfd_sandbox.bigquery.bill.book import Book
from ogfd_sandbox.cur.settings import Month

NANO: Final = 10**9
MOST_CREDITS: Final = 2
_PACIFIC: Final = ZoneInfo("America/Los_Angeles")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_HOUR: Final = timedelta(hours=1)
_HOURS_OF_DAY: Final = 24

Integers = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Lines:
    """
    Rows, as arrays of equal length.

    Attributes:
        entry: place in the book.
        hour: in which the usage was, in hours since the epoch.
        partition: day of ingestion, in days since the epoch.
        invoice: month of the invoice as ``YYYYMM``.
        usage: in the unit of the offer; 0 for what has none.
        cost: before credits.
        credits: of the entry, in its order; 0 where it has fewer. Two columns.
    """

    entry: Integers
    hour: Integers
    partition: Integers
    invoice: Integers
    usage: Integers
    cost: Integers
    credits: Integers

    def __len__(self) -> int:
        return len(self.entry)

    @property
    def day(self) -> Integers:
        """Of the usage, in UTC, in days since the epoch."""
        days: Integers = self.hour // _HOURS_OF_DAY
        return days

    @property
    def net(self) -> Integers:
        """Cost with its credits."""
        total: Integers = self.cost + self.credits.sum(axis=1)
        return total

    def take(self, which: npt.NDArray[Any]) -> Lines:
        """Return the rows at places, or those of a mask."""
        return Lines(**{one.name: getattr(self, one.name)[which] for one in fields(self)})

    def in_order(self) -> Lines:
        """Return the rows as they were appended: day by day of ingestion."""
        return self.take(np.lexsort((self.entry, self.hour, self.partition)))


def joined(parts: Sequence[Lines]) -> Lines:
    """Return the rows of all *parts*."""
    return Lines(
        **{
            one.name: np.concatenate([getattr(part, one.name) for part in parts])
            for one in fields(Lines)
        }
    )


def used_lines(
    book: Book, random: np.random.Generator, month: Month, count: int, late: int
) -> Lines:
    """
    Return *count* rows of usage of *month*, by UTC.

    Args:
        book: of the account.
        random: decides.
        month: of the usage.
        count: how many.
        late: percent of them that arrive between 3 and 19 days after the usage.
    """
    entry = random.integers(0, book.resources, count)
    hour = hours(month.start) + random.integers(0, month.days * _HOURS_OF_DAY, count)
    lag = random.integers(0, 3, count)
    tardy = random.integers(0, 100, count) < late
    lag[tardy] = random.integers(3, 20, int(tardy.sum()))
    most = np.array([one.offer.most for one in book.entries], np.int64)[entry]
    usage = 1 + (random.random(count) * (most - 1)).astype(np.int64)
    nanos, per = (
        np.array([getattr(one.offer, name) for one in book.entries], np.int64)[entry]
        for name in ("nanos", "nanos_per")
    )
    cost = usage * nanos // per
    return Lines(
        entry=entry,
        hour=hour,
        partition=hour // _HOURS_OF_DAY + lag,
        invoice=invoices(hour),
        usage=usage,
        cost=cost,
        credits=_credits(book, entry, cost),
    )


def fee_line(book: Book, fee: str, month: Month, cost: int, lag_days: int) -> Lines:
    """Return the one row of a fee for all of *month*, booked on its last day, Pacific time."""
    place = book.fee(fee)
    hour = np.array([hours(month.end) - _HOURS_OF_DAY], np.int64)
    usage = book.entries[place].offer.per_pricing_unit if book.entries[place].used else 0
    return Lines(
        entry=np.array([place], np.int64),
        hour=hour,
        partition=hour // _HOURS_OF_DAY + lag_days,
        invoice=np.array([month.year * 100 + month.month], np.int64),
        usage=np.array([usage], np.int64),
        cost=np.array([cost], np.int64),
        credits=np.zeros((1, MOST_CREDITS), np.int64),
    )


def hours(when: datetime) -> int:
    """Return an instant in hours since the epoch."""
    return (when - _EPOCH) // _HOUR


def invoices(hour: Integers) -> Integers:
    """Return the invoice months of hours: the months of their Pacific days."""
    distinct, which = np.unique(hour, return_inverse=True)
    local = [(_EPOCH + int(one) * _HOUR).astimezone(_PACIFIC) for one in distinct]
    found: Integers = np.array([one.year * 100 + one.month for one in local], np.int64)[which]
    return found


def _credits(book: Book, entry: Integers, cost: Integers) -> Integers:
    percents = np.zeros((len(book.entries), MOST_CREDITS), np.int64)
    for place, one in enumerate(book.entries):
        for number, credit in enumerate(one.credits):
            percents[place, number] = credit.percent
    found: Integers = -(cost[:, None] * percents[entry] // 100)
    return found
