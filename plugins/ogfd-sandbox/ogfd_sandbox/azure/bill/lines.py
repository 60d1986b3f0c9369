"""The charges of a month as arrays: an entry of the book, a day and a quantity each."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt

from ogfd_sandbox.azure.bill.amounts import rounded
from ogfd_sandbox.azure.bill.book import Book, Entry, Index, Kind
from ogfd_sandbox.azure.bill.catalog import Shape
from ogfd_sandbox.cur.numbers import Numbers

Price = Literal["listed", "contracted", "paid", "effective"]

_DECIMALS: Final[dict[Shape, int]] = {"hours": 6, "count": 4, "fine": 11}
_TINY_DECIMALS: Final = 18
_TINY: Final = 0.2
_SHOWN_DECIMALS: Final = 8
_FULL_DAYS: Final = 0.6
_NEGATIVE: Final = 0.005


@dataclass(frozen=True, slots=True, kw_only=True)
class Lines:
    """
    Charges; all fields are of equal length.

    Attributes:
        entry: number of the entry.
        day: day of the month, from 0.
        metered: the quantity that costs are made of, in units of the meter.
        quantity: the same as files tell it, with 8 decimals.
    """

    entry: Index
    day: Index
    metered: Numbers
    quantity: Numbers

    def __len__(self) -> int:
        return len(self.entry)

    @classmethod
    def of(cls, entry: Index, day: Index, metered: Numbers) -> Lines:
        """Return lines of what was *metered*."""
        return cls(
            entry=entry.astype(np.int32),
            day=day.astype(np.int32),
            metered=metered,
            quantity=rounded(metered, _SHOWN_DECIMALS),
        )

    @classmethod
    def concat(cls, parts: Sequence[Lines]) -> Lines:
        """Return the lines of *parts*, one after the other."""
        metered = [part.metered for part in parts]
        return cls.of(
            np.concatenate([part.entry for part in parts]),
            np.concatenate([part.day for part in parts]),
            Numbers(
                np.concatenate([numbers.coefficient for numbers in metered]),
                np.concatenate([numbers.decimals for numbers in metered]),
            ),
        )

    def take(self, index: npt.NDArray[Any]) -> Lines:
        """Return the lines at *index*, which may also be a mask."""
        return Lines(
            entry=self.entry[index],
            day=self.day[index],
            metered=self.metered.take(index),
            quantity=self.quantity.take(index),
        )

    def cost(self, entries: Sequence[Entry], price: Price, *, billed: bool = True) -> Numbers:
        """
        Return what the lines cost.

        Args:
            entries: what the lines point into.
            price: which price.
            billed: whether in the currency of the bill, and not in dollars.
        """
        return self.times(prices(entries, price, billed=billed))

    def times(self, prices: Numbers) -> Numbers:
        """Return what the lines cost at *prices*, one for each entry."""
        return self.metered * prices.take(self.entry)

    def scaled(self, numerator: int, denominator: int) -> Lines:
        """Return the same lines with *numerator* / *denominator* of the quantity."""
        coefficient = self.metered.coefficient * numerator // denominator
        return Lines.of(self.entry, self.day, Numbers(coefficient, self.metered.decimals))


def prices(entries: Sequence[Entry], price: Price, *, billed: bool = True) -> Numbers:
    """Return a price of every entry, in the currency of the bill or in dollars."""
    return Numbers.of(
        [getattr(entry, price) * (entry.profile.rate if billed else 1) for entry in entries]
    )


def of_kind(entries: Sequence[Entry], lines: Lines, kinds: Iterable[Kind]) -> npt.NDArray[np.bool_]:
    """Return a mask of the lines of *kinds*."""
    wanted = frozenset(kinds)
    known = np.array([entry.kind in wanted for entry in entries], np.bool_)
    mask: npt.NDArray[np.bool_] = known[lines.entry]
    return mask


def usage_lines(book: Book, days: int, count: int, random: np.random.Generator) -> Lines:
    """Return *count* lines of on-demand usage within *days*; a few take usage back."""
    entry = random.integers(book.usage, size=count, dtype=np.int32)
    day = random.integers(days, size=count, dtype=np.int32)
    metered = _metered(book, entry, random)
    back = random.random(count) < _NEGATIVE
    coefficient = np.where(back, -metered.coefficient // 3, metered.coefficient)
    return Lines.of(entry, day, Numbers(coefficient, metered.decimals))


def _metered(book: Book, entry: Index, random: np.random.Generator) -> Numbers:
    offers = [book.entries[number].offer for number in range(book.usage)]
    decimals = np.array([_DECIMALS[offer.shape] for offer in offers], np.int8)[entry]
    most = np.array([offer.most * 10 ** _DECIMALS[offer.shape] for offer in offers], np.int64)
    hourly = np.array([offer.shape == "hours" for offer in offers])[entry]
    fine = np.array([offer.shape == "fine" for offer in offers])[entry]
    draw = random.random(len(entry))
    # much is rare: most lines use little
    used = 1 + (most[entry] * draw * random.random(len(entry))).astype(np.int64)
    full = np.where(hourly & (draw < _FULL_DAYS), most[entry], used)
    tiny = fine & (draw < _TINY)
    return Numbers(full, np.where(tiny, _TINY_DECIMALS, decimals).astype(np.int8))
