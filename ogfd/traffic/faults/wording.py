"""The text of an exception as it may stand in a message or a log."""

from __future__ import annotations

import re
from typing import Final

from ogfd.plugin import HttpError, SourceError

_LONGEST: Final = 500
# Queries hold signatures (S3 presigned URLs, Azure SAS) and the part before an @ a password.
_QUERY: Final = re.compile(r"(\b[a-z][a-z0-9+.-]*://[^\s?#'\"<>]*)[?#][^\s'\"<>]*", re.IGNORECASE)
_USER: Final = re.compile(r"(\b[a-z][a-z0-9+.-]*://)[^\s/@'\"<>]*@", re.IGNORECASE)


def clean(text: str) -> str:
    """Return *text* on one line, not too long, with no query and no user in any URL."""
    line = " ".join(_USER.sub(r"\1", _QUERY.sub(r"\1", text)).split())
    return line if len(line) <= _LONGEST else f"{line[:_LONGEST]}..."


def describe(exc: Exception) -> str:
    """Return what happened: the text of our own errors, type and text of any other."""
    if isinstance(exc, HttpError):
        return clean(str(exc))
    if isinstance(exc, SourceError):
        return clean(str(exc.args[0]))
    kind = type(exc).__name__
    text = clean(str(exc))
    return f"{kind}: {text}" if text else kind
