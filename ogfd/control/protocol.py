"""
How the command line asks for operations, in the process or over the unix socket.

Over the socket an operation is one HTTP request; the answer is one JSON document per line:

    POST /operations/sync                  {"connectors": ["aws-prod"], "trigger": "cli"}
    200  {"event": {"event": "progress", "slice": ..., "done": 1, "total": 4, "unit": "rows"}}
         {"event": {"event": "slice", ...}}
         {"result": {"outcome": "succeeded", ...}}

The last line is ``{"result": {...}}`` or ``{"error": {"message": ..., "exit_code": ...}}``; an
answer without either was cut off. Events are best effort, the result says everything again. Empty
lines keep the connection alive. A client that goes away cancels its request: what a sync had
committed stays, the rest waits for the next run.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, Protocol

from ogfd.plugin import OgfdError

EX_OK: Final = 0
EX_FAILED: Final = 1
EX_USAGE: Final = 64
EX_UNAVAILABLE: Final = 69
EX_NOPERM: Final = 77
EX_CONFIG: Final = 78

Emit = Callable[[dict[str, Any]], None]
"""Takes an event; cheap, never blocks, never fails."""


class OperationError(OgfdError):
    """
    An operation could not be done.

    Attributes:
        code: the exit code of the command that asked for it.
    """

    def __init__(self, message: str, code: int = EX_FAILED, *, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.code = code


class Operations(Protocol):
    """What can be asked of ogfd; JSON-ready values in, JSON-ready values out."""

    async def call(self, name: str, params: Mapping[str, Any], emit: Emit) -> dict[str, Any]:
        """
        Do the operation *name*.

        May be cancelled; whatever a cancelled operation had committed stays.

        Args:
            name: such as ``sync`` or ``slices.show``.
            params: its parameters.
            emit: takes events while the operation runs.

        Raises:
            OperationError: with a message for the operator and the exit code.
        """
        ...
