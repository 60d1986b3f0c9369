"""
Room on local disk for objects on their way from a provider, shared by all connectors.

Files get random names: a provider's name is never part of a path.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Final, TypeVar

import anyio
from anyio import to_thread

from ogfd.plugin import FatalError, TransientError

T = TypeVar("T")

_PREFIX: Final = "spool-"
_CLEANUP_SECONDS: Final = 5

_slice_files: ContextVar[set[Path] | None] = ContextVar("ogfd_slice_files", default=None)


class Spool:
    """
    A directory with a quota.

    The quota counts every file in the directory, by its size or by what was reserved for it,
    whichever is more. A file that is unlinked gives its room back.

    Args:
        directory: made if it is not there; must be used by this process alone.
        quota_bytes: how much all files may take together.
    """

    def __init__(self, directory: Path, quota_bytes: int) -> None:
        self.directory = directory
        self.quota_bytes = quota_bytes
        self._reserved: dict[str, int] = {}
        self._reserving = anyio.Lock()

    async def make(self, least_bytes: int, wished_bytes: int, name: str) -> tuple[Path, int]:
        """
        Make an empty file, reserve room for it, and return both.

        Args:
            least_bytes: how much must be reserved.
            wished_bytes: how much shall be, if there is as much.
            name: of the object, for messages.

        Raises:
            FatalError: if it would not fit into an empty spool, or the directory cannot be used.
            TransientError: if there is not enough room now.
        """
        async with self._reserving:
            room = await self._room(least_bytes, wished_bytes, name)
            with anyio.CancelScope(shield=True):  # a file must not be made and then forgotten
                path = await self._on_disk(self._make)
            self._reserved[path.name] = room
        return path, room

    async def grow(self, path: Path, least_bytes: int, wished_bytes: int, name: str) -> int:
        """
        Reserve more for a file that turned out longer, and return how much it has in all.

        Raises:
            FatalError: if it would not fit into an empty spool, or the directory cannot be used.
            TransientError: if there is not enough room now.
        """
        async with self._reserving:
            room = await self._room(least_bytes, wished_bytes, name, besides=path.name)
            self._reserved[path.name] = room
        return room

    def settle(self, path: Path) -> None:
        """Give back what was reserved for *path* beyond its size: it is complete."""
        self._reserved.pop(path.name, None)

    async def discard(self, path: Path) -> None:
        """Remove *path*, if it is still there. Not cut short by cancellation."""
        with anyio.move_on_after(_CLEANUP_SECONDS, shield=True):
            await to_thread.run_sync(_unlink, [path])
        self._reserved.pop(path.name, None)

    def keep_for_slice(self, path: Path) -> bool:
        """Have *path* removed at the end of the `slice` around the caller; False if none is."""
        files = _slice_files.get()
        if files is None:
            return False
        files.add(path)
        return True

    @asynccontextmanager
    async def slice(self) -> AsyncGenerator[None, None]:
        """Remove at the end what the tasks started within have downloaded and left there."""
        files: set[Path] = set()
        token = _slice_files.set(files)
        try:
            yield
        finally:
            _slice_files.reset(token)
            with anyio.move_on_after(_CLEANUP_SECONDS, shield=True):
                await to_thread.run_sync(_unlink, sorted(files))

    def sweep(self) -> int:
        """
        Remove what a dead process left and return how many files that were. Blocks on the disk.

        Must not be called while downloads run.
        """
        left = [self.directory / name for name in self._sizes() if name.startswith(_PREFIX)]
        _unlink(left)
        return len(left)

    async def used_bytes(self) -> int:
        """Return how much of the quota is taken or reserved."""
        return self._used(await self._on_disk(self._sizes))

    async def _room(self, least: int, wished: int, name: str, besides: str = "") -> int:
        if least > self.quota_bytes:
            raise FatalError(
                f"{name} takes {least} bytes, more than the spool {self.directory} may hold in all "
                f"({self.quota_bytes} bytes)",
                hint="raise spool_quota in [daemon]",
            )
        sizes = await self._on_disk(self._sizes)
        sizes.pop(besides, None)
        used = self._used(sizes, besides)
        if used + least > self.quota_bytes:
            raise TransientError(
                f"the spool {self.directory} is full: {name} takes {least} bytes, and {used} of "
                f"{self.quota_bytes} are taken",
                hint="wait until other slices are done, or raise spool_quota in [daemon]",
            )
        return min(wished, self.quota_bytes - used)

    async def _on_disk(self, func: Callable[[], T]) -> T:
        try:
            return await to_thread.run_sync(func)
        except OSError as exc:
            raise FatalError(
                f"the spool {self.directory} cannot be used: {exc.strerror}",
                hint="check the directory, its owner and the disk",
            ) from exc

    def _used(self, sizes: dict[str, int], besides: str = "") -> int:
        for gone in self._reserved.keys() - sizes.keys() - {besides}:
            del self._reserved[gone]  # unlinked by the connector
        return sum(max(size, self._reserved.get(name, 0)) for name, size in sizes.items())

    def _make(self) -> Path:
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=_PREFIX, dir=self.directory)
        os.close(handle)
        return Path(name)

    def _sizes(self) -> dict[str, int]:
        sizes: dict[str, int] = {}
        with contextlib.suppress(FileNotFoundError), os.scandir(self.directory) as entries:
            for entry in entries:
                with contextlib.suppress(FileNotFoundError):
                    if entry.is_file(follow_symlinks=False):
                        sizes[entry.name] = entry.stat(follow_symlinks=False).st_size
        return sizes


def _unlink(paths: list[Path]) -> None:
    for path in paths:
        path.unlink(missing_ok=True)
