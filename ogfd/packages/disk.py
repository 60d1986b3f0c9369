"""Writes that survive a power cut: fsync, rename, fsync the directory."""

from __future__ import annotations

import os
from hashlib import blake2b
from pathlib import Path
from typing import Final

_CHUNK: Final = 1 << 20


def sync(path: Path) -> None:
    """Flush a file or directory to the disk. Blocking."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def publish(temporary: Path, final: Path) -> None:
    """Rename a directory whose files are on disk, so that it is there whole or not at all."""
    sync(temporary)
    temporary.rename(final)
    sync(final.parent)


def file_digest(path: Path) -> str:
    """Return the BLAKE2b-256 of a file, in hex. Blocking."""
    digest = blake2b(digest_size=32)
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()
