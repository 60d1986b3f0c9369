"""The sink itself: packages become lines, appended one after the other."""

from __future__ import annotations

import sys
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Final

import anyio
import pyarrow as pa
from anyio import to_thread

from ogfd.plugin import (
    Committed,
    ErrorClass,
    Guarantee,
    LedgerEntry,
    Package,
    SinkContext,
    SinkError,
    Superseded,
)
from ogfd.sinks.jsonl.lines import activity_lines, begin_line, end_line
from ogfd.sinks.jsonl.targets import FileTarget, StreamTarget

_ENCODE_ROWS: Final = 4096  # rows turned into Python objects at a time


@asynccontextmanager
async def open_lines(path: str, ctx: SinkContext) -> AsyncGenerator[JsonlSink]:
    """
    Open the sink; a file that a crash left torn is marked so.

    Raises:
        SinkError: if the file cannot be written.
    """
    target = StreamTarget(sys.stdout.buffer) if path == "-" else FileTarget(Path(path))
    sink = JsonlSink(target, ctx.now)
    await to_thread.run_sync(target.prepare)
    ctx.log.info(
        "jsonl sink is open: it delivers at least once, readers take the last whole generation",
        extra={"sink": ctx.name, "path": path},
    )
    yield sink


class JsonlSink:
    """Appends packages. It keeps no ledger and cannot refuse a stale writer."""

    guarantee = Guarantee.AT_LEAST_ONCE

    def __init__(self, target: FileTarget | StreamTarget, now: Callable[[], datetime]) -> None:
        self._target = target
        self._now = now
        self._writing = anyio.Lock()

    async def ledger(
        self,
        slices: Sequence[str] | None = None,  # noqa: ARG002 - there is no ledger
    ) -> dict[str, LedgerEntry] | None:
        return None

    async def commit(
        self, package: Package, base_generation: int, attempt: str
    ) -> Committed | Superseded:
        async with self._writing:
            await to_thread.run_sync(self._append, package, base_generation + 1, attempt)
        return Committed(generation=base_generation + 1)

    def _append(self, package: Package, generation: int, attempt: str) -> None:
        info = package.info
        with self._target.appending(f"cannot commit {info.slice}") as write:
            write(begin_line(info, generation, attempt, self._now()))
            digest, rows = sha256(), 0
            for part in _parts(package):
                lines = activity_lines(part, info.slice, generation)
                digest.update(lines)
                rows += part.num_rows
                write(lines)
            if rows != info.rows:
                raise SinkError(
                    f"{info.slice}: the package gave {rows} rows, not {info.rows}",
                    error_class=ErrorClass.FATAL,
                )
            write(end_line(info, generation, digest.hexdigest()))


def _parts(package: Package) -> Iterator[pa.RecordBatch]:
    try:
        for batch in package.batches():
            for start in range(0, batch.num_rows, _ENCODE_ROWS):
                yield batch.slice(start, _ENCODE_ROWS)
    except OSError as exc:
        raise SinkError(f"{package.info.slice}: the package cannot be read: {exc}") from exc
