"""One byte budget for all batches that are in memory at once."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import anyio


class ByteBudget:
    """
    Bounds the bytes of batches that wait for or pass through the pipeline.

    A batch larger than the whole budget passes alone.
    """

    def __init__(self, limit_bytes: int) -> None:
        self._limit = limit_bytes
        self._held = 0
        self._freed = anyio.Condition()

    @asynccontextmanager
    async def hold(self, nbytes: int) -> AsyncGenerator[None]:
        """Hold *nbytes*; waits until they fit. May be cancelled while waiting."""
        size = min(nbytes, self._limit)
        async with self._freed:
            while self._held + size > self._limit:
                await self._freed.wait()
            self._held += size
        try:
            yield
        finally:
            self._held -= size
            with anyio.CancelScope(shield=True):
                async with self._freed:
                    self._freed.notify_all()
