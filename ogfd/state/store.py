"""
The state store: one SQLite file, WAL, ``synchronous=FULL``, one writer.

Losing it loses no data: ledgers live in the sinks, packages verify themselves. A store that
cannot be read is moved aside, said so, and started anew.
"""

from __future__ import annotations

import json
import logging
import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import fields
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any, Final, TypeVar

import anyio
from anyio import to_thread

from ogfd.plugin import OgfdError
from ogfd.state.records import (
    Delivery,
    RunRecord,
    SliceRecord,
    StreamRecord,
    Verdict,
    VerdictKind,
)

log = logging.getLogger(__name__)

T = TypeVar("T")

_FIRST: Final = """
CREATE TABLE runs (
    run_id TEXT PRIMARY KEY, connector TEXT NOT NULL, "trigger" TEXT NOT NULL,
    outcome TEXT NOT NULL, started_at TEXT NOT NULL, ended_at TEXT, error_class TEXT, error TEXT,
    document TEXT NOT NULL);
CREATE INDEX runs_by_connector ON runs (connector, started_at);
CREATE TABLE slices (
    slice TEXT PRIMARY KEY, connector TEXT NOT NULL, outcome TEXT NOT NULL,
    updated_at TEXT NOT NULL, target TEXT, version TEXT, reason TEXT, error_class TEXT,
    read_at TEXT, next_due TEXT);
CREATE INDEX slices_by_connector ON slices (connector);
CREATE TABLE verdicts (
    slice TEXT NOT NULL, target TEXT NOT NULL, kind TEXT NOT NULL, reason TEXT NOT NULL,
    decided_at TEXT NOT NULL, actor TEXT, PRIMARY KEY (slice, target));
CREATE TABLE deliveries (
    slice TEXT NOT NULL, sink TEXT NOT NULL, generation INTEGER NOT NULL, target TEXT NOT NULL,
    digest TEXT NOT NULL, attempt TEXT NOT NULL, confirmed INTEGER NOT NULL, at TEXT NOT NULL,
    entry TEXT NOT NULL, PRIMARY KEY (slice, sink));
"""
_FAILURES: Final = """
ALTER TABLE slices ADD COLUMN failures INTEGER NOT NULL DEFAULT 0;
CREATE TABLE streams (
    connector TEXT NOT NULL, stream TEXT NOT NULL, updated_at TEXT NOT NULL, reason TEXT NOT NULL,
    error_class TEXT NOT NULL, next_due TEXT, failures INTEGER NOT NULL,
    PRIMARY KEY (connector, stream));
"""
_NOTES: Final = """
CREATE TABLE unknowns (
    slice TEXT NOT NULL, connector TEXT NOT NULL, stream TEXT NOT NULL, field TEXT NOT NULL,
    value TEXT NOT NULL, rows INTEGER NOT NULL, PRIMARY KEY (slice, field, value));
CREATE INDEX unknowns_by_connector ON unknowns (connector);
CREATE TABLE spending (
    connector TEXT NOT NULL, operation TEXT NOT NULL, month TEXT NOT NULL,
    requests INTEGER NOT NULL, usd TEXT NOT NULL, PRIMARY KEY (connector, operation, month));
CREATE TABLE reconciliations (
    connector TEXT NOT NULL, stream TEXT NOT NULL, billing_period TEXT NOT NULL,
    checked_at TEXT NOT NULL, result TEXT NOT NULL, document TEXT NOT NULL,
    PRIMARY KEY (connector, stream, billing_period));
"""
_IDENTITIES: Final = """
CREATE TABLE identities (connector TEXT PRIMARY KEY, name TEXT NOT NULL, since TEXT NOT NULL);
"""
_SCHEMAS: Final = (_FIRST, _FAILURES, _NOTES, _IDENTITIES)  # each goes from its place to the next
_KEPT_RUNS: Final = 1_000  # a connector's; the sinks' history is the audit trail


class StateError(OgfdError):
    """The state store cannot be opened or written."""


