"""
A batch of rows as the pipeline works on it: codes into distinct values, and exact measures.

Key columns are kept as integer codes into small arrays of distinct values; the work per value
(casts, UTF-8 checks, hashes) is done once a value, the work per row is integer arithmetic.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ogfd.packages.decimals import exact
from ogfd.plugin import ACTIVITY_SCHEMA, ENGINE_COLUMNS, KEY_COLUMNS, MEASURES

Codes = npt.NDArray[np.int32]
Mask = npt.NDArray[np.bool_]

_NO_PAIRS: Final = "{}"


@dataclass(frozen=True, slots=True)
class Coded:
    """A key column: ``values[codes[i]]`` is the value of row *i*; *values* may hold one null."""

    codes: Codes
    values: pa.Array

    def where(self, mask: Mask) -> Coded:
        """Keep the rows of *mask*."""
        return Coded(self.codes[mask], self.values)

    def array(self) -> pa.Array:
        """Return the column as a dictionary array; nulls are null indices, never null values."""
        if not self.values.null_count:
            return pa.DictionaryArray.from_arrays(pa.array(self.codes), self.values)
        valid = self.values.is_valid().to_numpy(zero_copy_only=False)
        moved = (np.cumsum(valid) - 1).astype(np.int32)
        indices = pa.array(moved[self.codes], mask=~valid[self.codes])
        return pa.DictionaryArray.from_arrays(indices, self.values.drop_null())


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """
    Normalised rows.

    Attributes:
        count: number of rows.
        keys: present key columns; an absent one is null in all rows. Labels are JSON text.
        metadata: labels that are no key, as JSON text.
        measures: present measures, each of the schema's type; ``line_count`` always.
        roundings: how many values had more digits than the schema.
    """

    count: int
    keys: Mapping[str, Coded]
    metadata: Coded
    measures: Mapping[str, pa.Array]
    roundings: int = 0

    def where(self, mask: Mask) -> Rows:
        """Keep the rows of *mask*."""
        chosen = pa.array(mask)
        return replace(
            self,
            count=int(mask.sum()),
            keys={name: column.where(mask) for name, column in self.keys.items()},
            metadata=self.metadata.where(mask),
            measures={name: column.filter(chosen) for name, column in self.measures.items()},
        )


def rows_of(batch: pa.RecordBatch) -> Rows:
    """
    Normalise what a connector wrote.

    Raises:
        ValueError: if a column is unknown, comes twice, is the engine's own, or holds a value
            that cannot become the schema's type without loss.
    """
    _check_names(batch.schema.names)
    keys: dict[str, Coded] = {}
    measures: dict[str, pa.Array] = {}
    roundings = 0
    metadata = _constant(_NO_PAIRS, batch.num_rows)
    for name, column in zip(batch.schema.names, batch.columns, strict=True):
        if name == "metadata":
            metadata = _labels(column)
        elif name == "line_count":
            measures[name] = _counts(column)
        elif name in MEASURES:
            kind = ACTIVITY_SCHEMA.field(name).type
            measures[name], moved = exact(column, kind, name)
            roundings += moved
        elif name == "tags":
            keys[name] = _labels(column)
        else:
            keys[name] = _coded(name, column)
    measures.setdefault("line_count", pa.array(np.ones(batch.num_rows, dtype=np.int64)))
    return Rows(
        count=batch.num_rows,
        keys=keys,
        metadata=metadata,
        measures=measures,
        roundings=roundings,
    )


def constant(name: str, value: object, count: int) -> Coded:
    """Return a key column that has *value* in all rows."""
    kind = ACTIVITY_SCHEMA.field(name).type
    return Coded(np.zeros(count, dtype=np.int32), pa.array([value], kind))


def _constant(text: str, count: int) -> Coded:
    return Coded(np.zeros(count, dtype=np.int32), pa.array([text]))


def _check_names(names: list[str]) -> None:
    if len(set(names)) != len(names):
        raise ValueError("a batch has two columns of one name")
    for name in names:
        if name in ENGINE_COLUMNS or (
            name not in KEY_COLUMNS and name not in ACTIVITY_SCHEMA.names
        ):
            raise ValueError(f"{name!r} is not a column that a connector writes")


def _counts(column: pa.Array) -> pa.Array:
    counts = column.cast(pa.int64())
    if counts.null_count or (len(counts) and min(counts.to_numpy()) < 0):
        raise ValueError("line_count is a whole number of source rows in every row")
    return counts


def _coded(name: str, column: pa.Array) -> Coded:
    kind = ACTIVITY_SCHEMA.field(name).type
    if not pa.types.is_dictionary(column.type):
        column = column.cast(kind).dictionary_encode(null_encoding="encode")
    try:
        values = column.dictionary.cast(kind)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as exc:
        raise ValueError(f"{name}: {exc}") from None
    return _dense(column.indices, values)


def _labels(column: pa.Array) -> Coded:
    """Turn maps into JSON text with sorted keys, which groups and hashes like any value."""
    if not pa.types.is_dictionary(column.type):
        texts = pa.array([_json(pairs) for pairs in column.to_pylist()], pa.string())
        column = texts.dictionary_encode()
        return Coded(_codes(column.indices), column.dictionary)
    texts = pa.array([_json(pairs) for pairs in column.dictionary.to_pylist()], pa.string())
    coded = _dense(column.indices, texts)
    return Coded(coded.codes, coded.values.fill_null(_NO_PAIRS))


def _json(pairs: list[tuple[str, str | None]] | None) -> str:
    kept = {key: value for key, value in pairs or () if value is not None}
    return dumps(kept)


def dumps(pairs: Mapping[str, str]) -> str:
    """Write labels as the one JSON text that stands for them."""
    return json.dumps(pairs, sort_keys=True, ensure_ascii=False, separators=(",", ":"))


def _dense(indices: pa.Array, values: pa.Array) -> Coded:
    """Give nulls among the indices a code of their own, and equal values one code."""
    indices = indices.cast(pa.int32())
    if indices.null_count:
        values = pa.concat_arrays([values, pa.nulls(1, values.type)])
        indices = indices.fill_null(len(values) - 1)
    unique = values.dictionary_encode(null_encoding="encode")
    if len(unique.dictionary) == len(values):
        return Coded(_codes(indices), values)
    return Coded(_codes(unique.indices)[_codes(indices)], unique.dictionary)


def _codes(indices: pa.Array) -> Codes:
    codes: Codes = indices.to_numpy(zero_copy_only=False).astype(np.int32, copy=False)
    return codes
