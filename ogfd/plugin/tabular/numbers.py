"""Exact decimals from the cells of a report, by column; only odd values are looked at one by one."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Context, Decimal
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ogfd.plugin.tabular.text import Mask

_LARGEST: Final = Decimal(10) ** 15  # the engine refuses larger amounts, as sums would overflow
_WIDE: Final = Context(prec=1100, rounding=ROUND_HALF_EVEN)
_NUMBER: Final = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?")
_MANY_DIGITS: Final = r"^[+-]?\d{1,15}(\.\d{1,40})?([eE]-([01]?\d|20))?$"
_SCALE: Final = 60  # with 15 digits before the point this fits the 76 digits of a decimal256
_E: Final = ord("e")
_MINUS: Final = ord("-")


@dataclass(frozen=True, slots=True, kw_only=True)
class Numbers:
    """
    A column of numbers.

    Attributes:
        values: decimals; null where the cell is empty or no number.
        bad: which rows hold something that is no finite number below 10^15 in size.
        rounded: how many values had more digits than the type and were rounded half-even.
    """

    values: pa.Array
    bad: Mask
    rounded: int = 0


def numbers(cells: pa.Array, kind: pa.DataType) -> Numbers:
    """
    Read *cells* as decimals of *kind*.

    A floating point number is the shortest decimal that stands for it: 0.1, not its binary value
    0.1000000000000000055.

    Args:
        cells: the bytes of a column of text, or numbers of any type.
        kind: a decimal.
    """
    if pa.types.is_decimal128(cells.type) or pa.types.is_decimal256(cells.type):
        return _decimals(cells, kind)
    if not pa.types.is_binary(cells.type):
        cells = cells.cast(pa.string()).cast(pa.binary())
    none = np.zeros(len(cells), dtype=np.bool_)
    if cells.null_count == len(cells):
        return Numbers(values=pa.nulls(len(cells), kind), bad=none)
    if not _grows(cells):
        try:
            values = _text(cells).cast(kind)
        except pa.ArrowInvalid:
            pass
        else:
            if not _too_large(values):
                return Numbers(values=values, bad=none)
    return _one_by_one(cells, kind)


def _decimals(cells: pa.Array, kind: pa.DataType) -> Numbers:
    """Round decimals as they are: their text would be three times as slow to read."""
    bad = np.zeros(len(cells), dtype=np.bool_)
    if _too_large(cells):
        large = pc.greater_equal(pc.abs(cells), pa.scalar(_LARGEST)).fill_null(False)
        bad = large.to_numpy(zero_copy_only=False)
        cells = pc.if_else(large, None, cells)
    if cells.type.scale <= kind.scale:
        return Numbers(values=cells.cast(kind), bad=bad)
    near = pc.round(cells, kind.scale, round_mode="half_to_even")
    rounded = int(pc.sum(pc.not_equal(near, cells)).as_py() or 0)
    return Numbers(values=near.cast(kind), bad=bad, rounded=rounded)


def _text(cells: pa.Array) -> pa.Array:
    # No check for UTF-8: a cast to a number refuses whatever is not ASCII.
    return cells.view(pa.string())


def _grows(cells: pa.Array) -> bool:
    """
    Tell whether a cell may have a positive exponent.

    Arrow 26 overflows silently in ``1e30``; cells like ``6.7E-8`` are many and harmless.
    """
    _, offsets, data = cells.buffers()
    if data is None:
        return False
    ends = np.frombuffer(offsets, dtype=np.int32)[[cells.offset, cells.offset + len(cells)]]
    letters = np.frombuffer(data, dtype=np.uint8)[ends[0] : ends[1]]
    places = np.flatnonzero((letters | 0x20) == _E)
    return bool(len(places)) and bool(
        places[-1] + 1 == len(letters) or (letters[places + 1] != _MINUS).any()
    )


def _too_large(values: pa.Array) -> bool:
    bounds = pc.min_max(values).as_py()
    return bounds["max"] is not None and max(bounds["max"], -bounds["min"]) >= _LARGEST


def _one_by_one(cells: pa.Array, kind: pa.DataType) -> Numbers:
    """Round what only has many digits by column, and look at the rest by distinct value."""
    fits = _matching(cells, _few_digits(kind.scale))
    values = _text(pc.if_else(pa.array(fits), cells, None)).cast(kind)
    bad = np.zeros(len(cells), dtype=np.bool_)
    rest = np.flatnonzero(~fits & cells.is_valid().to_numpy(zero_copy_only=False))
    if not len(rest):
        return Numbers(values=values, bad=bad)
    others = cells.take(pa.array(rest))
    plain = _matching(others, _MANY_DIGITS)
    wide = _text(pc.if_else(pa.array(plain), others, None)).cast(pa.decimal256(76, _SCALE))
    near = pc.round(wide, kind.scale, round_mode="half_to_even")
    rounded = int(pc.sum(pc.not_equal(near, wide)).as_py() or 0)
    found = near.cast(kind)
    odd = np.flatnonzero(~plain)
    if len(odd):
        chosen, bad[rest[odd]], more = _odd(others.take(pa.array(odd)), kind)
        found = pc.replace_with_mask(found, pa.array(~plain), chosen)
        rounded += more
    mask = np.zeros(len(cells), dtype=np.bool_)
    mask[rest] = True
    return Numbers(
        values=pc.replace_with_mask(values, pa.array(mask), found), bad=bad, rounded=rounded
    )


def _few_digits(scale: int) -> str:
    return rf"^[+-]?\d{{1,15}}(\.\d{{1,{scale}}})?$"


def _matching(cells: pa.Array, pattern: str) -> Mask:
    found = pc.match_substring_regex(cells, pattern)
    mask: Mask = found.fill_null(False).to_numpy(zero_copy_only=False)
    return mask


def _odd(cells: pa.Array, kind: pa.DataType) -> tuple[pa.Array, Mask, int]:
    encoded = cells.dictionary_encode()
    indices = encoded.indices.to_numpy()
    found = [_number(raw) for raw in encoded.dictionary.to_pylist()]
    quantum = Decimal(1).scaleb(-kind.scale)
    near = [None if one is None else one.quantize(quantum, context=_WIDE) for one in found]
    moved = np.array([one != other for one, other in zip(found, near, strict=True)])
    bad = np.array([one is None for one in found])
    return pa.array(near, kind).take(encoded.indices), bad[indices], int(moved[indices].sum())


def _number(raw: bytes) -> Decimal | None:
    text = raw.decode("ascii", "replace").strip()
    if _NUMBER.fullmatch(text) is None:
        return None
    number = Decimal(text)
    return number if abs(number) < _LARGEST else None