class StateStore:
    """
    Keeps records durably. Every method is one transaction in a worker thread.

    Make it with `open`. Methods raise `StateError` if the file fails them. A write that returned survives a power cut. Methods may be called from
    several tasks; cancelling one does not undo it.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._turn = anyio.Lock()

    @classmethod
    async def open(cls, path: Path) -> StateStore:
        """
        Open or make the store.

        Raises:
            StateError: if the file was written by a newer version or cannot be opened.
        """
        return cls(await to_thread.run_sync(_connect, path))

    async def close(self) -> None:
        """Close the store; may be repeated."""
        await to_thread.run_sync(self._connection.close)

    # Runs

    async def put_run(self, run: RunRecord) -> None:
        """Insert or replace a run, and forget the connector's oldest beyond those that are kept."""

        def put(db: sqlite3.Connection) -> None:
            _put(db, "runs", [run])
            db.execute(
                "DELETE FROM runs WHERE connector = ? AND started_at < (SELECT started_at FROM runs"
                " WHERE connector = ? ORDER BY started_at DESC LIMIT 1 OFFSET ?)",
                (run.connector, run.connector, _KEPT_RUNS - 1),
            )

        await self.write(put)

    async def runs(self, connector: str | None = None, limit: int = 20) -> list[RunRecord]:
        """Return the newest runs, newest first."""
        where = "" if connector is None else "WHERE connector = ?"
        arguments = [] if connector is None else [connector]
        sql = f"SELECT * FROM runs {where} ORDER BY started_at DESC, run_id LIMIT {int(limit)}"
        return await self.read(sql, arguments, _run)

    async def sweep(self, now: datetime) -> int:
        """Mark the runs of dead processes as crashed; return how many there were."""
        sql = "UPDATE runs SET outcome = 'crashed', ended_at = ? WHERE outcome = 'running'"
        return await self.write(lambda db: db.execute(sql, (now.isoformat(),)).rowcount)

    # Slices

    async def put_slices(self, records: Sequence[SliceRecord]) -> None:
        """
        Insert or replace slices, all or none.

        A record without ``read_at`` keeps the known one. Its ``failures`` are added to the known
        ones; none begin anew.
        """
        names = [field.name for field in fields(SliceRecord)]
        kept = {"read_at", "failures"}
        changed = ", ".join(f"{name} = excluded.{name}" for name in names if name not in kept)
        sql = (
            f"INSERT INTO slices ({', '.join(names)}) VALUES ({', '.join('?' * len(names))})"
            f" ON CONFLICT (slice) DO UPDATE SET {changed},"
            " read_at = coalesce(excluded.read_at, slices.read_at),"
            " failures = iif(excluded.failures, slices.failures + excluded.failures, 0)"
        )
        await self._write_many(
            sql, [[_stored(getattr(record, name)) for name in names] for record in records]
        )

    async def slices(self, connector: str | None = None) -> dict[str, SliceRecord]:
        """Return what was last seen, by slice."""
        where = "" if connector is None else "WHERE connector = ?"
        arguments = [] if connector is None else [connector]
        sql = f"SELECT * FROM slices {where} ORDER BY slice"
        return {each.slice: each for each in await self.read(sql, arguments, _slice)}

    # Streams

    async def put_streams(self, records: Sequence[StreamRecord]) -> None:
        """Insert or replace streams that could not be listed; ``failures`` add to the known ones."""
        names = [field.name for field in fields(StreamRecord)]
        changed = ", ".join(f"{name} = excluded.{name}" for name in names if name != "failures")
        sql = (
            f"INSERT INTO streams ({', '.join(names)}) VALUES ({', '.join('?' * len(names))})"
            f" ON CONFLICT (connector, stream) DO UPDATE SET {changed},"
            " failures = streams.failures + excluded.failures"
        )
        await self._write_many(
            sql, [[_stored(getattr(record, name)) for name in names] for record in records]
        )

    async def forget_stream(self, connector: str, stream: str) -> None:
        """Forget that a stream could not be listed, if it could not."""
        sql = "DELETE FROM streams WHERE connector = ? AND stream = ?"
        await self._write_many(sql, [(connector, stream)])

    async def streams(self, connector: str) -> dict[str, StreamRecord]:
        """Return the streams of a connector that could not be listed, by name."""
        sql = "SELECT * FROM streams WHERE connector = ? ORDER BY stream"
        return {each.stream: each for each in await self.read(sql, [connector], _stream)}

    # Verdicts

    async def put_verdict(self, verdict: Verdict) -> None:
        """Insert or replace the verdict of a target."""
        await self.write(lambda db: _put(db, "verdicts", [verdict]))

    async def verdicts(self, slice: str | None = None) -> dict[tuple[str, str], Verdict]:
        """Return verdicts by slice and target, of one slice or of all."""
        where = "" if slice is None else "WHERE slice = ?"
        arguments = [] if slice is None else [slice]
        sql = f"SELECT * FROM verdicts {where} ORDER BY decided_at"
        found = await self.read(sql, arguments, _verdict)
        return {(verdict.slice, verdict.target): verdict for verdict in found}

    # Deliveries

    async def put_delivery(self, delivery: Delivery) -> None:
        """Insert or replace what is known of a slice in a sink."""
        await self.write(lambda db: _put(db, "deliveries", [delivery]))

    async def deliveries(self, sink: str) -> dict[str, Delivery]:
        """Return what is known of *sink*, by slice."""
        sql = "SELECT * FROM deliveries WHERE sink = ?"
        return {each.slice: each for each in await self.read(sql, [sink], _delivery)}

    async def _write_many(self, sql: str, rows: Sequence[Sequence[Any]]) -> None:
        if rows:
            await self.write(lambda db: db.executemany(sql, rows))

    async def write(self, change: Callable[[sqlite3.Connection], T]) -> T:
        """
        Run *change* as one transaction, in a worker thread.

        Raises:
            StateError: if the file fails it; nothing is changed then.
        """

        def transaction() -> T:
            with self._connection as db:
                db.execute("BEGIN IMMEDIATE")
                return change(db)

        async with self._turn:
            try:
                return await to_thread.run_sync(transaction)
            except sqlite3.Error as exc:
                raise StateError(
                    f"the state store cannot be written: {exc}",
                    hint="check the free space and the permissions of [daemon] state_dir",
                ) from exc

    async def read(
        self, sql: str, arguments: Sequence[Any], made: Callable[[sqlite3.Row], T]
    ) -> list[T]:
        """
        Return what *made* makes of each row of a query.

        Raises:
            StateError: if the file cannot be read.
        """

        def found() -> list[T]:
            return [made(row) for row in self._connection.execute(sql, arguments)]

        async with self._turn:
            try:
                return await to_thread.run_sync(found)
            except sqlite3.Error as exc:
                raise StateError(
                    f"the state store cannot be read: {exc}",
                    hint="it is a cache: if it is damaged, stop ogfd and move it away",
                ) from exc


