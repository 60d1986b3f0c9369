"""
The ``sqlite`` sink: one file that any tool can read while the daemon writes.

    __init__   announces the sink            sink     async methods, one writer, pooled readers
    schema     tables, views, migrations     commit   the one transaction that replaces a slice
    columns    Arrow batch -> what is kept   reading  ledger, history, scans
    connection one ADBC connection and what its errors mean

The driver, and Arrow, are imported when the file is opened: the announcement needs neither.
"""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Annotated

from pydantic import Field

from ogfd.plugin import PluginConfig, Sink, SinkContext, SinkSpec, hookimpl

__all__ = ["SqliteConfig", "ogfd_sink"]


class SqliteConfig(PluginConfig):
    """
    Table of a sink with ``type = "sqlite"``.

    Attributes:
        path: the database file; its directory must exist. Not on a network file system: SQLite's
            write-ahead log needs shared memory (https://sqlite.org/wal.html).
        busy_timeout: seconds to wait for another writer of the file before a commit fails.
    """

    path: Path
    busy_timeout: Annotated[float, Field(ge=0, le=3600)] = 30.0


@hookimpl
def ogfd_sink() -> SinkSpec:
    """Announce the sink."""
    return SinkSpec(
        name="sqlite",
        config=SqliteConfig,
        open=_open,
        migrate=_migrate,
        summary="one SQLite file; rows and ledger in one transaction; readers never wait",
    )


def _open(config: SqliteConfig, ctx: SinkContext) -> AbstractAsyncContextManager[Sink]:
    from ogfd.sinks.sqlite.sink import open_file  # noqa: PLC0415 - see above

    return open_file(config.path, config.busy_timeout, ctx)


async def _migrate(config: SqliteConfig, _ctx: SinkContext) -> None:
    from ogfd.sinks.sqlite.schema import migrate_file  # noqa: PLC0415 - see above

    await migrate_file(config.path, config.busy_timeout)
