"""Content encodings of answers that we asked not to encode, decoded to their proven end."""

from __future__ import annotations

import zlib
from typing import Final

from anyio import to_thread

from ogfd.plugin import ErrorClass, SourceError, error_of

_ZLIB_OR_GZIP: Final = zlib.MAX_WBITS | 32
_ENCODINGS: Final = frozenset({"gzip", "x-gzip", "deflate"})


class Undecodable(Exception):  # noqa: N818 - becomes a SourceError by `error`
    """A body cannot be decoded."""

    def __init__(self, reason: str, error_class: ErrorClass) -> None:
        super().__init__(reason)
        self._error_class = error_class

    def error(self, subject: str) -> SourceError:
        """Return the error to raise about *subject*."""
        return error_of(self._error_class)(f"{subject} {self}")


async def decoded(body: bytes, encoding: str, max_bytes: int) -> bytes:
    """
    Return *body* without its content encoding.

    Raises:
        Undecodable: if it was cut (transient), is longer than *max_bytes* or has an encoding other
            than gzip and deflate (fatal).
    """
    name = encoding.strip().lower()
    if name in ("", "identity") or not body:
        return body
    if name not in _ENCODINGS:
        raise Undecodable(f"is encoded as {name}, which was not asked for", ErrorClass.FATAL)
    return await to_thread.run_sync(_inflated, body, max_bytes)


def _inflated(body: bytes, max_bytes: int) -> bytes:
    parts: list[bytes] = []
    room = max_bytes
    while body:  # a gzip file may have several members
        member = zlib.decompressobj(_ZLIB_OR_GZIP)
        try:
            part = member.decompress(body, room + 1)
        except zlib.error:
            raise Undecodable(
                "is not the gzip that it claims to be", ErrorClass.TRANSIENT
            ) from None
        room -= len(part)
        if room < 0:
            raise Undecodable(f"is longer than {max_bytes} bytes", ErrorClass.FATAL)
        if not member.eof:
            raise Undecodable("was cut: its gzip stream has no end", ErrorClass.TRANSIENT)
        parts.append(part)
        body = member.unused_data
    return b"".join(parts)
