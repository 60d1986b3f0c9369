"""The rows of one table, page by page, each page under the policy of ogfd."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

import anyio
import pyarrow as pa
from anyio import to_thread

from ogfd.plugin import BadRequestError, Context, NotFoundError, TransientError
from ogfd_gcp.config import GcpConfig
from ogfd_gcp.storage.columns import decoded, ordered
from ogfd_gcp.storage.connection import Connection, Message, Messages, Metadata, Opened, roots
from ogfd_gcp.tokens import Tokens

CREATE: Final = "storage:CreateReadSession"
READ: Final = "storage:ReadRows"

_ATTEMPT: Final = timedelta(seconds=60)
_PAGE_ROWS: Final = 32_768  # of up to 25 columns: some 10 MB as Arrow
_PAGE_BYTES: Final = 8 << 20
_PAGE_SECONDS: Final = 20.0
"""
A page that takes longer is handed out as it is: else a slow line would never bring one within the
time of an attempt.
"""


class Storage:
    """
    Reads tables for one connector.

    Args:
        ctx: of the run.
        config: of the connector.
        tokens: gets the token.
    """

    def __init__(self, ctx: Context, config: GcpConfig, tokens: Tokens) -> None:
        self._ctx = ctx
        self._config = config
        self._tokens = tokens

    @asynccontextmanager
    async def reading(self, table: str, names: Sequence[str]) -> AsyncGenerator[Reading]:
        """
        Read *table*, a resource name, whose columns are *names*; nothing is asked yet.

        Raises:
            FatalError: if the certificates to trust cannot be read.
        """
        trusted = await to_thread.run_sync(roots)
        way = _Way(self._config, self._tokens, trusted)
        try:
            yield Reading(self._ctx, self._tokens, way, table, names)
        finally:
            await way.close()


class _Way:
    """Where the rows come from: a connection, and a call that is open on it."""

    def __init__(self, config: GcpConfig, tokens: Tokens, trusted: bytes | None) -> None:
        self._config = config
        self._tokens = tokens
        self._trusted = trusted
        self._connection: Connection | None = None
        self._messages: Messages | None = None

    async def create_session(self, table: str) -> Opened:
        """Begin to read *table*."""
        try:
            connection = self._connected()
            return await connection.create_session(
                self._config.job_project, table, self._metadata()
            )
        except BaseException:
            await self.close()
            raise

    async def page(self, stream: str, offset: int) -> list[Message]:
        """
        Return the messages from row *offset* on that make a page; none at the end.

        The call stays open for those that follow. Whatever fails, the next page comes by another
        connection: of one that is dead nobody is told.
        """
        found: list[Message] = []
        rows, size = 0, 0
        enough = anyio.current_time() + _PAGE_SECONDS
        try:
            if self._messages is None:
                self._messages = self._connected().read(stream, offset, self._metadata())
            while rows < _PAGE_ROWS and size < _PAGE_BYTES:
                message = await self._messages.next()
                if message is None:
                    break
                found.append(message)
                rows, size = rows + message.rows, size + len(message.data)
                if anyio.current_time() > enough:
                    break
        except BaseException:
            await self.close()
            raise
        return found

    async def close(self) -> None:
        """Close the connection; the next call makes another."""
        connection, messages = self._connection, self._messages
        self._connection = self._messages = None
        if messages is not None:
            await messages.close()
        if connection is not None:
            await connection.close()

    def _connected(self) -> Connection:
        if self._connection is None:
            self._connection = Connection(self._config.storage_url, self._trusted)
        return self._connection

    def _metadata(self) -> Metadata:
        return tuple((name.lower(), value) for name, value in self._tokens.headers().items())


@dataclass(frozen=True, slots=True)
class _Position:
    """The session that is read, and how many of its rows came."""

    opened: Opened
    done: int = 0


class Reading:
    """
    One pass over the rows of a table.

    A session that is gone is made anew only before the first row: nobody promises that another
    has the rows in the same order.

    Args:
        ctx: of the run.
        tokens: gets the token.
        way: makes the requests.
        table: its resource name.
        names: of its columns, in order.
    """

    def __init__(
        self, ctx: Context, tokens: Tokens, way: _Way, table: str, names: Sequence[str]
    ) -> None:
        self._ctx = ctx
        self._tokens = tokens
        self._way = way
        self._table = table
        self._names = names
        self._at: _Position | None = None

    async def page(self) -> pa.Table | None:
        """
        Return the next rows, as text, integers and decimals; None at the end.

        Raises:
            SourceError, Parked: if they cannot be had.
            NotFoundError: if the table is gone; no row was returned then.
            TransientError: if it is gone now.
            FatalError: if it has other columns.
        """
        at = self._at or await self._begun()
        try:
            page = await self._read(at)
        except (NotFoundError, BadRequestError) as exc:
            if at.done:
                raise TransientError(
                    f"the session on {self._table} was gone after {at.done} rows"
                ) from exc
            at = await self._begun()
            page = await self._read(at)
        if page is None:
            return None
        self._at = _Position(at.opened, at.done + page.num_rows)
        return page

    async def _begun(self) -> _Position:
        await self._tokens.ready()
        opened: Opened = await self._ctx.call(
            CREATE, self._way.create_session, self._table, timeout=_ATTEMPT
        )
        ordered(opened.schema, self._names)
        self._at = _Position(opened)
        return self._at

    async def _read(self, at: _Position) -> pa.Table | None:
        if at.opened.stream is None:
            return None
        await self._tokens.ready()
        page: pa.Table | None = await self._ctx.call(
            READ, self._attempt, at.opened.stream, at, timeout=_ATTEMPT
        )
        return page

    async def _attempt(self, stream: str, at: _Position) -> pa.Table | None:
        messages = await self._way.page(stream, at.done)
        if not messages:
            return None
        try:
            return await to_thread.run_sync(decoded, messages, at.opened.schema)
        except BaseException:
            await self._way.close()  # it is behind these rows
            raise
