"""
Aggregation: rows equal in every key column become one, measures summed exactly.

A `Block` holds aggregated rows with their 128-bit hashes. Blocks merge in any order to the same
result: sums are exact, hashes depend on values only, and metadata keeps the pairs that all rows
of a group carry, which is a set intersection.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from ogfd.packages.decimals import limit
from ogfd.packages.identity import Lanes, number_lanes, value_lanes
from ogfd.packages.rows import Coded, Rows, dumps
from ogfd.plugin import ACTIVITY_SCHEMA, MEASURES

Groups = npt.NDArray[np.int64]

_WIDEST: Final = 1 << 62  # packed keys stay below the sign bit


@dataclass(frozen=True, slots=True)
class Block:
    """Aggregated rows: hash lanes, and a table of key columns, ``metadata`` and measures."""

    lanes: Lanes
    table: pa.Table

    @property
    def nbytes(self) -> int:
        """Return the memory that the block holds, in bytes."""
        return int(self.lanes.nbytes + self.table.nbytes)


def aggregated(rows: Rows, slice_lanes: Lanes) -> Block:
    """Aggregate one batch; *slice_lanes* makes equal keys of two slices differ."""
    first, groups = _by_codes([rows.keys[name] for name in rows.keys], rows.count)
    lanes = np.repeat(slice_lanes, len(first), axis=1)
    columns: dict[str, pa.Array] = {}
    for name, column in rows.keys.items():
        chosen = column.codes[first]
        lanes += value_lanes(name, column.values)[:, chosen]
        columns[name] = Coded(chosen, column.values).array()
    columns["metadata"] = _intersected(rows.metadata, groups, len(first))
    columns |= _sums(rows.measures, groups, len(first))
    return Block(lanes, pa.table(columns))


def lines(rows: Rows, slice_lanes: Lanes) -> Block:
    """Keep every row (grain ``line``); measures and metadata take part in the hash."""
    lanes = np.repeat(slice_lanes, rows.count, axis=1)
    columns: dict[str, pa.Array] = {name: column.array() for name, column in rows.keys.items()}
    for name, column in [*rows.keys.items(), ("metadata", rows.metadata)]:
        lanes += value_lanes(name, column.values)[:, column.codes]
    for name, measure in rows.measures.items():
        lanes += number_lanes(name, measure)
    columns["metadata"] = rows.metadata.array()
    columns |= rows.measures
    return Block(lanes, pa.table(columns))


def merged(blocks: Sequence[Block], *, by_line: bool) -> Block:
    """Merge blocks into one, sorted by hash; rows of one hash become one unless *by_line*."""
    tables = [block.table for block in blocks]
    lanes = np.concatenate([block.lanes for block in blocks], axis=1)
    if by_line:
        lanes, order = _numbered(lanes)
        return Block(lanes, _reordered(tables, order))
    order = by_hash(lanes)
    lanes = lanes[:, order]
    fresh = np.ones(len(order), dtype=np.bool_)
    fresh[1:] = (lanes[:, 1:] != lanes[:, :-1]).any(axis=0)
    if fresh.all():
        return Block(lanes, _reordered(tables, order))
    groups = np.empty(len(order), dtype=np.int64)
    groups[order] = np.cumsum(fresh) - 1
    return Block(lanes[:, fresh], _folded(tables, order[fresh], groups))


def ordered(blocks: Sequence[Block]) -> Block:
    """Put the rows of all blocks into one, sorted by hash, without merging any."""
    lanes = np.concatenate([block.lanes for block in blocks], axis=1)
    order = by_hash(lanes)
    return Block(lanes[:, order], _reordered([block.table for block in blocks], order))


def _reordered(tables: Sequence[pa.Table], order: Groups) -> pa.Table:
    indices = pa.array(order)
    return pa.table({name: _column(tables, name).take(indices) for name in _names(tables)})


def _folded(tables: Sequence[pa.Table], first: Groups, groups: Groups) -> pa.Table:
    """Fold column by column, so that only one column is in memory twice."""
    indices = pa.array(first)
    columns: dict[str, pa.Array] = {}
    for name in _names(tables):
        column = _column(tables, name)
        if name in MEASURES:
            columns |= _sums({name: column}, groups, len(first))
        elif name == "metadata":
            coded = Coded(column.indices.to_numpy(zero_copy_only=False), column.dictionary)
            columns[name] = _intersected(coded, groups, len(first))
        else:
            columns[name] = column.take(indices)
    return pa.table(columns)


def _numbered(lanes: Lanes) -> tuple[Lanes, Groups]:
    """Tell wholly equal lines apart by an ordinal, added to the low lane; return the order too."""
    order = by_hash(lanes)
    lanes = lanes[:, order]
    same = np.zeros(lanes.shape[1], dtype=np.bool_)
    same[1:] = (lanes[:, 1:] == lanes[:, :-1]).all(axis=0)
    if not same.any():
        return lanes, order
    position = np.arange(len(same))
    start = np.maximum.accumulate(np.where(same, 0, position))
    ordinal = (position - start).astype(np.uint64)
    lanes = np.stack([lanes[0], lanes[1] + ordinal * np.uint64(0x9E3779B97F4A7C15)])
    again = by_hash(lanes)
    return lanes[:, again], order[again]


def by_hash(lanes: Lanes) -> Groups:
    """Return the order that sorts hashes by both lanes."""
    high, low = lanes
    order = np.argsort(high)
    ties = (np.diff(high[order]) == 0) & (low[order][1:] != low[order][:-1])
    # Equal high lanes with other low lanes are rare: lines told apart by ordinal, or 1 in 2^64.
    return np.lexsort((low, high)) if ties.any() else order


def _by_codes(columns: Sequence[Coded], count: int) -> tuple[Groups, Groups]:
    """Return the first row of each group of equal codes, and each row's group."""
    packed = np.zeros(count, dtype=np.int64)
    width = 1
    for column in columns:
        size = len(column.values)
        if size == 1:
            continue
        if width * size >= _WIDEST:
            distinct, packed = np.unique(packed, return_inverse=True)
            width = len(distinct)
        packed = packed * size + column.codes
        width *= size
    _, first, groups = np.unique(packed, return_index=True, return_inverse=True)
    return first, groups


