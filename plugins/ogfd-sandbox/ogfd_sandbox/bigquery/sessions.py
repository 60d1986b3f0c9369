"""
Read sessions of the Storage Read API: what they read, their streams, and who may have the rows.

https://docs.cloud.google.com/bigquery/docs/reference/storage/rpc/google.cloud.bigquery.storage.v1,
2026. Nothing here knows gRPC, but errors bear the names of its status codes.
"""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final

import pyarrow as pa

from ogfd_sandbox.azure.wire import RefusedError
from ogfd_sandbox.bigquery.arrow import chosen, sent_batch, sent_schema, unknown_fields
from ogfd_sandbox.bigquery.errors import QueryError
from ogfd_sandbox.bigquery.jobs import JobService
from ogfd_sandbox.bigquery.tokens import STORAGE, Tokens
from ogfd_sandbox.bigquery.warehouse import Stored, Warehouse
from ogfd_sandbox.bigquery.work import Work

_LIFETIME_SECONDS: Final = 6 * 3600
_MESSAGE_BYTES: Final = 1_500_000
_STREAM_ROWS: Final = 100_000
_MOST_STREAMS: Final = 10  # where the client leaves it to the server
_PARENT: Final = re.compile(r"projects/([^/]+)")
_TABLE: Final = re.compile(r"projects/([^/]+)/datasets/([^/]+)/tables/([^/]+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """
    What a client wants to read.

    Attributes:
        parent: ``projects/P``, which pays.
        table: ``projects/P/datasets/D/tables/T``.
        fields: of the table, or of its records; none: all.
        most_streams: 0 leaves it to the server.
        fewest_streams: as far as there are rows.
        codec: that buffers are compressed with: ``lz4`` or ``zstd``.
    """

    parent: str
    table: str
    fields: tuple[str, ...] = ()
    most_streams: int = 0
    fewest_streams: int = 0
    codec: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """
    What is read, as it was when the session was made.

    Attributes:
        size: of all columns, in bytes.
        read: returns the rows from one up to another, counted from 0.
    """

    location: str
    schema: pa.Schema
    rows: int
    size: int
    read: Callable[[int, int], pa.Table]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream:
    """Rows of a session from *start* up to *stop*; *place* counts the streams before it."""

    name: str
    place: int
    start: int
    stop: int

    @property
    def rows(self) -> int:
        """How many rows it has."""
        return self.stop - self.start


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """
    A read session.

    Attributes:
        name: ``projects/P/locations/L/sessions/S``.
        what: is read, for the log: the id of the job, or the path of the table.
        schema: of what is sent.
        expires: in seconds since the epoch.
        step: how many rows a message has.
    """

    name: str
    what: str
    source: Source
    schema: pa.Schema
    streams: tuple[Stream, ...]
    expires: float
    step: int
    codec: str | None

    def batch(self, stream: Stream, offset: int, step: int) -> pa.RecordBatch:
        """Return no more than *step* rows of *stream* from *offset* on, as they are sent."""
        start = stream.start + offset
        return sent_batch(self.source.read(start, min(start + step, stream.stop)), self.schema)


class ReadSessions:
    """Makes sessions and keeps them until it is forgotten. Safe to use from many threads."""

    def __init__(self, tokens: Tokens, warehouse: Warehouse, jobs: JobService) -> None:
        self._tokens = tokens
        self._warehouse = warehouse
        self._jobs = jobs
        self._by_stream: dict[str, tuple[str, int]] = {}
        self._sessions: dict[str, Session] = {}
        self.message_rows: int | None = None

    def what(self, table: str) -> str:
        """Return what the log calls ``projects/P/datasets/D/tables/T``."""
        found = _TABLE.fullmatch(table)
        if found is None:
            return "-"
        work = self._jobs.writer(*found.groups())
        return work.order.job_id if work is not None else ".".join(found.groups())

    def check(self, authorization: str) -> None:
        """
        Check the token of a request.

        Raises:
            RefusedError: as Google says it.
        """
        self._tokens.check(authorization, audience=STORAGE)

    def create(self, wish: Wish) -> Session:
        """
        Make a session.

        Raises:
            RefusedError: as Google says it.
        """
        parent = _PARENT.fullmatch(wish.parent)
        found = _TABLE.fullmatch(wish.table)
        if parent is None or found is None:
            raise RefusedError(
                400, "INVALID_ARGUMENT", "Invalid resource field value in the request."
            )
        if not 0 <= wish.fewest_streams <= (wish.most_streams or wish.fewest_streams):
            message = "the stream counts must be non-negative, and the least not above the most"
            raise _failed(400, "INVALID_ARGUMENT", message)
        self._need("bigquery.readsessions.create", wish.parent)
        source = self._source(wish.table, *found.groups())
        missing = unknown_fields(source.schema, wish.fields)
        if missing:
            message = "The following selected fields do not exist in the table schema: "
            raise _failed(400, "INVALID_ARGUMENT", message + ", ".join(missing))
        session = self._made(wish, parent[1], source)
        self._sessions[session.name] = session
        for stream in session.streams:
            self._by_stream[stream.name] = session.name, stream.place
        return session

    def find(self, name: str) -> tuple[Session, Stream] | None:
        """Return a stream and its session; None if there never was one."""
        found = self._by_stream.get(name)
        if found is None:
            return None
        session = self._sessions[found[0]]
        return session, session.streams[found[1]]

    def opened(self, name: str, offset: int = 0) -> tuple[Session, Stream]:
        """
        Return a stream that may be read from the row *offset* on, and its session.

        Raises:
            RefusedError: as Google says it. Of a number that is too high:
                https://github.com/goccy/bigquery-emulator/issues/507, 2026. Of a session that has
                ended: https://github.com/GoogleCloudDataproc/spark-bigquery-connector/issues/684
        """
        found = self.find(name)
        if found is None:
            message = f"there was an error operating on '{name}': the stream was not found"
            raise RefusedError(404, "NOT_FOUND", message)
        session, stream = found
        if session.expires <= time.time():
            ended = datetime.fromtimestamp(session.expires, UTC).isoformat(timespec="seconds")
            message = f"there was an error operating on '{name}': session expired at {ended}"
            raise RefusedError(400, "FAILED_PRECONDITION", message)
        permission = "bigquery.readsessions.getData"
        if permission in self._warehouse.denied:
            message = f"there was an error operating on '{name}': {_lacks(permission, name)}"
            raise RefusedError(403, "PERMISSION_DENIED", message)
        if offset < 0:
            raise _failed(400, "INVALID_ARGUMENT", "the offset must be non-negative")
        if offset > stream.rows:
            message = f"offset {offset} has not been allocated yet"
            raise RefusedError(400, "FAILED_PRECONDITION", message)
        return session, stream

    def expire(self, session: Session) -> None:
        """Have a session be expired."""
        self._sessions[session.name] = replace(session, expires=time.time())

    def expire_all(self) -> None:
        """Have all sessions be expired that there are."""
        for session in list(self._sessions.values()):
            self.expire(session)

    def forget_all(self) -> None:
        """Know no session any more."""
        self._by_stream.clear()
        self._sessions.clear()

    def _source(self, table: str, project: str, dataset: str, name: str) -> Source:
        work = self._jobs.writer(project, dataset, name)
        if work is not None:
            return _result(work)
        self._need("bigquery.tables.getData", table)
        stored = self._warehouse.find(project, dataset, name)
        if stored is None:
            raise _not_found(f"Not found: Table {project}:{dataset}.{name}")
        if stored.table.kind != "TABLE":
            message = "non-table entities cannot be read with the storage API"
            raise _failed(400, "INVALID_ARGUMENT", message)
        return _stored(self._warehouse, stored)

    def _made(self, wish: Wish, parent: str, source: Source) -> Session:
        identity = f"CAIS{secrets.token_urlsafe(30)}"
        name = f"projects/{parent}/locations/{source.location.lower()}/sessions/{identity}"
        count = wish.most_streams
        if count == 0:
            count = min(-(-source.rows // _STREAM_ROWS), _MOST_STREAMS)
        count = min(max(count, wish.fewest_streams), source.rows)
        bounds = [source.rows * place // count for place in range(count + 1)] if count else [0]
        streams = tuple(
            Stream(
                name=f"{name}/streams/{secrets.token_urlsafe(12)}",
                place=place,
                start=bounds[place],
                stop=bounds[place + 1],
            )
            for place in range(count)
        )
        return Session(
            name=name,
            what=self.what(wish.table),
            source=source,
            schema=chosen(sent_schema(source.schema), wish.fields),
            streams=streams,
            expires=time.time() + _LIFETIME_SECONDS,
            step=self.message_rows or _step(source),
            codec=wish.codec,
        )

    def _need(self, permission: str, resource: str) -> None:
        # https://github.com/GoogleCloudDataproc/hive-bigquery-connector/issues/102, 2023
        if permission in self._warehouse.denied:
            raise _failed(403, "PERMISSION_DENIED", _lacks(permission, resource))


def _result(work: Work) -> Source:
    try:
        rows = work.rows()
    except QueryError:
        project, dataset, name = work.destination
        raise _not_found(f"Not found: Table {project}:{dataset}.{name}") from None
    return Source(
        location=work.order.location,
        schema=rows.schema,
        rows=rows.num_rows,
        size=rows.nbytes,
        read=lambda start, stop: rows.slice(start, stop - start),
    )


def _stored(warehouse: Warehouse, stored: Stored) -> Source:
    """Return a table as it is now: another that takes its name later has another place."""
    columns = ", ".join(f'"{name}"' for name in stored.schema.names)
    sql = f"SELECT {columns} FROM {stored.place} WHERE rowid >= $1 AND rowid < $2 ORDER BY rowid"

    def read(start: int, stop: int) -> pa.Table:
        with warehouse.cursor() as cursor:
            return cursor.sql(sql, params=[start, stop]).to_arrow_table()

    return Source(
        location=stored.table.location,
        schema=stored.schema,
        rows=stored.rows,
        size=sum(one.size for one in stored.partitions),
        read=read,
    )


def _step(source: Source) -> int:
    """Return how many rows a message has: rows are as wide as their average."""
    return max(1, _MESSAGE_BYTES * source.rows // max(1, source.size))


def _lacks(permission: str, resource: str) -> str:
    return f"the user does not have '{permission}' permission for '{resource}'"


def _failed(status: int, code: str, message: str) -> RefusedError:
    return RefusedError(status, code, f"request failed: {message}")


def _not_found(message: str) -> RefusedError:
    return RefusedError(404, "NOT_FOUND", message)
