"""
One ADBC connection to the file, and what its errors mean.

Everything in this process goes through ADBC's own copy of SQLite: two copies on one file break
each other's POSIX locks (https://sqlite.org/howtocorrupt.html, section 2.2.1).
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, Self

import adbc_driver_manager
import pyarrow as pa
from adbc_driver_sqlite import dbapi

from ogfd.plugin import ErrorClass, SinkError

BATCH_ROWS: Final = 1 << 16
_BATCH_OPTION: Final = "adbc.sqlite.query.batch_rows"
_WAL_LIMIT_BYTES: Final = 64 << 20  # what a big commit leaves of the log once it is checkpointed

DRIVER_ERRORS: Final = (adbc_driver_manager.Error, pa.ArrowException, OSError)


class Rows:
    """A result that is fetched a batch at a time; it holds a read transaction until closed."""

    def __init__(self, cursor: dbapi.Cursor, reader: pa.RecordBatchReader) -> None:
        self._cursor = cursor
        self._reader = reader

    def next(self) -> pa.RecordBatch | None:
        """Return up to `BATCH_ROWS` further rows; None at the end."""
        try:
            return self._reader.read_next_batch()
        except StopIteration:
            return None

    def close(self) -> None:
        """Give up the rest. May be called again."""
        self._reader.close()
        self._cursor.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, exc: object, traceback: object) -> None:
        self.close()


class Connection:
    """
    A connection that starts and ends its transactions by SQL, not by ADBC's autocommit.

    One thread at a time may use it. Its methods block and raise the driver's errors as they are.
    """

    def __init__(self, path: Path, busy_timeout: float, *, create: bool = False) -> None:
        uri = f"{path.absolute().as_uri()}?mode={'rwc' if create else 'rw'}"
        self._driver = dbapi.connect(uri, autocommit=True)
        try:
            self.query(f"PRAGMA busy_timeout = {round(busy_timeout * 1000)}")
            self.query("PRAGMA synchronous = FULL")
            self.query(f"PRAGMA journal_size_limit = {_WAL_LIMIT_BYTES}")
        except BaseException:
            self._driver.close()
            raise

    def query(self, sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Run one statement to its end; return its rows, none if it has no columns."""
        with self._driver.cursor() as cursor:
            cursor.adbc_statement.set_options(**{_BATCH_OPTION: str(BATCH_ROWS)})
            cursor.execute(sql, tuple(parameters) or None)
            return cursor.fetchall() if cursor.description else []

    def change(self, sql: str, parameters: Sequence[Any] = ()) -> int:
        """Run one statement that writes; return how many rows it changed."""
        self.query(sql, parameters)
        return int(self.query("SELECT changes()")[0][0])

    def append(self, table: str, rows: pa.RecordBatchReader) -> None:
        """Insert all of *rows* within the transaction that is open."""
        with self._driver.cursor() as cursor:
            cursor.adbc_ingest(table, rows, mode="append")

    def rows(self, sql: str, parameters: Sequence[Any] = ()) -> Rows:
        """
        Start a query whose answer may be large; close the result before the connection.

        The driver takes the types from the first batch and calls an all-null column int64.
        """
        cursor = self._driver.cursor()
        try:
            cursor.adbc_statement.set_options(**{_BATCH_OPTION: str(BATCH_ROWS)})
            cursor.execute(sql, tuple(parameters) or None)
            return Rows(cursor, cursor.fetch_record_batch())
        except BaseException:
            cursor.close()
            raise

    def abandon(self) -> None:
        """
        Roll back what has failed, if SQLite has not done so itself, as it does on a full disk.

        If even that fails, the connection is good for nothing but to be closed.
        """
        with suppress(*DRIVER_ERRORS):
            self.query("ROLLBACK")

    def close(self) -> None:
        """Close; an open transaction is rolled back. May be called again."""
        self._driver.close()


# The driver passes on neither SQLite's result code nor a vendor code (1.13), so the texts of
# sqlite3_errstr() have to do: they are part of SQLite's stable interface.
_BUSY: Final = "is locked"
_MEANINGS: Final = (
    (
        "database or disk is full",
        ErrorClass.TRANSIENT,
        "the disk is full",
        "make room there; the next run commits what is waiting",
    ),
    (
        _BUSY,
        ErrorClass.TRANSIENT,
        "busy: another program holds its write lock",
        "end what writes to it, such as a second daemon or a shell with an open transaction",
    ),
    (
        "file is not a database",
        ErrorClass.FATAL,
        "this is no SQLite database",
        "let path name a database of ogfd or a file that does not exist yet",
    ),
    (
        "disk image is malformed",
        ErrorClass.FATAL,
        "the database is damaged",
        "restore a backup, or move the file away and let ogfd fill a new one",
    ),
    (
        "UNIQUE constraint failed",
        ErrorClass.FATAL,
        "a row comes twice",
        "this is a mistake in ogfd or a plugin: please report it",
    ),
    (
        "readonly database",
        ErrorClass.FATAL,
        "the user of the service may not write to it",
        "give that user the file and its directory",
    ),
    (
        "disk I/O error",
        ErrorClass.TRANSIENT,
        "the disk reported an error",
        "look for disk errors in the kernel's log",
    ),
)


def is_busy(exc: BaseException) -> bool:
    """Tell whether another connection holds the lock that was wanted."""
    return _BUSY in str(exc)


def sink_error(exc: BaseException, path: Path, doing: str) -> SinkError:
    """Say what *exc* means to the operator; *doing* is what failed, as in ``cannot commit x``."""
    text = str(exc)
    for words, error_class, meaning, hint in _MEANINGS:
        if words in text:
            return SinkError(f"{doing}: {path}: {meaning}", error_class=error_class, hint=hint)
    if "failed to open" in text:
        return SinkError(
            f"{doing}: {path}: {_why_not_open(path)}",
            error_class=ErrorClass.FATAL,
            hint="check path in the sink's table",
        )
    detail = text.partition("\n")[0] or type(exc).__name__
    permanent = isinstance(
        exc, adbc_driver_manager.IntegrityError | adbc_driver_manager.ProgrammingError
    )
    error_class = ErrorClass.FATAL if permanent else ErrorClass.UNKNOWN
    return SinkError(f"{doing}: {path}: {detail}", error_class=error_class)


def _why_not_open(path: Path) -> str:
    if path.is_dir():
        return "this is a directory"
    if not path.absolute().parent.is_dir():
        return f"there is no directory {path.absolute().parent}"
    if not path.exists():
        return "there is no such file, or it may not be created"
    return "it cannot be opened"