def _sums(measures: Mapping[str, pa.Array], groups: Groups, count: int) -> dict[str, pa.Array]:
    """Sum exactly by group; a group of nulls alone stays null."""
    if len(groups) == count:
        order = pa.array(np.argsort(groups))
        return {name: column.take(order) for name, column in measures.items()}
    table = pa.table({"": pa.array(groups), **measures})
    summed = table.group_by("", use_threads=False).aggregate([(name, "sum") for name in measures])
    order = pa.array(np.argsort(summed[""].to_numpy()))
    sums = {}
    for name, column in measures.items():
        total = summed[f"{name}_sum"].combine_chunks().cast(column.type).take(order)
        _check_sum(name, total)
        sums[name] = total
    return sums


def _check_sum(name: str, total: pa.Array) -> None:
    if not pa.types.is_decimal(total.type):
        return
    bounds = pc.min_max(total).as_py()
    if bounds["max"] is not None and max(bounds["max"], -bounds["min"]) >= limit(total.type):
        raise ValueError(f"{name}: a sum of {bounds['max']} cannot be kept exact")


def _intersected(metadata: Coded, groups: Groups, count: int) -> pa.Array:
    """Keep the pairs that all rows of a group carry, folding two distinct texts at a time."""
    values: list[str] = metadata.values.to_pylist()
    known = {text: code for code, text in enumerate(values)}
    codes = metadata.codes.astype(np.int64)
    while True:
        low = np.full(count, np.iinfo(np.int64).max)
        high = np.full(count, -1, dtype=np.int64)
        np.minimum.at(low, groups, codes)
        np.maximum.at(high, groups, codes)
        differing = low != high
        if not differing.any():
            return pa.DictionaryArray.from_arrays(
                pa.array(low.astype(np.int32)), pa.array(values, pa.string())
            )
        pairs, which = np.unique(
            np.stack([low[differing], high[differing]]), axis=1, return_inverse=True
        )
        shared = np.array([_shared(values, known, *pair) for pair in pairs.T.tolist()])
        common = low.copy()
        common[differing] = shared[which.reshape(-1)]
        folded = (codes == low[groups]) | (codes == high[groups])
        codes = np.where(folded, common[groups], codes)


def _shared(values: list[str], known: dict[str, int], one: int, other: int) -> int:
    pairs = json.loads(values[one]).items() & json.loads(values[other]).items()
    text = dumps(dict(pairs))
    if text not in known:
        known[text] = len(values)
        values.append(text)
    return known[text]


def _names(tables: Sequence[pa.Table]) -> list[str]:
    present = {name for table in tables for name in table.column_names}
    return [name for name in ACTIVITY_SCHEMA.names if name in present]


def _column(tables: Sequence[pa.Table], name: str) -> pa.Array:
    chunks = [
        chunk
        for table in tables
        for chunk in (
            table[name].chunks if name in table.column_names else [_absent(name, table.num_rows)]
        )
    ]
    if name not in MEASURES:
        chunks = [
            chunk if pa.types.is_dictionary(chunk.type) else chunk.dictionary_encode()
            for chunk in chunks
        ]
    return pa.chunked_array(chunks).unify_dictionaries().combine_chunks()


def _absent(name: str, count: int) -> pa.Array:
    if name in MEASURES:
        return pa.nulls(count, ACTIVITY_SCHEMA.field(name).type)
    kind = pa.string() if name == "tags" else ACTIVITY_SCHEMA.field(name).type
    return pa.DictionaryArray.from_arrays(pa.nulls(count, pa.int32()), pa.array([], kind))
