"""One object on its way into one file, over as many connections as it takes."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Final

from anyio import to_thread

from ogfd.plugin import FatalError, SourceError, TransientError
from ogfd.traffic.downloads.digest import Digest
from ogfd.traffic.downloads.spool import Spool

_WRITE_BYTES: Final = 1 << 20  # one thread hop a mebibyte
_GROW_BYTES: Final = 16 << 20  # what is reserved at a time if the length is not known
_FULL: Final = (errno.ENOSPC, errno.EDQUOT)


class Transfer:
    """
    Takes the bytes of an object in order. Make it with `begin`.

    Attributes:
        name: of the object, for messages.
        size: the length to expect, if known.
        received: how many bytes have come so far; some may still be in memory.
        restarts: how often all bytes were forgotten.
        attempt: number of the running attempt, for errors that no other attempt mends.
    """

    def __init__(
        self,
        spool: Spool,
        path: Path,
        *,
        name: str,
        size: int | None,
        digest: Digest | None,
        room: int,
    ) -> None:
        self.name = name
        self.size = size
        self.received = 0
        self.restarts = 0
        self.attempt = 0
        self.path = path
        self._spool = spool
        self._digest = digest
        self._room = room
        self._pending: list[bytes] = []
        self._pending_bytes = 0

    @classmethod
    async def begin(
        cls, spool: Spool, *, name: str, size: int | None, digest: Digest | None = None
    ) -> Transfer:
        """
        Reserve room and make the file.

        Raises:
            FatalError: if the object would not fit into an empty spool, or there is no spool.
            TransientError: if there is not enough room now.
        """
        least, wished = (0, _GROW_BYTES) if size is None else (size, size)
        path, room = await spool.make(least, wished, name)
        return cls(spool, path, name=name, size=size, digest=digest, room=room)

    @property
    def full(self) -> bool:
        """Whether all bytes that were expected have come."""
        return self.size is not None and self.received == self.size

    async def add(self, chunk: bytes) -> None:
        """
        Take the next bytes; a full buffer goes to the file in a thread.

        Raises:
            FatalError: if the object is longer than expected.
            SourceError: if the disk or the spool is full or broken; not to be tried again.
        """
        received = self.received + len(chunk)
        if self.size is not None and received > self.size:
            raise FatalError(f"{self.name} is longer than the {self.size} bytes it should have")
        if received > self._room:
            await self._make_room(received)
        self.received = received
        self._pending.append(chunk)
        self._pending_bytes += len(chunk)
        if self._pending_bytes >= _WRITE_BYTES:
            await self.flush()

    async def finish(self) -> None:
        """
        Write what is left: the object came to its end.

        Raises:
            TransientError: if bytes are missing.
            FatalError: if it has another digest than it should have.
            SourceError: if the disk is full or broken; not to be tried again.
        """
        if self.size is not None and not self.full:
            raise TransientError(f"{self.name} ended after {self.received} of {self.size} bytes")
        await self.flush()
        if self._digest is not None:
            self._digest.check(self.name)

    async def flush(self) -> None:
        """Write what is in memory to the file."""
        pending, self._pending, self._pending_bytes = self._pending, [], 0
        if pending:
            await self._on_disk(_append, self.path, pending, self._digest)

    async def restart(self) -> None:
        """Forget all bytes: the object is read from its start again."""
        self._pending, self._pending_bytes, self.received = [], 0, 0
        self.restarts += 1
        if self._digest is not None:
            self._digest.restart()
        await self._on_disk(os.truncate, self.path, 0)

    async def _make_room(self, received: int) -> None:
        wished = received + _GROW_BYTES
        try:
            self._room = await self._spool.grow(self.path, received, wished, self.name)
        except SourceError as exc:
            exc.attempts = self.attempt  # not to be tried again
            raise

    async def _on_disk(self, func: object, *args: object) -> None:
        try:
            await to_thread.run_sync(func, *args)  # type: ignore[arg-type]
        except OSError as exc:
            raise self._disk_error(exc) from exc

    def _disk_error(self, exc: OSError) -> SourceError:
        where = self._spool.directory
        if exc.errno in _FULL:
            return TransientError(
                f"the disk under {where} is full: {self.name} could not be written",
                hint=f"make room there, or lower spool_quota ({self._spool.quota_bytes} bytes)",
                attempts=self.attempt,
            )
        return FatalError(
            f"{self.name} could not be written to {where}: {exc.strerror}",
            hint="check the directory, its owner and the disk",
            attempts=self.attempt,
        )


def _append(path: Path, chunks: list[bytes], digest: Digest | None) -> None:
    with path.open("r+b") as file:  # must be there: it is not made again if somebody removed it
        file.seek(0, os.SEEK_END)
        file.writelines(chunks)
    if digest is not None:
        for chunk in chunks:
            digest.add(chunk)
