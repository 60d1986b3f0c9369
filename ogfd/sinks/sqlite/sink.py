"""The sink's methods: commits go through one connection, reads through a pool of others."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Final, TypeVar

import anyio
import pyarrow as pa
from anyio import to_thread

from ogfd.plugin import (
    Committed,
    Guarantee,
    HistoryEntry,
    LedgerEntry,
    Package,
    Period,
    SinkContext,
    SumRow,
    Superseded,
)
from ogfd.sinks.sqlite.commit import replace_slice
from ogfd.sinks.sqlite.connection import DRIVER_ERRORS, Connection, sink_error
from ogfd.sinks.sqlite.reading import Scan, read_breakdown, read_history, read_ledger, start_scan
from ogfd.sinks.sqlite.schema import check_version

T = TypeVar("T")

_IDLE_READERS: Final = 4  # reports and the API read a few at a time; more are opened and closed
_CLOSE_SECONDS: Final = 10.0


@asynccontextmanager
async def open_file(
    path: Path, busy_timeout: float, ctx: SinkContext
) -> AsyncGenerator[SqliteSink]:
    """
    Open the sink on a migrated file.

    Raises:
        SinkError: if the file is not there, is not ours, or has another schema version.
    """
    sink = SqliteSink(path, busy_timeout, ctx.now)
    await sink.check()
    try:
        yield sink
    finally:
        with anyio.move_on_after(_CLOSE_SECONDS, shield=True):
            await sink.close()


class SqliteSink:
    """A `ReadableSink` on one file. Several tasks, and several processes, may use the file."""

    guarantee = Guarantee.EXACTLY_ONCE

    def __init__(self, path: Path, busy_timeout: float, now: Callable[[], datetime]) -> None:
        self._path = path
        self._busy_timeout = busy_timeout
        self._now = now
        self._writing = anyio.Lock()
        self._writer: Connection | None = None
        self._idle: list[Connection] = []

    async def check(self) -> None:
        """Raise `SinkError` if the file cannot be used."""
        await self._read("cannot open", lambda connection: check_version(connection, self._path))

    async def ledger(self, slices: Sequence[str] | None = None) -> Mapping[str, LedgerEntry]:
        return await self._read(
            "cannot read the ledger", lambda connection: read_ledger(connection, slices)
        )

    async def history(self, slice: str) -> Sequence[HistoryEntry]:
        return await self._read(
            "cannot read the history", lambda connection: read_history(connection, slice)
        )

    async def breakdown(self, slice: str, generation: int) -> Sequence[SumRow]:
        return await self._read(
            "cannot read the history",
            lambda connection: read_breakdown(connection, slice, generation),
        )

    async def commit(
        self, package: Package, base_generation: int, attempt: str
    ) -> Committed | Superseded:
        async with self._writing:
            # One call in one thread, awaited to its end even when cancelled: a cancellation can
            # never leave half a transaction.
            return await to_thread.run_sync(self._commit, package, base_generation, attempt)

    @asynccontextmanager
    async def scan(
        self,
        view: str,
        columns: Sequence[str],
        where: Mapping[str, Sequence[str]] | None = None,
        period: Period | None = None,
    ) -> AsyncGenerator[AsyncIterator[pa.RecordBatch]]:
        """Read a snapshot; decimals come as float64, times and maps as text, as they are kept."""
        async with self._borrowed() as connection:
            scan = await self._thread(
                f"cannot read {view}",
                lambda: start_scan(connection, view, columns, where=where or {}, period=period),
            )
            try:
                yield _Batches(self, view, scan)
            finally:
                with anyio.move_on_after(_CLOSE_SECONDS, shield=True):
                    await to_thread.run_sync(scan.close)

    async def close(self) -> None:
        """Wait for a commit that is under way and close all connections."""
        async with self._writing:
            await to_thread.run_sync(self._close_all)

    async def next_batch(self, view: str, scan: Scan) -> pa.RecordBatch | None:
        """Fetch further rows of *scan* in a thread."""
        return await self._thread(f"cannot read {view}", scan.next)

    def _commit(
        self, package: Package, base_generation: int, attempt: str
    ) -> Committed | Superseded:
        try:
            if self._writer is None:
                self._writer = self._connect()
            return replace_slice(self._writer, package, base_generation, attempt, self._now())
        except BaseException as exc:
            self._drop_writer()
            if isinstance(exc, DRIVER_ERRORS):
                raise sink_error(exc, self._path, f"cannot commit {package.info.slice}") from exc
            raise

    def _drop_writer(self) -> None:
        # The next commit starts on a fresh connection, whatever state this one was left in.
        writer, self._writer = self._writer, None
        if writer is not None:
            writer.close()

    def _connect(self) -> Connection:
        return Connection(self._path, self._busy_timeout)

    async def _read(self, doing: str, read: Callable[[Connection], T]) -> T:
        async with self._borrowed() as connection:
            return await self._thread(doing, lambda: read(connection))

    async def _thread(self, doing: str, work: Callable[[], T]) -> T:
        try:
            return await to_thread.run_sync(work)
        except DRIVER_ERRORS as exc:
            raise sink_error(exc, self._path, doing) from exc

    @asynccontextmanager
    async def _borrowed(self) -> AsyncGenerator[Connection]:
        if self._idle:
            connection = self._idle.pop()
        else:
            connection = await self._thread("cannot open", self._connect)
        kept = False
        try:
            yield connection
            kept = len(self._idle) < _IDLE_READERS
        finally:
            if kept:
                self._idle.append(connection)
            else:
                with anyio.move_on_after(_CLOSE_SECONDS, shield=True):
                    await to_thread.run_sync(connection.close)

    def _close_all(self) -> None:
        self._drop_writer()
        while self._idle:
            self._idle.pop().close()


class _Batches:
    """The batches of a scan."""

    def __init__(self, sink: SqliteSink, view: str, scan: Scan) -> None:
        self._sink = sink
        self._view = view
        self._scan = scan

    def __aiter__(self) -> AsyncIterator[pa.RecordBatch]:
        return self

    async def __anext__(self) -> pa.RecordBatch:
        batch = await self._sink.next_batch(self._view, self._scan)
        if batch is None:
            raise StopAsyncIteration
        return batch
