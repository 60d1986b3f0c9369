"""Listens, for as long as its task lives."""

from __future__ import annotations

import logging
import os
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import anyio
from aiohttp import web
from anyio import TASK_STATUS_IGNORED
from anyio.abc import TaskStatus

from ogfd.control.address import address, loopback_address
from ogfd.control.app import Exposition, Readiness, health_app
from ogfd.control.operate import Operate
from ogfd.control.protocol import EX_UNAVAILABLE, OperationError, Operations
from ogfd.control.socket import bound_socket

_GOODBYE_SECONDS: Final = 5.0  # for answers that are being written when the daemon stops

log: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Doors:
    """
    Where to listen; None keeps a door shut.

    Attributes:
        listen: ``host:port`` on loopback: health and metrics.
        metrics_listen: ``host:port`` anywhere: health and metrics.
        socket: path of the unix socket: health, metrics and operations.
    """

    listen: str | None = None
    metrics_listen: str | None = None
    socket: Path | None = None

    def check(self) -> None:
        """Raise `ConfigError` if an address is wrong or may not be listened on."""
        if self.listen:
            loopback_address(self.listen, "daemon.listen")
        if self.metrics_listen:
            address(self.metrics_listen, "daemon.metrics_listen")


async def serve(
    doors: Doors,
    *,
    exposition: Exposition,
    not_ready: Readiness,
    operations: Operations,
    task_status: TaskStatus[tuple[tuple[str, int], ...]] = TASK_STATUS_IGNORED,
) -> None:
    """
    Serve until cancelled; start it with ``await task_group.start(serve, ...)``.

    When cancelled, operations under way are cancelled and their clients told.

    Args:
        doors: where to listen.
        exposition: renders the metrics for an Accept header.
        not_ready: the reasons why the daemon is not ready; none if it is.
        operations: does what clients of the socket ask for.
        task_status: gets the TCP addresses once all doors are open.

    Raises:
        ConfigError: if an address may not be listened on.
        OperationError: if an address or the socket cannot be listened on.
    """
    doors.check()
    async with AsyncExitStack() as stack:
        bound: list[tuple[str, int]] = []
        if doors.listen:
            app = health_app(exposition, not_ready, loopback_only=True)
            bound.append(await stack.enter_async_context(_tcp(app, doors.listen)))
        if doors.metrics_listen:
            app = health_app(exposition, not_ready, loopback_only=False)
            bound.append(await stack.enter_async_context(_tcp(app, doors.metrics_listen)))
        if doors.socket is None:
            task_status.started(tuple(bound))
            await anyio.sleep_forever()
        else:
            app = health_app(exposition, not_ready, loopback_only=False)
            await _serve_socket(app, doors.socket, operations, tuple(bound), task_status)


async def _serve_socket(
    app: web.Application,
    path: Path,
    operations: Operations,
    bound: tuple[tuple[str, int], ...],
    task_status: TaskStatus[tuple[tuple[str, int], ...]],
) -> None:
    async with bound_socket(path) as sock, anyio.create_task_group() as tasks:
        app.router.add_post("/operations/{name}", Operate(operations, tasks).handle)
        async with _running(app) as runner:
            await web.SockSite(runner, sock).start()
            task_status.started(bound)
            await anyio.sleep_forever()


@asynccontextmanager
async def _tcp(app: web.Application, where: str) -> AsyncGenerator[tuple[str, int]]:
    host, port = address(where, "")
    async with _running(app) as runner:
        try:
            await web.TCPSite(runner, host, port).start()
        except OSError as exc:
            # asyncio's own text repeats the address.
            reason = os.strerror(exc.errno) if exc.errno else str(exc)
            raise OperationError(f"cannot listen on {where}: {reason}", EX_UNAVAILABLE) from exc
        yield runner.addresses[0][:2]


@asynccontextmanager
async def _running(app: web.Application) -> AsyncGenerator[web.AppRunner]:
    # A client that goes away cancels its handler.
    runner = web.AppRunner(
        app, access_log=None, handler_cancellation=True, shutdown_timeout=_GOODBYE_SECONDS
    )
    await runner.setup()
    try:
        yield runner
    finally:
        with anyio.move_on_after(_GOODBYE_SECONDS * 2, shield=True):
            await runner.cleanup()
