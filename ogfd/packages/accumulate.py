"""Bounded memory: blocks gather up, are merged, and spill to disk by ranges of their hash."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa

from ogfd.packages.groups import Block, by_hash, merged

_BUCKETS: Final = 256  # a spilled slice of 25 GB still merges in pieces of 100 MB
_SHIFT: Final = np.uint64(56)


class Accumulator:
    """
    Gathers the blocks of one slice and gives them back merged and sorted by hash.

    All methods do blocking work: call them from one worker thread at a time.

    Args:
        directory: where to spill to; must exist.
        budget_bytes: memory to use before spilling.
        by_line: keep every row (grain ``line``).
    """

    def __init__(self, directory: Path, *, budget_bytes: int, by_line: bool) -> None:
        self._directory = directory
        self._budget_bytes = budget_bytes
        self._by_line = by_line
        self._blocks: list[Block] = []
        self._bytes = 0
        self._runs: list[Path] = []
        self._spilled_bytes = 0

    @property
    def runs(self) -> int:
        """Return how many times memory was spilled to disk."""
        return len(self._runs)

    def add(self, block: Block) -> None:
        """Take a block; merges and spills when the budget is used up."""
        self._blocks.append(block)
        self._bytes += block.nbytes
        if self._bytes <= self._budget_bytes:
            return
        if not self._by_line:
            self._compact()
        if self._bytes > self._budget_bytes // 2:
            self._spill()

    def blocks(self) -> Iterator[Block]:
        """Yield all rows, merged: sorted within and across blocks. Ends the accumulation."""
        if not self._runs:
            if self._blocks:
                self._compact()
                yield from self._blocks
            return
        if self._blocks:
            self._spill()
        readers = [pa.ipc.open_file(pa.memory_map(str(path))) for path in self._runs]
        step = self._buckets_at_once()
        for first in range(0, _BUCKETS, step):
            parts = [
                _block([reader.get_batch(first + bucket) for bucket in range(step)])
                for reader in readers
            ]
            filled = [part for part in parts if part.table.num_rows]
            if filled:
                yield merged(filled, by_line=self._by_line)

    def _buckets_at_once(self) -> int:
        """Return how many buckets, a power of two, fit into half of the budget."""
        step = _BUCKETS
        while step > 1 and self._spilled_bytes * step // _BUCKETS > self._budget_bytes // 2:
            step //= 2
        return step

    def _compact(self) -> None:
        block = merged(self._blocks, by_line=self._by_line)
        self._blocks = [block]
        self._bytes = block.nbytes

    def _spill(self) -> None:
        """Write one run: a record batch a bucket, each sorted by hash."""
        # An ordinal is given once, at the end: until then equal lines stay equal.
        block = _sorted(self._blocks) if self._by_line else merged(self._blocks, by_line=False)
        table = _plain(block)
        edges = np.searchsorted(block.lanes[0] >> _SHIFT, np.arange(_BUCKETS + 1))
        path = self._directory / f"run-{len(self._runs):04d}.arrow"
        options = pa.ipc.IpcWriteOptions(compression="lz4")
        with (
            pa.OSFile(str(path), "wb") as file,
            pa.ipc.new_file(file, table.schema, options=options) as writer,
        ):
            for low, high in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True):
                piece = table.slice(low, high - low).combine_chunks()
                writer.write_batch(
                    pa.RecordBatch.from_arrays(
                        [_only_chunk(column) for column in piece.columns], schema=table.schema
                    )
                )
        self._runs.append(path)
        self._spilled_bytes += table.nbytes
        self._blocks = []
        self._bytes = 0


def _sorted(blocks: list[Block]) -> Block:
    lanes = np.concatenate([block.lanes for block in blocks], axis=1)
    order = by_hash(lanes)
    tables = [_plain(block) for block in blocks]
    table = pa.concat_tables(tables, promote_options="default").drop_columns(["high", "low"])
    return Block(lanes[:, order], table.take(pa.array(order)))


def _plain(block: Block) -> pa.Table:
    """Decode dictionaries, as the IPC file format allows one dictionary a column only."""
    columns = {"high": pa.array(block.lanes[0]), "low": pa.array(block.lanes[1])}
    for name, column in zip(block.table.column_names, block.table.columns, strict=True):
        kind = column.type
        columns[name] = column.cast(kind.value_type) if pa.types.is_dictionary(kind) else column
    return pa.table(columns)


def _only_chunk(column: pa.ChunkedArray) -> pa.Array:
    return column.chunk(0) if column.num_chunks else pa.array([], column.type)


def _block(batches: list[pa.RecordBatch]) -> Block:
    table = pa.Table.from_batches(batches)
    lanes = np.stack([table["high"].to_numpy(), table["low"].to_numpy()])
    return Block(lanes, table.drop_columns(["high", "low"]))
