"""
What the service manager is told, by sd_notify(3); nothing at all without ``NOTIFY_SOCKET``.

Protocol: one datagram per message, ``KEY=value`` lines
(https://www.freedesktop.org/software/systemd/man/latest/sd_notify.html).
"""

from __future__ import annotations

import logging
import os
import socket
import time
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Final

log: Final = logging.getLogger(__name__)


class Notifier:
    """
    Tells the service manager what the daemon is doing.

    Methods do not block and never fail the daemon: a message that cannot be delivered is logged.

    Args:
        environ: read for ``NOTIFY_SOCKET``, which may be an abstract socket (``@name``).
        monotonic: the clock ``CLOCK_MONOTONIC``, in seconds.
    """

    def __init__(
        self, environ: Mapping[str, str], monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._address = environ.get("NOTIFY_SOCKET", "")
        self._monotonic = monotonic

    def ready(self) -> None:
        """Say that start-up, or a reload, is done."""
        self._send("READY=1")

    def stopping(self) -> None:
        """Say that shutdown has begun."""
        self._send("STOPPING=1")

    def reloading(self) -> None:
        """Say that the configuration is being reloaded; `ready` must follow."""
        self._send(f"RELOADING=1\nMONOTONIC_USEC={int(self._monotonic() * 1_000_000)}")

    def status(self, text: str) -> None:
        """Show one line in ``systemctl status``."""
        self._send(f"STATUS={' '.join(text.split())}")

    def watchdog(self) -> None:
        """Say that the daemon is alive."""
        self._send("WATCHDOG=1")

    def _send(self, message: str) -> None:
        if not self._address:
            return
        address = f"\0{self._address[1:]}" if self._address.startswith("@") else self._address
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sock:
                sock.setblocking(False)
                sock.connect(address)
                sock.send(message.encode())
        except OSError as exc:
            log.warning(
                "the service manager cannot be notified",
                extra={"socket": self._address, "reason": str(exc)},
            )


def watchdog_interval(environ: Mapping[str, str]) -> timedelta | None:
    """
    Return how often `Notifier.watchdog` is due: half of what the service manager waits.

    None if it does not watch this process.
    """
    if environ.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return None
    wait = environ.get("WATCHDOG_USEC", "")
    if not wait.isdecimal() or int(wait) == 0:
        return None
    return timedelta(microseconds=int(wait) / 2)
