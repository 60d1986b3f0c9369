"""Values of map columns by key: maps of Parquet, and the JSON objects that CSV has in their place."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ogfd.plugin.tabular.text import Mask

TEXT: Final = pa.dictionary(pa.int32(), pa.binary())
_KEPT: Final = 1 << 16  # objects; a few hundred bytes each, mostly of resources and their tags

Keys = tuple[str, ...]


class Maps:
    """
    Looks keys up. Keeps the objects that it has parsed; not for two threads at once.

    Args:
        parse: reads an object that is not empty; None if it is none. JSON unless another is given.
    """

    def __init__(self, parse: Callable[[bytes], dict[str, Any] | None] | None = None) -> None:
        self._parsed: dict[bytes, dict[str, Any] | None] = {}
        self._parse = parse or _parsed

    def values(self, column: pa.Array, wanted: Sequence[Keys]) -> tuple[list[pa.Array], Mask]:
        """
        Return the value of each of *wanted* in every row, and the rows that hold no map.

        Args:
            column: a map of text, or a dictionary of JSON as bytes.
            wanted: for each value, the keys that it may have; the first that is there counts.
        """
        if pa.types.is_map(column.type):
            values = [_of_map(column, keys) for keys in wanted]
            return values, np.zeros(len(column), dtype=np.bool_)
        return self._of_json(column, wanted)

    def _of_json(
        self, column: pa.DictionaryArray, wanted: Sequence[Keys]
    ) -> tuple[list[pa.Array], Mask]:
        """Parse each distinct object once."""
        objects = [self._object(raw) for raw in column.dictionary.to_pylist()]
        broken = pa.array([one is None for one in objects], pa.bool_()).take(column.indices)
        values = [
            _recoded(column.indices, [_value(one or {}, keys) for one in objects])
            for keys in wanted
        ]
        mask: Mask = broken.fill_null(False).to_numpy(zero_copy_only=False)
        return values, mask

    def _object(self, raw: bytes | None) -> dict[str, Any] | None:
        raw = raw or b"{}"
        if raw not in self._parsed:
            if len(self._parsed) >= _KEPT:
                self._parsed.clear()
            self._parsed[raw] = self._parse(raw)
        return self._parsed[raw]


def _parsed(raw: bytes) -> dict[str, Any] | None:
    try:
        found = json.loads(raw)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _value(found: dict[str, Any], keys: Keys) -> bytes | None:
    values = (found.get(key) for key in keys)
    value = next((one for one in values if one is not None and one != ""), None)
    if value is None:
        return None
    return value.encode() if isinstance(value, str) else json.dumps(value).encode()


def _recoded(indices: pa.Array, values: list[bytes | None]) -> pa.DictionaryArray:
    places: dict[bytes, int] = {}
    codes = [None if one is None else places.setdefault(one, len(places)) for one in values]
    chosen = pa.array(codes, pa.int32()).take(indices)
    return pa.DictionaryArray.from_arrays(chosen, pa.array(list(places), pa.binary()))


def _of_map(column: pa.MapArray, keys: Keys) -> pa.DictionaryArray:
    """Find all entries of a key at once, then the row of each."""
    first = column.offsets[0].as_py()
    size = column.offsets[len(column)].as_py() - first
    names, items = column.keys.slice(first, size), column.items.slice(first, size)
    ends = column.offsets.to_numpy()[1:] - first
    found = np.full(len(column), -1, dtype=np.int64)
    for key in reversed(keys):
        entries = np.flatnonzero(_true(pc.equal(names, pa.scalar(key, names.type))))
        entries = entries[_true(pc.not_equal(items.take(pa.array(entries)), ""))]
        found[np.searchsorted(ends, entries, side="right")] = entries
    chosen = pa.array(found, mask=found < 0)
    return items.take(chosen).cast(pa.binary()).dictionary_encode()


def _true(flags: pa.Array) -> Mask:
    mask: Mask = flags.fill_null(False).to_numpy(zero_copy_only=False)
    return mask
