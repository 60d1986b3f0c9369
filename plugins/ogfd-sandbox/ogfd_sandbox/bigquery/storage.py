"""
The Storage Read API over gRPC, without TLS: ``google.cloud.bigquery.storage.v1.BigQueryRead``.

Neither ``SplitReadStream`` nor Avro. This module takes half a second to import, and packages that
not everybody has: it is imported when somebody asks for the port.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Final

import anyio.to_thread
import grpc
import grpc.aio
from google.cloud.bigquery_storage_v1 import types

from ogfd_sandbox.azure.wire import RefusedError
from ogfd_sandbox.bigquery.arrow import message
from ogfd_sandbox.bigquery.sessions import ReadSessions, Session, Stream, Wish
from ogfd_sandbox.bigquery.statuses import AFTERWARDS, Context, ended, fault, spoiled
from ogfd_sandbox.faults import Rule, Rules
from ogfd_sandbox.journal import Entry, Journal

SERVICE: Final = "google.cloud.bigquery.storage.v1.BigQueryRead"
_CREATE: Final = "CreateReadSession"
_READ: Final = "ReadRows"
_CODECS: Final = {1: "lz4", 2: "zstd"}


class StorageServer:
    """
    Answers on a port of its own.

    Args:
        rules: in force.
        journal: to write in.
        sessions: returns those that there are now.
    """

    def __init__(
        self, rules: Rules, journal: Journal, sessions: Callable[[], ReadSessions]
    ) -> None:
        self._rules = rules
        self._journal = journal
        self._sessions = sessions
        self._server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])

    async def start(self) -> int:
        """Return the port on which it listens from now on, until the process ends."""
        handlers = {
            _CREATE: grpc.unary_unary_rpc_method_handler(
                self._create, request_deserializer=types.CreateReadSessionRequest.deserialize
            ),
            _READ: grpc.unary_stream_rpc_method_handler(
                self._read, request_deserializer=types.ReadRowsRequest.deserialize
            ),
        }
        handler = grpc.method_handlers_generic_handler(SERVICE, handlers)
        self._server.add_generic_rpc_handlers([handler])
        port: int = self._server.add_insecure_port("127.0.0.1:0")
        await self._server.start()
        return port

    async def _create(self, request: types.CreateReadSessionRequest, context: Context) -> bytes:
        project = request.parent.removeprefix("projects/") or "-"
        what = self._sessions().what(request.read_session.table)
        key = f"{project} {what} {request.max_stream_count}"
        shown = _metadata(context)
        entry = self._journal.begin(_CREATE, key, shown)
        rule = self._rules.hit(_CREATE, key)
        answer = await ended(entry, context, self._created(request, shown, rule))
        entry.sent = len(answer)
        return answer

    async def _created(
        self, request: types.CreateReadSessionRequest, shown: Mapping[str, str], rule: Rule | None
    ) -> bytes:
        await spoiled(rule)
        sessions = self._sessions()

        def work() -> bytes:
            sessions.check(shown.get("authorization", ""))
            return _described(sessions.create(_wish(request)), request.read_session)

        answer = await anyio.to_thread.run_sync(work)
        if rule is not None and rule.action in AFTERWARDS:
            raise fault(rule)
        return answer

    async def _read(self, request: types.ReadRowsRequest, context: Context) -> None:
        found = self._sessions().find(request.read_stream)
        where = f"- - {request.read_stream or '-'}"
        if found is not None:
            session, stream = found
            where = f"{session.name.split('/')[1]} {session.what} {stream.place}"
        key = f"{where} {request.offset}"
        shown = _metadata(context)
        entry = self._journal.begin(_READ, key, shown)
        rule = self._rules.hit(_READ, key)
        work = self._rows(request, context, shown, rule, entry)
        await ended(entry, context, work)

    async def _rows(
        self,
        request: types.ReadRowsRequest,
        context: Context,
        shown: Mapping[str, str],
        rule: Rule | None,
        entry: Entry,
    ) -> None:
        """Send what is left of a stream, message by message: the client's window sets the pace."""
        sessions, name, offset = self._sessions(), request.read_stream, request.offset
        if await _spoiled(rule, 0, sessions, name):
            return

        def opened() -> tuple[Session, Stream]:
            sessions.check(shown.get("authorization", ""))
            return sessions.opened(name, offset)

        session, stream = await anyio.to_thread.run_sync(opened)
        if rule is not None and rule.action in AFTERWARDS:
            raise fault(rule)
        step = rule.results if rule is not None and rule.action == "pages" else session.step
        sent = 0
        for start in range(offset, stream.rows, step):
            if sent and await _spoiled(rule, sent, sessions, name):
                return
            answer = await anyio.to_thread.run_sync(
                _message, session, stream, start, step, not sent
            )
            await context.write(answer)
            entry.sent += len(answer)
            sent += 1
        if rule is not None and 0 < rule.messages >= sent:  # the stream was too short
            await _spoiled(rule, rule.messages, sessions, name)


