"""Text of a plugin's making, as it may be kept and shown whatever is in it."""

from __future__ import annotations

from typing import Final

from ogfd.telemetry.logs import escape
from ogfd.telemetry.redaction import Redaction

_LONGEST: Final = 500


def legible(text: str) -> str:
    """Return *text* on one line, not too long, without known shapes of secrets."""
    line = escape(" ".join(Redaction().text(text).split()))
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST - 3]}..."
