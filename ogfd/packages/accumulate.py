"""Bounded memory: blocks gather up, are merged, and spill to disk by ranges of their hash."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa

from ogfd.packages.groups import Block, merged, ordered

_BUCKETS: Final = 256  # a spilled slice of 25 GB still merges in pieces of 100 MB
_DECODED: Final = 16  # buckets at once: one by one costs ten times the time, all the memory
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

    def add(self, block: Block) -> None:
        """Take a block; merges and spills when the budget is used up."""
        self._blocks.append(block)
        self._bytes += block.nbytes
        if self._bytes <= self._budget_bytes:
            return
        merged_block = self._together()
        if merged_block.nbytes > self._budget_bytes * 3 // 4:
            self._spill(merged_block)
        else:
            self._blocks = [merged_block]
            self._bytes = merged_block.nbytes

    def blocks(self) -> Iterator[Block]:
        """Yield all rows, merged: sorted within and across blocks. Ends the accumulation."""
        if not self._runs:
            if self._blocks:
                yield merged(self._blocks, by_line=self._by_line)
            return
        if self._blocks:
            self._spill(self._together())
        readers = [pa.ipc.open_file(pa.OSFile(str(path), "rb")) for path in self._runs]
        step = self._buckets_at_once()
        for first in range(0, _BUCKETS, step):
            parts = [
                _block([reader.get_batch(first + bucket) for bucket in range(step)])
                for reader in readers
            ]
            filled = [part for part in parts if part.table.num_rows]
            if filled:
                yield merged(filled, by_line=self._by_line)

    def forget(self) -> None:
        """Let go of what is in memory."""
        self._blocks = []
        self._bytes = 0

    def _together(self) -> Block:
        """Make one block of those in memory, sorted by hash."""
        # An ordinal is given once, at the end: until then equal lines stay equal.
        if self._by_line:
            return ordered(self._blocks)
        return merged(self._blocks, by_line=False)

    def _buckets_at_once(self) -> int:
        """Return how many buckets, a power of two, fit into half of the budget."""
        step = _BUCKETS
        while step > 1 and self._spilled_bytes * step // _BUCKETS > self._budget_bytes // 2:
            step //= 2
        return step

    def _spill(self, block: Block) -> None:
        """Write one run: a record batch a bucket, each sorted by hash."""
        self._blocks = []
        self._bytes = 0
        edges = np.searchsorted(block.lanes[0] >> _SHIFT, np.arange(_BUCKETS + 1)).tolist()
        schema = _plain(block, 0, 0).schema
        path = self._directory / f"run-{len(self._runs):04d}.arrow"
        options = pa.ipc.IpcWriteOptions(compression="lz4")
        with (
            pa.OSFile(str(path), "wb") as file,
            pa.ipc.new_file(file, schema, options=options) as writer,
        ):
            for several in _several(edges, _DECODED):
                piece = _plain(block, several[0], several[-1])
                self._spilled_bytes += piece.nbytes
                columns = [_only_chunk(column) for column in piece.columns]
                decoded = pa.RecordBatch.from_arrays(columns, schema=schema)
                for low, high in pairwise(several):
                    writer.write_batch(decoded.slice(low - several[0], high - low))
        self._runs.append(path)


def _several(edges: list[int], size: int) -> Iterator[list[int]]:
    """Yield the edges of *size* buckets at a time: the last of each is the first of the next."""
    for first in range(0, len(edges) - 1, size):
        yield edges[first : first + size + 1]


def _plain(block: Block, low: int, high: int) -> pa.Table:
    """Decode rows *low* to *high*: the IPC file format allows one dictionary a column only."""
    lanes, table = block.lanes[:, low:high], block.table.slice(low, high - low)
    columns = {"high": pa.array(lanes[0]), "low": pa.array(lanes[1])}
    for name, column in zip(table.column_names, table.columns, strict=True):
        kind = column.type
        columns[name] = column.cast(kind.value_type) if pa.types.is_dictionary(kind) else column
    return pa.table(columns).combine_chunks()


def _only_chunk(column: pa.ChunkedArray) -> pa.Array:
    return column.chunk(0) if column.num_chunks else pa.array([], column.type)


def _block(batches: list[pa.RecordBatch]) -> Block:
    table = pa.Table.from_batches(batches)
    lanes = np.stack([table["high"].to_numpy(), table["low"].to_numpy()])
    return Block(lanes, table.drop_columns(["high", "low"]))
