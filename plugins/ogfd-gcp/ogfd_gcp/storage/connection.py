"""
One connection to the Storage Read API: Google's messages, and each call made once.

Google's client of it has no way to end a call but to drop it. Here a call has ended, and nothing of it
runs on, when whoever let go of it does.

What gRPC does with the network of `[daemon]`: it reads the proxy (``http://`` only) and the names
that need none from the environment by itself. The certificates are handed to it, as it would read
its own variable once in the life of a process.
https://github.com/grpc/grpc/blob/master/doc/environment_variables.md
https://github.com/grpc/grpc/blob/master/doc/core/default_http_proxy_mapper.md
"""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import anyio
import grpc
import grpc.aio
import pyarrow as pa
from anyio.lowlevel import checkpoint_if_cancelled
from google.api_core.exceptions import GoogleAPICallError, from_grpc_error, from_grpc_status
from google.api_core.gapic_v1.routing_header import to_grpc_metadata
from google.cloud.bigquery_storage_v1.types import (
    ArrowSerializationOptions,
    CreateReadSessionRequest,
    DataFormat,
    ReadRowsRequest,
    ReadRowsResponse,
    ReadSession,
)

from ogfd.plugin import FatalError, TransientError

Metadata = tuple[tuple[str, str], ...]

_ROOTS: Final = "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH"
_SERVICE: Final = "/google.cloud.bigquery.storage.v1.BigQueryRead"
_BROKEN: Final = "an answer is no message of the Storage Read API"  # gRPC makes None of it
_END_SECONDS: Final = 0.02
"""
For gRPC to hear of the end of a call: a task of its own waits for that, which nobody else can.
"""
_SECONDS: Final = 45.0
_STREAM_SECONDS: Final = 6 * 3600.0
"""
As long as a session lives; each chunk of it has the time of an attempt.

https://cloud.google.com/bigquery/docs/reference/storage/rpc/google.cloud.bigquery.storage.v1
"""
_OPTIONS: Final = (
    ("grpc.enable_retries", 0),
    # Else a channel made in place of one whose connection is dead would get that connection.
    ("grpc.use_local_subchannel_pool", 1),
    # A message has up to 128 MB of rows, says Google of ReadRows; gRPC takes 4 MB by default.
    ("grpc.max_receive_message_length", 256 << 20),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """
    A session of reading.

    Attributes:
        schema: of the rows.
        stream: that has all of them; None if there are none.
    """

    schema: pa.Schema
    stream: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """
    Some rows as they came.

    Attributes:
        data: a batch of Arrow.
        rows: how many it has.
        schema: of its columns, if it came along, as it does with the first of a call.
    """

    data: bytes
    rows: int
    schema: bytes = b""


class Connection:
    """
    A connection, made with the first call.

    Args:
        url: of the service; without TLS if it is ``http://``.
        roots: certificates to trust, as PEM; None for those that come with gRPC.
    """

    def __init__(self, url: str, roots: bytes | None) -> None:
        target, encrypted = target_of(url)
        if encrypted:
            trust = grpc.ssl_channel_credentials(root_certificates=roots)
            self._channel = grpc.aio.secure_channel(target, trust, options=_OPTIONS)
        else:
            self._channel = grpc.aio.insecure_channel(target, options=_OPTIONS)
        self._create = self._channel.unary_unary(
            f"{_SERVICE}/CreateReadSession",
            request_serializer=CreateReadSessionRequest.serialize,
            response_deserializer=ReadSession.deserialize,
        )
        self._read = self._channel.unary_stream(
            f"{_SERVICE}/ReadRows",
            request_serializer=ReadRowsRequest.serialize,
            # Without the wrapper of Google's library, which copies what is looked at.
            response_deserializer=ReadRowsResponse.pb().FromString,
        )

    async def create_session(self, project: str, table: str, metadata: Metadata) -> Opened:
        """Begin to read *table*, a resource name, on behalf of *project*."""
        options = ReadSession.TableReadOptions(
            arrow_serialization_options=ArrowSerializationOptions(
                buffer_compression=ArrowSerializationOptions.CompressionCodec.ZSTD
            )
        )
        request = CreateReadSessionRequest(
            parent=f"projects/{project}",
            read_session=ReadSession(
                table=table, data_format=DataFormat.ARROW, read_options=options
            ),
            max_stream_count=1,
        )
        where = to_grpc_metadata({"read_session.table": table})
        call = self._create(request, timeout=_SECONDS, metadata=(*metadata, where))
        async with as_it_is(call):
            made = await call
        if made is None:
            raise TransientError(_BROKEN)
        schema = schema_of(made.arrow_schema.serialized_schema)
        return Opened(schema=schema, stream=made.streams[0].name if made.streams else None)

    def read(self, stream: str, offset: int, metadata: Metadata) -> Messages:
        """Have the rows of *stream* sent, from row *offset* on."""
        request = ReadRowsRequest(read_stream=stream, offset=offset)
        where = to_grpc_metadata({"read_stream": stream})
        return Messages(self._read(request, timeout=_STREAM_SECONDS, metadata=(*metadata, where)))

    async def close(self) -> None:
        """Close it; what it still sends is not read."""
        await self._channel.close()


class Messages:
    """The messages of one call of ReadRows; no more is fetched than gRPC's window, until asked."""

    def __init__(self, call: Any) -> None:
        self._call = call

    async def next(self) -> Message | None:
        """Return the next message with rows; None at the end."""
        async with as_it_is(self._call):
            while (message := await self._call.read()) is not grpc.aio.EOF:
                if message is None:
                    raise TransientError(_BROKEN)
                if message.row_count:
                    return Message(
                        data=message.arrow_record_batch.serialized_record_batch,
                        rows=message.row_count,
                        schema=message.arrow_schema.serialized_schema,
                    )
        return None

    async def close(self) -> None:
        """End the call, whatever it still sends."""
        await _end(self._call)


def target_of(url: str) -> tuple[str, bool]:
    """Return host and port of *url* as gRPC wants them, and whether it is encrypted."""
    parts = urlsplit(url)
    encrypted = parts.scheme != "http"
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    return f"{host}:{parts.port or (443 if encrypted else 80)}", encrypted


def schema_of(serialized: bytes) -> pa.Schema:
    """
    Read a schema.

    Raises:
        TransientError: if it is none.
    """
    try:
        return pa.ipc.read_schema(pa.py_buffer(serialized))
    except (pa.ArrowInvalid, EOFError, OSError):
        raise TransientError(f"{len(serialized)} bytes are no schema of rows") from None


@asynccontextmanager
async def as_it_is(call: Any) -> AsyncGenerator[None]:
    """
    Have what becomes of *call* raised for what it is, and nothing of it left if it is cancelled.

    gRPC raises a cancellation of its own in place of anyio's, which no scope would know: a time
    that is up would pass through all of them and end the task without a word.
    """
    try:
        yield
    except grpc.aio.AioRpcError as exc:
        raise _told(exc) from exc
    except anyio.get_cancelled_exc_class():
        await _end(call)
        await checkpoint_if_cancelled()
        raise


async def _end(call: Any) -> None:
    if call.done():
        return
    call.cancel()
    with anyio.CancelScope(shield=True):
        await anyio.sleep(_END_SECONDS)


def _told(exc: grpc.aio.AioRpcError) -> GoogleAPICallError:
    told: GoogleAPICallError
    try:
        told = from_grpc_error(exc)
    except ValueError:  # of details that differ from the status, as of what a proxy has changed
        told = from_grpc_status(exc.code(), exc.details(), response=exc)
    return told


def roots() -> bytes | None:
    """
    Return the certificates that ``ca_file`` leads to; None if it is not set.

    Raises:
        FatalError: if they cannot be read.
    """
    name = os.environ.get(_ROOTS)
    if not name:
        return None
    try:
        return Path(name).read_bytes()
    except OSError:
        raise FatalError(
            f"{name}, which {_ROOTS} names, cannot be read",
            hint="check that it exists and that the user of the service may read it",
        ) from None
