"""The unix socket: where it is; who may connect is decided by its file's mode and group."""

from __future__ import annotations

import os
import socket
import stat
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Final

import anyio
from anyio import to_thread

from ogfd.config import Settings
from ogfd.control.protocol import EX_CONFIG, EX_UNAVAILABLE, OperationError

_LONGEST: Final = 107  # bytes; sun_path has 108 with its final NUL, see unix(7)
_MODE: Final = 0o660


def socket_path(settings: Settings) -> Path:
    """Return the path of the daemon's unix socket."""
    if settings.daemon.socket is not None:
        return settings.daemon.socket
    runtime = Path("/run/ogfd")
    if settings.daemon.state_dir == Path("/var/lib/ogfd") and runtime.is_dir():
        return runtime / "ogfd.sock"
    return settings.daemon.state_dir / "ogfd.sock"


@asynccontextmanager
async def bound_socket(path: Path) -> AsyncGenerator[socket.socket]:
    """
    Bind the socket *path* for as long as the context lasts; nobody listens on it yet.

    A file that a dead daemon left is replaced. The file is removed at the end.

    Raises:
        OperationError: if the path is too long or cannot be used, or another daemon listens.
    """
    check_length(path)
    sock = await to_thread.run_sync(_bind, path)
    try:
        yield sock
    finally:
        with anyio.CancelScope(shield=True):
            await to_thread.run_sync(_remove, path, sock)


def check_length(path: Path) -> None:
    """Raise `OperationError` if the system cannot bind or connect to such a long path."""
    length = len(os.fsencode(path))
    if length > _LONGEST:
        raise OperationError(
            f"the path of the socket has {length} bytes, the system allows {_LONGEST}: {path}",
            EX_CONFIG,
            hint="set a shorter one by socket in [daemon]",
        )


def _bind(path: Path) -> socket.socket:
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    try:
        _clear(path)
        sock.bind(os.fspath(path))
        # Nobody can connect before listen(), so there is no moment with a wider mode.
        path.chmod(_MODE)
    except OSError as exc:
        sock.close()
        raise OperationError(
            f"cannot listen on {path}: {exc.strerror}",
            EX_UNAVAILABLE,
            hint="its directory must exist and be writable for the daemon; see socket in [daemon]",
        ) from exc
    except BaseException:
        sock.close()
        raise
    sock.setblocking(False)
    return sock


def _clear(path: Path) -> None:
    """Remove the socket of a dead daemon."""
    try:
        found = path.stat(follow_symlinks=False)
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(found.st_mode):
        raise OperationError(
            f"{path} is there and is no socket", EX_CONFIG, hint="remove it, or set another path"
        )
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(2)
        try:
            probe.connect(os.fspath(path))
        except ConnectionRefusedError:
            path.unlink(missing_ok=True)
            return
    raise OperationError(f"another daemon listens on {path}", EX_UNAVAILABLE)


def _remove(path: Path, sock: socket.socket) -> None:
    sock.close()
    with suppress(OSError):
        path.unlink(missing_ok=True)
