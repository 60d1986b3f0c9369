"""Exact decimals from whatever a connector wrote, rounded half-even once, on entry."""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Context, Decimal, InvalidOperation
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

_SPARE_DIGITS: Final = 5  # room to sum 10^5 of the largest numbers without overflow
_WIDEST: Final = pa.decimal256(76, 60)
_WIDE: Final = Context(prec=80, rounding=ROUND_HALF_EVEN)


def exact(values: pa.Array, kind: pa.DataType, name: str) -> tuple[pa.Array, int]:
    """
    Return *values* as decimals of type *kind* and how many had to be rounded (half-even).

    Args:
        values: decimals of any scale, integers or floats; nulls stay null.
        kind: the decimal type of the schema.
        name: the column, for messages.

    Raises:
        ValueError: if a value is not a finite number, or too large: 10^15 for money, 10^21 for
            amounts.
    """
    decimals, roundings = _decimals(values, kind, name)
    if len(decimals):
        bounds = pc.min_max(decimals).as_py()
        low, high = bounds["min"], bounds["max"]
        if high is not None and max(high, -low) >= limit(kind):
            raise _too_large(name, max(high, -low), kind)
    return decimals, roundings


def _decimals(values: pa.Array, kind: pa.DataType, name: str) -> tuple[pa.Array, int]:
    if values.type == kind:
        return values, 0
    if pa.types.is_null(values.type):
        return pa.nulls(len(values), kind), 0
    if pa.types.is_integer(values.type):
        return values.cast(pa.decimal128(38, 0)).cast(kind), 0
    if pa.types.is_dictionary(values.type):
        chosen, roundings = _decimals(values.dictionary, kind, name)
        return chosen.take(values.indices), roundings
    if not pa.types.is_decimal(values.type):
        if not pa.types.is_floating(values.type):
            raise ValueError(f"{name}: {values.type} is no type of numbers")
        # Arrow 26 overflows silently where it casts text such as 1e30.
        if not _fits(values, kind):
            raise _too_large(name, "a number", kind)
        values = values.cast(pa.string())
    try:
        return values.cast(kind), 0
    except pa.ArrowInvalid:
        return _rounded(values, kind, name)


def limit(kind: pa.DataType) -> Decimal:
    """Return what decimals of type *kind* must stay below in size, so that sums stay exact."""
    return Decimal(1).scaleb(kind.precision - kind.scale - _SPARE_DIGITS)


def _too_large(name: str, what: object, kind: pa.DataType) -> ValueError:
    digits = kind.precision - kind.scale - _SPARE_DIGITS
    return ValueError(f"{name}: {what} is too large or no number; the limit is 10^{digits}")


def _fits(values: pa.Array, kind: pa.DataType) -> bool:
    return pc.all(pc.less(pc.abs(values), float(limit(kind)))).as_py() in {True, None}


def _rounded(values: pa.Array, kind: pa.DataType, name: str) -> tuple[pa.Array, int]:
    """Round by column; what is beyond the widest decimals is looked at by distinct value."""
    try:
        wide = values.cast(_WIDEST)
    except pa.ArrowInvalid:
        return _rounded_by_value(values, kind, name)
    near = pc.round(wide, kind.scale, round_mode="half_to_even")
    moved = pc.sum(pc.not_equal(near, wide)).as_py() or 0
    try:
        return near.cast(kind), moved
    except pa.ArrowInvalid:
        raise _too_large(name, "a number", kind) from None


def _rounded_by_value(values: pa.Array, kind: pa.DataType, name: str) -> tuple[pa.Array, int]:
    encoded = values.dictionary_encode()
    quantum = Decimal(1).scaleb(-kind.scale)
    chosen: list[Decimal | None] = []
    moved = np.zeros(len(encoded.dictionary) + 1, dtype=np.int64)
    for index, value in enumerate(encoded.dictionary.to_pylist()):
        number = _number(value, name, kind)
        near = number.quantize(quantum, context=_WIDE)
        moved[index] = near != number
        chosen.append(near)
    indices = encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False)
    return pa.array(chosen, kind).take(encoded.indices), int(moved[indices].sum())


def _number(value: str | Decimal, name: str, kind: pa.DataType) -> Decimal:
    try:
        number = Decimal(value)
    except InvalidOperation:
        raise ValueError(f"{name}: {str(value)[:40]!r} is not a number") from None
    if not number.is_finite():
        raise ValueError(f"{name}: {value} is not a finite number")
    if abs(number) >= limit(kind):
        raise _too_large(name, value, kind)
    return number


def plain(number: Decimal) -> str:
    """Return *number* in plain notation without trailing zeros, such as ``-0.5`` or ``12``."""
    text = f"{number:f}"
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text in {"-0", ""} else text
