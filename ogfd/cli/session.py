"""How commands reach the engine: in this process, or in the daemon that holds the state."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

if TYPE_CHECKING:
    from ogfd.control.protocol import Emit, Operations
    from ogfd.registry import Bound


_CONNECT_SECONDS: Final = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Wiring:
    """
    What commands work with; tests pass another one as click's ``obj``.

    Attributes:
        load: loads the configuration of a file, or of the default places (None), and binds
            plugins; with ``streamless=True`` connectors may have no stream.
        operations: opens the operations.
        run: runs the daemon and returns the exit code.
        logs: sends logs to stderr at a level (``""``: the configured one), hiding the secrets
            of a configuration.
    """

    load: Callable[..., Bound]
    operations: Callable[[Bound], AbstractAsyncContextManager[Operations]]
    run: Callable[[Bound], Awaitable[int]]
    logs: Callable[[Bound, str], None]


def wiring(ctx: click.Context) -> Wiring:
    """Return what the command works with."""
    if isinstance(ctx.obj, Wiring):
        return ctx.obj
    from ogfd.cli.logs import start_logs  # noqa: PLC0415 - see ogfd.cli

    return Wiring(load=_load, operations=operations, run=_run, logs=start_logs)


async def _run(bound: Bound) -> int:
    from ogfd.daemon import run  # noqa: PLC0415 - see ogfd.cli

    return await run(bound)


def _load(path: Path | None, *, streamless: bool = False) -> Bound:
    import os  # noqa: PLC0415

    from ogfd.registry import Registry, load_bound  # noqa: PLC0415

    return load_bound(path, os.environ, Registry(), streamless=streamless)


@asynccontextmanager
async def operations(bound: Bound) -> AsyncGenerator[Operations]:
    """
    Open the operations: a running daemon's by its unix socket, or those of this process.

    The daemon is looked for first: who asks it needs no engine, and need not be able to open its
    state, which is its own.

    Raises:
        OperationError: if a daemon holds the state and cannot be reached.
        OgfdError: if the state or a sink cannot be opened.
    """
    from ogfd.control.socket import socket_path  # noqa: PLC0415 - see ogfd.cli

    path = socket_path(bound.settings)
    if await _is_served(path):
        yield RemoteOperations(path)
        return
    from ogfd.daemon import StateLocked, open_app  # noqa: PLC0415 - see ogfd.cli

    async with AsyncExitStack() as stack:
        try:
            app = await stack.enter_async_context(open_app(bound))
        except StateLocked:  # a command holds it, or a daemon that does not listen yet
            chosen: Operations = RemoteOperations(path)
        else:
            chosen = app.operations
        yield chosen


async def _is_served(path: Path) -> bool:
    """Tell whether a daemon listens; one that was killed leaves its socket behind."""
    import anyio  # noqa: PLC0415 - see ogfd.cli

    try:
        with anyio.fail_after(_CONNECT_SECONDS):
            async with await anyio.connect_unix(path):
                return True
    except (PermissionError, TimeoutError):
        return True  # somebody does; the call says what is wrong
    except (OSError, ValueError):
        return False


class RemoteOperations:
    """The operations of the daemon that listens on *path*."""

    def __init__(self, path: Path) -> None:
        self._path = path

    async def call(self, name: str, params: Mapping[str, Any], emit: Emit) -> dict[str, Any]:
        """Do the operation *name* there; see `ogfd.control.client.call`."""
        from ogfd.control.client import call  # noqa: PLC0415

        return await call(self._path, name, params, emit)
