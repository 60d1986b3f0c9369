"""Content encodings of answers that we asked not to encode, decoded to their proven end."""

from __future__ import annotations

import zlib
from typing import Any, Final

from anyio import to_thread

from ogfd.plugin import ErrorClass, SourceError, error_of

_ZLIB_OR_GZIP: Final = zlib.MAX_WBITS | 32
_PIECE_BYTES: Final = 4 << 10
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
    position, room = 0, max_bytes
    while position < len(body):  # a gzip file may have several members
        member = zlib.decompressobj(_ZLIB_OR_GZIP)
        while not member.eof:
            # In pieces: what follows a member is copied, and a body may be nothing but members.
            piece = body[position : position + _PIECE_BYTES]
            if not piece:
                raise Undecodable("was cut: its gzip stream has no end", ErrorClass.TRANSIENT)
            part = _part(member, piece, room + 1)
            room -= len(part)
            if room < 0:
                raise Undecodable(f"is longer than {max_bytes} bytes", ErrorClass.FATAL)
            parts.append(part)
            position += len(piece) - len(member.unused_data)
    return b"".join(parts)


def _part(member: Any, piece: bytes, most: int) -> bytes:
    try:
        part: bytes = member.decompress(piece, most)
    except zlib.error:
        raise Undecodable("is not the gzip that it claims to be", ErrorClass.TRANSIENT) from None
    return part
