"""A package's rows on their way into the file, with a digest that tells if they got there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from hashlib import blake2b

import numpy as np
import pyarrow as pa

from ogfd.plugin import Package, SumRow
from ogfd.sinks.sqlite.columns import KEPT_SCHEMA, kept


class OrderDigest:
    """Digest of a column of texts in their order, whatever the batches they came in."""

    def __init__(self) -> None:
        self._texts = blake2b(digest_size=16)
        self._lengths = blake2b(digest_size=16)

    def add(self, texts: pa.StringArray) -> None:
        """Take in further texts, without nulls."""
        _, offsets, data = texts.buffers()
        if not len(texts) or data is None:
            self._lengths.update(bytes(4 * len(texts)))
            return
        bounds = np.frombuffer(offsets, np.int32)[texts.offset : texts.offset + len(texts) + 1]
        self._texts.update(memoryview(data)[int(bounds[0]) : int(bounds[-1])])
        self._lengths.update(np.diff(bounds).astype("<i4").tobytes())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, OrderDigest) and self._state() == other._state()

    def __hash__(self) -> int:
        return hash(self._state())

    def _state(self) -> tuple[bytes, bytes]:
        return self._texts.digest(), self._lengths.digest()


class Feed:
    """
    The rows of a package as the file keeps them; one batch at a time is in memory.

    Attributes:
        ids: digest of the activity ids handed out.
        error: what the package raised, if it did.
    """

    def __init__(self, package: Package, generation: int) -> None:
        self._package = package
        self._generation = generation
        self.ids = OrderDigest()
        self.error: BaseException | None = None

    def reader(self) -> pa.RecordBatchReader:
        """Return the rows, to be read once."""
        return pa.RecordBatchReader.from_batches(KEPT_SCHEMA, self._batches())

    def _batches(self) -> Iterator[pa.RecordBatch]:
        try:
            for batch in self._package.batches():
                rows = kept(batch, self._package.info.slice, self._generation)
                self.ids.add(rows.column("activity_id"))
                yield rows
        except GeneratorExit:
            raise
        except BaseException as exc:
            self.error = exc
            raise


def sum_reader(sums: Sequence[SumRow], slice: str, generation: int) -> pa.RecordBatchReader:
    """Return the rows of ``ogfd_history_sums``."""
    table = pa.table(
        {
            "slice": pa.repeat(pa.scalar(slice), len(sums)),
            "generation": pa.repeat(pa.scalar(generation, pa.int64()), len(sums)),
            "account_id": pa.array([row.account_id for row in sums], pa.string()),
            "service": pa.array([row.service for row in sums], pa.string()),
            "measure": pa.array([row.measure for row in sums], pa.string()),
            "unit": pa.array([row.unit for row in sums], pa.string()),
            "amount": pa.array([row.amount for row in sums], pa.string()),
        }
    )
    return table.to_reader()
