"""Text columns as dictionaries: work is done once a distinct value, never once a row."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

Mask = npt.NDArray[np.bool_]
Codes = npt.NDArray[np.int64]

_WIDE: Final = 1 << 20  # a table of that many entries is quicker than sorting 64k keys


@dataclass(frozen=True)
class Text:
    """
    A text column.

    Attributes:
        indices: int32, null where the cell is empty.
        values: the distinct values as strings.
        broken: which rows hold bytes that are not UTF-8; None if none does.
    """

    indices: pa.Array
    values: pa.Array
    broken: Mask | None = None

    @cached_property
    def codes(self) -> Codes:
        """Codes into `items`; the last one stands for an empty cell."""
        filled = self.indices.fill_null(len(self.values))
        codes: Codes = filled.to_numpy(zero_copy_only=False).astype(np.int64)
        return codes

    @cached_property
    def items(self) -> list[str | None]:
        """The distinct values and, last, None."""
        return [*self.values.to_pylist(), None]

    @cached_property
    def empty(self) -> Mask:
        """Which rows have an empty cell."""
        mask: Mask = self.indices.is_null().to_numpy(zero_copy_only=False)
        return mask

    def array(self) -> pa.DictionaryArray:
        """Return the column as it is."""
        return pa.DictionaryArray.from_arrays(self.indices, self.values)


def text_of(column: pa.DictionaryArray) -> Text:
    """Check the distinct values of a dictionary of bytes for UTF-8."""
    raw = column.dictionary
    try:
        return Text(column.indices, raw.cast(pa.string()))
    except pa.ArrowInvalid:
        found = [_decoded(value) for value in raw.to_pylist()]
    bad = np.array([*(value is None for value in found), False])
    # A placeholder for each: the rows are rejected, and codes stay as they are.
    text = Text(column.indices, pa.array([value or "" for value in found], pa.string()))
    return replace(text, broken=bad[text.codes])


def _decoded(value: bytes) -> str | None:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return None


def absent(count: int) -> Text:
    """Return a column of *count* empty cells."""
    return Text(pa.nulls(count, pa.int32()), pa.array([], pa.string()))


class Combined:
    """The distinct combinations of some text columns, and each row's combination."""

    def __init__(self, columns: Sequence[Text]) -> None:
        first = columns[0]
        self.codes, distinct = _compact(first.codes, len(first.items))
        self.rows: list[tuple[str | None, ...]] = [(first.items[code],) for code in distinct]
        for column in columns[1:]:
            self._widen(column)

    def map(
        self, function: Callable[..., Any], kind: pa.DataType | None = None
    ) -> pa.DictionaryArray:
        """Return the column that *function* makes of each combination; None makes a null."""
        return self.column([function(*row) for row in self.rows], kind)

    def column(self, results: Sequence[Any], kind: pa.DataType | None = None) -> pa.DictionaryArray:
        """Return the column that has ``results[i]`` where the row is of combination *i*."""
        places: dict[Any, int] = {}
        codes = [
            None if result is None else places.setdefault(result, len(places)) for result in results
        ]
        indices = pa.array(codes, pa.int32()).take(pa.array(self.codes))
        return pa.DictionaryArray.from_arrays(indices, pa.array(list(places), kind or pa.string()))

    def where(self, function: Callable[..., bool]) -> Mask:
        """Return the rows whose combination *function* says yes to."""
        return self.flags([function(*row) for row in self.rows])

    def flags(self, chosen: Sequence[bool]) -> Mask:
        """Return the rows whose combination is chosen."""
        mask: Mask = np.array([*chosen, False])[self.codes]
        return mask

    def _widen(self, column: Text) -> None:
        size = len(column.items)
        if size == 1:
            self.rows = [(*row, None) for row in self.rows]
            return
        self.codes, distinct = _compact(self.codes * size + column.codes, len(self.rows) * size)
        old, new = np.divmod(distinct, size)
        self.rows = [
            (*self.rows[place], column.items[code])
            for place, code in zip(old.tolist(), new.tolist(), strict=True)
        ]


def _compact(packed: Codes, width: int) -> tuple[Codes, Codes]:
    """Return codes without gaps and the packed key of each."""
    if width > _WIDE:
        distinct, codes = np.unique(packed, return_inverse=True)
        return codes, distinct
    seen = np.zeros(width, dtype=np.bool_)
    seen[packed] = True
    distinct = np.flatnonzero(seen)
    places = np.zeros(width, dtype=np.int64)
    places[distinct] = np.arange(len(distinct))
    return places[packed], distinct
