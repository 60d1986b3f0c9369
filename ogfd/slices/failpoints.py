"""
Places where a test can strike the real program: ``OGFD_FP="name:n:action[,...]"``.

*n* is the n-th time the point is passed, counted from 1. Actions: ``kill`` (SIGKILL to itself),
``raise`` (an unexpected error), ``enospc`` (a full disk), ``delay`` (half a second). Without the
variable a point costs a dictionary look-up.
"""

from __future__ import annotations

import errno
import os
import signal
from collections import Counter
from collections.abc import Mapping
from typing import Final

import anyio

POINTS: Final = (
    "ledger.read",
    "source.listed",
    "source.read",
    "package.sealed",
    "package.judged",
    "sink.before_commit",
    "sink.committed",
    "state.delivered",
    "package.archived",
    "state.recorded",
)
"""Every arrow of the commit protocol, in order."""

_ACTIONS: Final = ("kill", "raise", "enospc", "delay")


class Failpoints:
    """
    Strikes where the environment says.

    Args:
        environ: where ``OGFD_FP`` is looked up.

    Raises:
        ValueError: if ``OGFD_FP`` names no point or action.
    """

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._armed: dict[str, tuple[int, str]] = {}
        self._passed: Counter[str] = Counter()
        for entry in filter(None, environ.get("OGFD_FP", "").split(",")):
            name, _, rest = entry.partition(":")
            number, _, action = rest.partition(":")
            if name not in POINTS or action not in _ACTIONS or not number.isdigit():
                raise ValueError(f"OGFD_FP: {entry!r} is not name:n:{'|'.join(_ACTIONS)}")
            self._armed[name] = (int(number), action)

    async def passed(self, name: str) -> None:
        """Pass the point *name*."""
        armed = self._armed.get(name)
        if armed is None:
            return
        self._passed[name] += 1
        if self._passed[name] == armed[0]:
            await _strike(name, armed[1])


async def _strike(name: str, action: str) -> None:
    match action:
        case "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        case "raise":
            raise RuntimeError(f"failpoint {name}")
        case "enospc":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), name)
        case _:
            await anyio.sleep(0.5)