def _connect(path: Path) -> sqlite3.Connection:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        return _prepared(path)
    except sqlite3.DatabaseError as exc:
        if isinstance(exc, sqlite3.OperationalError):
            raise StateError(f"the state store {path} cannot be opened: {exc}") from exc
        aside = _moved_aside(path)
        log.warning("the state store was damaged and starts anew", extra={"moved_to": str(aside)})
        return _prepared(path)


def _moved_aside(path: Path) -> Path:
    """Move the file and what belongs to it to a free name, so that it can still be looked at."""
    parts = ("", "-wal", "-shm")
    for number in count():
        name = f"{path.name}.damaged" + (f".{number}" if number else "")
        aside = path.with_name(name)
        if not any(aside.with_name(name + part).exists() for part in parts):
            break
    for part in parts:
        with suppress(FileNotFoundError):
            path.with_name(path.name + part).replace(aside.with_name(name + part))
    return aside


def _prepared(path: Path) -> sqlite3.Connection:
    db = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=30)
    try:
        _prepare(db, path)
    except BaseException:
        db.close()
        raise
    return db


def _prepare(db: sqlite3.Connection, path: Path) -> None:
    db.row_factory = sqlite3.Row
    db.execute("PRAGMA journal_mode=WAL")
    db.execute("PRAGMA synchronous=FULL")
    version = db.execute("PRAGMA user_version").fetchone()[0]
    if version > len(_SCHEMAS):
        raise StateError(
            f"the state store {path} was written by a newer ogfd (schema {version})",
            hint="upgrade ogfd, or move the file away: it is a cache",
        )
    for number, schema in enumerate(_SCHEMAS[version:], version + 1):
        db.executescript(f"BEGIN; {schema} PRAGMA user_version={number}; COMMIT;")


def _put(db: sqlite3.Connection, table: str, records: Iterable[Any]) -> None:
    for record in records:
        columns = [field.name for field in fields(record)]
        names = ", ".join(f'"{name}"' for name in columns)
        marks = ", ".join("?" for _ in columns)
        db.execute(
            f"INSERT OR REPLACE INTO {table} ({names}) VALUES ({marks})",
            [_stored(getattr(record, name)) for name in columns],
        )


def _stored(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    if isinstance(value, Mapping):
        return json.dumps(value, ensure_ascii=False)
    return value


def _time(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


def _run(row: sqlite3.Row) -> RunRecord:
    times = {"started_at": _time(row["started_at"]), "ended_at": _time(row["ended_at"])}
    return RunRecord(**{**dict(row), **times, "document": json.loads(row["document"])})


def _slice(row: sqlite3.Row) -> SliceRecord:
    times = {name: _time(row[name]) for name in ("updated_at", "read_at", "next_due")}
    return SliceRecord(**{**dict(row), **times})


def _stream(row: sqlite3.Row) -> StreamRecord:
    times = {name: _time(row[name]) for name in ("updated_at", "next_due")}
    return StreamRecord(**{**dict(row), **times})


def _verdict(row: sqlite3.Row) -> Verdict:
    decided = {"kind": VerdictKind(row["kind"]), "decided_at": _time(row["decided_at"])}
    return Verdict(**{**dict(row), **decided})


def _delivery(row: sqlite3.Row) -> Delivery:
    known = {
        "confirmed": bool(row["confirmed"]),
        "at": _time(row["at"]),
        "entry": json.loads(row["entry"]),
    }
    return Delivery(**{**dict(row), **known})
