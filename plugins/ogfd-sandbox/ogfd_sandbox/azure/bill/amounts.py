"""
Exact numbers with up to 28 decimals: as the texts that Azure writes, as decimals, and added up.

What a number is, a coefficient and a count of decimals, is `ogfd_sandbox.cur.numbers.Numbers`,
which prints and adds up no more than 18 decimals; costs of Azure have more.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import Final, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ogfd_sandbox.cur.numbers import Integers, Numbers

MOST_DECIMALS: Final = 28
AMOUNT: Final = pa.decimal128(38, MOST_DECIMALS)
"""What amounts are in Parquet: wide enough for every number here, so none is rounded."""

Style = Literal["plain", "scientific"]
"""How small numbers are written: ``0.000015``, or ``1.5E-05`` as .NET writes them."""

_PADDED_FROM: Final = 18
"""Longer fractions are written with all 28 decimals, as they come out of a C# decimal."""
_SMALL: Final = 4
_LONGEST: Final = 18
"""Digits of a coefficient, below 5e18."""
_HALF: Final = 10**9  # halves of a coefficient are summed apart, so that no sum overflows
_NO_TEXT: Final = pa.array([], pa.string())


def texts(numbers: Numbers, style: Style) -> pa.Array:
    """Return the numbers as Azure writes them, without needless zeros."""
    short = _stripped(numbers)
    small = style == "scientific" and _adjusted(short) < -_SMALL
    scientific = np.broadcast_to(small, len(short)) & (short.coefficient != 0)
    kinds = np.where(scientific, -1, short.decimals.astype(np.int64))
    return _by_kind(
        short, kinds, lambda kind, some: _scientific(some) if kind < 0 else _plain(some, kind)
    )


def decimals(numbers: Numbers) -> pa.Array:
    """Return the numbers as `AMOUNT`."""
    kinds = numbers.decimals.astype(np.int64)
    return _by_kind(numbers, kinds, lambda kind, some: _decimal(some.coefficient, kind))


def rounded(numbers: Numbers, places: int) -> Numbers:
    """Return the numbers with at most *places* decimals, rounded half-even."""
    beyond = np.maximum(numbers.decimals.astype(np.int64) - places, 0)
    unit = np.power(10, np.minimum(beyond, _LONGEST))
    whole, rest = np.divmod(numbers.coefficient, unit)
    up = (rest > unit - rest) | ((rest == unit - rest) & (whole % 2 == 1))
    # further units exceed 64 bits, and the coefficient never reaches half of one
    coefficient = np.where(beyond > _LONGEST, 0, whole + (up & (beyond > 0)))
    return Numbers(coefficient, np.minimum(numbers.decimals, places).astype(np.int8))


def sums(numbers: Numbers, group: Integers) -> dict[int, int]:
    """Return the exact sum of every *group* (any integers), in units of 1e-28."""
    table = pa.table(
        {
            "group": group,
            "decimals": numbers.decimals,
            "high": numbers.coefficient // _HALF,
            "low": numbers.coefficient % _HALF,
        }
    )
    added = table.group_by(["group", "decimals"]).aggregate([("high", "sum"), ("low", "sum")])
    columns = (added[name].to_pylist() for name in ("group", "decimals", "high_sum", "low_sum"))
    found: dict[int, int] = {}
    for key, places, high, low in zip(*columns, strict=True):
        amount = (high * _HALF + low) * 10 ** (MOST_DECIMALS - places)
        found[key] = found.get(key, 0) + amount
    return found


def exact(units: int) -> Decimal:
    """Return *units* of 1e-28 as a decimal, without rounding to any context's precision."""
    return Decimal(f"{units}E-{MOST_DECIMALS}")


def units(amount: Decimal) -> int:
    """Return *amount* in units of 1e-28."""
    sign, digits, exponent = amount.as_tuple()
    whole = int("".join(map(str, digits)) + "0" * (int(exponent) + MOST_DECIMALS))
    return -whole if sign else whole


def total(amounts: Iterable[Decimal]) -> Decimal:
    """Return the exact sum of *amounts*; a decimal context would round to its precision."""
    return exact(sum(map(units, amounts)))


def _by_kind(
    numbers: Numbers, kinds: Integers, render: Callable[[int, Numbers], pa.Array]
) -> pa.Array:
    """Render the numbers of each kind together, and return them in their own order."""
    if not len(numbers):
        return render(0, numbers)
    order = np.argsort(kinds, kind="stable")
    distinct, starts = np.unique(kinds[order], return_index=True)
    parts = [
        render(int(kind), numbers.take(rows))
        for kind, rows in zip(distinct, np.split(order, starts[1:]), strict=True)
    ]
    back = np.empty(len(order), np.int64)
    back[order] = np.arange(len(order))
    return pa.concat_arrays(parts).take(pa.array(back))


def _stripped(numbers: Numbers) -> Numbers:
    coefficient, places = numbers.coefficient.copy(), numbers.decimals.copy()
    places[coefficient == 0] = 0
    left = np.flatnonzero((places > 0) & (coefficient % 10 == 0))
    while len(left):
        coefficient[left] //= 10
        places[left] -= 1
        left = left[(places[left] > 0) & (coefficient[left] % 10 == 0)]
    return Numbers(coefficient, places)


def _digits(numbers: Numbers) -> pa.Array:
    return pa.array(np.abs(numbers.coefficient)).cast(pa.string())


def _adjusted(numbers: Numbers) -> Integers:
    """The exponent of the first digit."""
    length = pc.utf8_length(_digits(numbers)).to_numpy().astype(np.int64)
    adjusted: Integers = length - 1 - numbers.decimals
    return adjusted


def _sign(numbers: Numbers) -> pa.Array:
    return pc.if_else(pa.array(numbers.coefficient < 0), "-", "")


def _plain(numbers: Numbers, places: int) -> pa.Array:
    if not len(numbers):
        return _NO_TEXT
    if places == 0:
        return pc.binary_join_element_wise(_sign(numbers), _digits(numbers), "")
    digits = pc.utf8_lpad(_digits(numbers), places + 1, "0")
    fraction = pc.utf8_slice_codeunits(digits, -places)
    if places > _PADDED_FROM:
        fraction = pc.utf8_rpad(fraction, MOST_DECIMALS, "0")
    whole = pc.utf8_slice_codeunits(digits, 0, -places)
    return pc.binary_join_element_wise(_sign(numbers), whole, pa.scalar("."), fraction, "")


def _scientific(numbers: Numbers) -> pa.Array:
    digits = _digits(numbers)
    rest = pc.utf8_slice_codeunits(digits, 1)
    exponent = pc.utf8_lpad(pa.array(-_adjusted(numbers)).cast(pa.string()), 2, "0")
    return pc.binary_join_element_wise(
        _sign(numbers),
        pc.utf8_slice_codeunits(digits, 0, 1),
        pc.if_else(pc.equal(rest, ""), "", "."),
        rest,
        "E-",
        exponent,
        "",
    )


def _decimal(coefficient: Integers, places: int) -> pa.Array:
    words = np.empty((len(coefficient), 2), np.int64)
    words[:, 0] = coefficient
    words[:, 1] = coefficient >> 63
    kind = pa.decimal128(38, places)
    amounts = pa.Array.from_buffers(kind, len(coefficient), [None, pa.py_buffer(words)])
    return amounts.cast(AMOUNT)