async def _spoiled(rule: Rule | None, sent: int, sessions: ReadSessions, name: str) -> bool:
    """Do what *rule* does once so many messages were *sent*; tell whether the stream ends."""
    if rule is None or rule.messages != sent:
        return False
    found = sessions.find(name)
    if rule.action == "expire" and found is not None:
        sessions.expire(found[0])
        sessions.opened(name)  # it is not: this raises
    return await spoiled(rule)


def _metadata(context: Context) -> dict[str, str]:
    shown = context.invocation_metadata() or ()
    return {name: value for name, value in shown if isinstance(value, str)}


def _wish(request: types.CreateReadSessionRequest) -> Wish:
    """
    Return what is wanted.

    Raises:
        RefusedError: if the stand-in does not have it.
    """
    asked = request.read_session
    options = asked.read_options
    if asked.data_format == types.DataFormat.DATA_FORMAT_UNSPECIFIED:
        # https://github.com/googleapis/python-bigquery-storage/issues/264, 2021
        raise _refused("data format unspecified")
    if asked.data_format != types.DataFormat.ARROW:
        raise _refused("the stand-in has no Avro: set data_format to ARROW")
    unknown = {
        "row_restriction": options.row_restriction,
        "sample_percentage": options.sample_percentage,
        "response_compression_codec": options.response_compression_codec,
        "table_modifiers": asked.table_modifiers,
    }
    for name, value in unknown.items():
        if value:
            raise _refused(f"the stand-in sends whole tables: it knows no {name}")
    return Wish(
        parent=request.parent,
        table=asked.table,
        fields=tuple(options.selected_fields),
        most_streams=request.max_stream_count,
        fewest_streams=request.preferred_min_stream_count,
        codec=_CODECS.get(int(options.arrow_serialization_options.buffer_compression)),
    )


def _refused(message: str) -> RefusedError:
    return RefusedError(400, "INVALID_ARGUMENT", f"request failed: {message}")


def _described(session: Session, asked: types.ReadSession) -> bytes:
    source = session.source
    made = types.ReadSession(
        name=session.name,
        expire_time=datetime.fromtimestamp(session.expires, UTC),
        data_format=asked.data_format,
        arrow_schema=_schema(session),
        table=asked.table,
        read_options=asked.read_options,
        streams=[types.ReadStream(name=stream.name) for stream in session.streams],
        estimated_total_bytes_scanned=source.size,
        estimated_row_count=source.rows,
        trace_id=asked.trace_id,
    )
    whole: bytes = types.ReadSession.serialize(made)
    return whole


def _schema(session: Session) -> types.ArrowSchema:
    return types.ArrowSchema(serialized_schema=session.schema.serialize().to_pybytes())


def _message(session: Session, stream: Stream, start: int, step: int, first: bool) -> bytes:
    """Return the rows of a stream from *start* on as one answer of ``ReadRows``."""
    batch = session.batch(stream, start, step)
    rows = batch.num_rows
    answer = types.ReadRowsResponse(
        arrow_record_batch=types.ArrowRecordBatch(
            serialized_record_batch=message(batch, session.codec), row_count=rows
        ),
        row_count=rows,
        stats=types.StreamStats(
            progress=types.StreamStats.Progress(
                at_response_start=start / stream.rows,
                at_response_end=(start + rows) / stream.rows,
            )
        ),
        throttle_state=types.ThrottleState(throttle_percent=0),
    )
    if first:
        answer.arrow_schema = _schema(session)
    whole: bytes = types.ReadRowsResponse.serialize(answer)
    return whole
