"""Sums by group over a stream of batches, in memory that grows with the groups only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

_LENGTHS: Final = {"month": 7, "day": 10}  # of an ISO 8601 time
_FORMATS: Final = {"month": "%Y-%m", "day": "%Y-%m-%d"}
_MERGE_ROWS: Final = 1 << 16  # groups of batches that wait to be merged: a few MiB
_AT_LEAST_ONE: Final = pc.ScalarAggregateOptions(skip_nulls=True, min_count=1)
_WIDEST: Final = pa.decimal256(76, 18)  # decimal128 sums of 38 digits could overflow


class Sums:
    """
    Adds up *measures* by *keys*; a sum over nulls alone is null.

    Not safe for several threads at once.
    """

    def __init__(self, keys: Sequence[str], measures: Sequence[str]) -> None:
        self._keys = list(keys)
        self._measures = list(measures)
        self._parts: list[pa.Table] = []
        self._rows = 0

    def add(self, table: pa.Table) -> None:
        """Add rows. Blocks while it computes."""
        part = self._grouped(table.select([*self._keys, *self._measures]))
        self._parts.append(part)
        self._rows += part.num_rows
        if self._rows > _MERGE_ROWS:
            # The merged groups do not count again: they may be many, and each merge costs them all.
            self._parts, self._rows = [self._grouped(pa.concat_tables(self._parts))], 0

    def table(self) -> pa.Table | None:
        """Return the sums, one row per group, in no order; None if there were no rows."""
        return self._grouped(pa.concat_tables(self._parts)) if self._parts else None

    def _grouped(self, table: pa.Table) -> pa.Table:
        wanted = [(name, "sum", _AT_LEAST_ONE) for name in self._measures]
        # One thread: floats then add up in the same order each time.
        grouped = table.group_by(self._keys, use_threads=False).aggregate(wanted)
        names = [*self._keys, *self._measures]
        columns = [grouped[name] for name in self._keys]
        columns += [_measure(grouped[f"{name}_sum"]) for name in self._measures]
        return pa.Table.from_arrays(columns, names=names)


def prepared(
    batch: pa.RecordBatch, columns: Mapping[str, str], measures: Sequence[str]
) -> pa.Table:
    """
    Return *batch* with one column per dimension, and the *measures*.

    Args:
        batch: as a sink's scan yields it: times are timestamps or ISO 8601 text, amounts are
            decimals or floats.
        columns: dimension to column; ``month`` and ``day`` are cut from a time.
        measures: names of columns.
    """
    table = pa.Table.from_batches([batch])
    made = {name: _dimension(name, table[column]) for name, column in columns.items()}
    made |= {name: _measure(table[name]) for name in measures}
    return pa.table(made)


def _dimension(name: str, values: pa.ChunkedArray) -> pa.ChunkedArray:
    if pa.types.is_dictionary(values.type):
        values = values.cast(values.type.value_type)
    if name not in _LENGTHS:
        return values.cast(pa.string())
    if pa.types.is_timestamp(values.type):
        return pc.strftime(values, format=_FORMATS[name])
    return pc.utf8_slice_codeunits(values.cast(pa.string()), start=0, stop=_LENGTHS[name])


def _measure(values: pa.ChunkedArray) -> pa.ChunkedArray:
    if pa.types.is_decimal(values.type):
        return values.cast(_WIDEST)
    if pa.types.is_integer(values.type):
        return values.cast(pa.int64())
    return values.cast(pa.float64())
