"""
Exact decimal numbers by the million: an integer coefficient and a count of decimals each.

    value = coefficient / 10 ** decimals,     0 <= decimals <= 18
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

Integers = npt.NDArray[np.int64]

MOST_DECIMALS: Final = 18
_HALF: Final = 10**9  # halves of a coefficient are summed apart, so that no sum overflows


@dataclass(frozen=True, slots=True)
class Numbers:
    """Many exact numbers; *coefficient* and *decimals* are of equal length."""

    coefficient: Integers
    decimals: npt.NDArray[np.int8]

    @classmethod
    def zeros(cls, count: int) -> Numbers:
        """Return *count* zeros."""
        return cls(np.zeros(count, np.int64), np.ones(count, np.int8))

    @classmethod
    def of(cls, values: list[Decimal]) -> Numbers:
        """Return *values*, which have at most 18 decimals and 18 digits."""
        exponents = [-int(value.as_tuple().exponent) for value in values]
        pairs = [(value, max(places, 0)) for value, places in zip(values, exponents, strict=True)]
        return cls(
            np.array([int(value * 10**places) for value, places in pairs], np.int64),
            np.array([places for _, places in pairs], np.int8),
        )

    def __len__(self) -> int:
        return len(self.coefficient)

    def __neg__(self) -> Numbers:
        return Numbers(-self.coefficient, self.decimals)

    def __add__(self, other: Numbers) -> Numbers:
        decimals = np.maximum(self.decimals, other.decimals)
        return Numbers(self._scaled(decimals) + other._scaled(decimals), decimals)

    def __mul__(self, other: Numbers) -> Numbers:
        decimals = self.decimals + other.decimals
        return Numbers(self.coefficient * other.coefficient, decimals.astype(np.int8))

    def where(self, mask: npt.NDArray[np.bool_], other: Numbers) -> Numbers:
        """Return these numbers where *mask* is set, *other* elsewhere."""
        return Numbers(
            np.where(mask, self.coefficient, other.coefficient),
            np.where(mask, self.decimals, other.decimals),
        )

    def take(self, index: npt.NDArray[Any]) -> Numbers:
        """Return the numbers at *index*."""
        return Numbers(self.coefficient[index], self.decimals[index])

    def shortest(self) -> Numbers:
        """Return equal numbers without needless zeros, but with at least one decimal."""
        coefficient = np.where(self.decimals == 0, self.coefficient * 10, self.coefficient)
        decimals = np.maximum(self.decimals, 1).astype(np.int8)
        decimals[coefficient == 0] = 1
        left = np.flatnonzero((decimals > 1) & (coefficient % 10 == 0))
        while len(left):
            coefficient[left] //= 10
            decimals[left] -= 1
            left = left[(decimals[left] > 1) & (coefficient[left] % 10 == 0)]
        return Numbers(coefficient, decimals)

    def texts(self) -> pa.StringArray:
        """Return the numbers as AWS writes them: ``1.0``, ``0.0416``, ``9.984E-7``."""
        if not len(self):
            return pa.array([], pa.string())
        short = self.shortest()
        places = np.where(_small(short), MOST_DECIMALS + 1, short.decimals)
        order = np.argsort(places, kind="stable")
        kinds, starts = np.unique(places[order], return_index=True)
        parts = [
            _scientific(short.take(rows))
            if kind > MOST_DECIMALS
            else _plain(short.coefficient[rows], int(kind))
            for kind, rows in zip(kinds, np.split(order, starts[1:]), strict=True)
        ]
        back = np.empty(len(order), np.int64)
        back[order] = np.arange(len(order))
        return pa.concat_arrays(parts).take(pa.array(back))

    def _scaled(self, decimals: npt.NDArray[np.int8]) -> Integers:
        more = np.power(10, (decimals - self.decimals).astype(np.int64))
        scaled: Integers = self.coefficient * more
        return scaled

    def total(self) -> Decimal:
        """Return the exact sum."""
        return exact(sum(self.sums(np.zeros(len(self), np.int64)).values()))

    def sums(self, group: Integers) -> dict[int, int]:
        """Return the exact sum of every *group* (any integers), in units of 1e-18."""
        table = pa.table(
            {
                "group": group,
                "decimals": self.decimals,
                "high": self.coefficient // _HALF,
                "low": self.coefficient % _HALF,
            }
        )
        sums = table.group_by(["group", "decimals"]).aggregate([("high", "sum"), ("low", "sum")])
        found: dict[int, int] = {}
        columns = (sums[name].to_pylist() for name in ("group", "decimals", "high_sum", "low_sum"))
        for key, decimals, high, low in zip(*columns, strict=True):
            amount = (high * _HALF + low) * 10 ** (MOST_DECIMALS - decimals)
            found[key] = found.get(key, 0) + amount
        return found


def exact(units: int) -> Decimal:
    """Return *units* of 1e-18 as a decimal, without rounding to any context's precision."""
    return Decimal(f"{units}E-{MOST_DECIMALS}")


def _small(numbers: Numbers) -> npt.NDArray[np.bool_]:
    # below a thousandth Java, which writes the reports, turns to scientific notation
    decimals = numbers.decimals.astype(np.int64)
    limit = np.power(10, np.maximum(decimals - 3, 0))
    nonzero = (numbers.coefficient != 0) & (decimals > 3)
    small: npt.NDArray[np.bool_] = nonzero & (np.abs(numbers.coefficient) < limit)
    return small


def _plain(coefficient: Integers, decimals: int) -> pa.Array:
    words = np.empty((len(coefficient), 2), np.int64)
    words[:, 0] = coefficient
    words[:, 1] = coefficient >> 63
    kind = pa.decimal128(38, decimals)
    amounts = pa.Array.from_buffers(kind, len(coefficient), [None, pa.py_buffer(words)])
    return amounts.cast(pa.string())


def _scientific(numbers: Numbers) -> pa.Array:
    digits = pa.array(np.abs(numbers.coefficient)).cast(pa.string())
    rest = pc.utf8_slice_codeunits(digits, 1)
    exponent = numbers.decimals - pc.utf8_length(digits).to_numpy() + 1
    return pc.binary_join_element_wise(
        pc.if_else(pa.array(numbers.coefficient < 0), "-", ""),
        pc.utf8_slice_codeunits(digits, 0, 1),
        ".",
        pc.if_else(pc.equal(rest, ""), "0", rest),
        "E-",
        pa.array(exponent).cast(pa.string()),
        "",
    )
