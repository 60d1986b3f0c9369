"""
The ``jsonl`` sink: every commit appended to a file, or to stdout, as lines of JSON.

    {"ogfd":"begin","slice":S,"generation":G,...}   rows of G replace all earlier ones of S
    {"slice":S,"generation":G,"activity_id":...}    one activity; an absent key is null
    {"ogfd":"end","slice":S,"generation":G,...}     only now do the rows since `begin` count
    {"ogfd":"torn"}                                 the rows since `begin` do not count
"""

from __future__ import annotations

import sys
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Final

import anyio
import pyarrow as pa
from anyio import to_thread
from pydantic import Field

from ogfd.plugin import (
    Committed,
    ErrorClass,
    Guarantee,
    LedgerEntry,
    Package,
    PluginConfig,
    SinkContext,
    SinkError,
    SinkSpec,
    Superseded,
    hookimpl,
)
from ogfd.sinks.jsonl.lines import activity_lines, begin_line, end_line
from ogfd.sinks.jsonl.targets import FileTarget, StreamTarget

_ENCODE_ROWS: Final = 4096  # rows turned into Python objects at a time


class JsonlConfig(PluginConfig):
    """
    Table of a sink with ``type = "jsonl"``.

    Attributes:
        path: the file to append to, or ``-`` for stdout.
    """

    path: Annotated[str, Field(min_length=1)]


@hookimpl
def ogfd_sink() -> SinkSpec:
    """Announce the sink."""
    return SinkSpec(
        name="jsonl",
        config=JsonlConfig,
        open=lambda config, ctx: open_lines(config.path, ctx),
        summary="lines of JSON in a file or on stdout; at least once: repeats are possible",
    )


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
