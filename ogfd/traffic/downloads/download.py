"""
Downloads: an object becomes a local file, whole or not at all.

    reserve room -> [token -> open_at(bytes so far) -> chunks -> file] until the end
                 -> length -> digest

Each bracket is one attempt of the policy, so a broken transfer goes on where it broke off; only
where the source cannot do that, it starts over.
"""

from __future__ import annotations

import math
import time
from collections.abc import AsyncIterable, Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Final

import anyio

from ogfd.plugin import OpenAt, SourceError
from ogfd.traffic.attempt import Attempt
from ogfd.traffic.downloads.digest import Digest
from ogfd.traffic.downloads.spool import Spool
from ogfd.traffic.downloads.transfer import Transfer
from ogfd.traffic.limits.gate import Gate
from ogfd.traffic.limits.lanes import Lane
from ogfd.traffic.renewal import Renewal
from ogfd.traffic.retry import Policy
from ogfd.traffic.web.content import NoEnd, NotResumable

_PROGRESS_BYTES: Final = 1 << 20  # an attempt that brings this much starts the count anew


@dataclass(frozen=True, slots=True, kw_only=True)
class DownloadSettings:
    """
    When a transfer counts as stuck. There is no limit on the whole.

    Attributes:
        open_timeout: until the object is open.
        stall_timeout: without a byte.
        window: over which *least_rate* must be reached, counting only time spent waiting.
        least_rate: bytes per second: a server that drips never stalls.
    """

    open_timeout: timedelta = timedelta(seconds=30)
    stall_timeout: timedelta = timedelta(seconds=30)
    window: timedelta = timedelta(seconds=30)
    least_rate: float = 1024.0


class Downloader:
    """
    Spools objects to local disk under the policy, for one connector.

    Args:
        policy: runs the attempts.
        spool: where files go.
        settings: when a transfer counts as stuck.
        monotonic: a clock in seconds.
    """

    def __init__(
        self,
        policy: Policy,
        spool: Spool,
        settings: DownloadSettings | None = None,
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._policy = policy
        self._spool = spool
        self._settings = settings or DownloadSettings()
        self._monotonic = monotonic
        self._unowned: set[Path] = set()

    async def fetch(
        self,
        operation: str,
        open_at: OpenAt,
        *,
        lane: Lane,
        gate: Gate | None = None,
        renewal: Renewal | None = None,
        size: int | None = None,
        digest: str | None = None,
        name: str = "object",
    ) -> Path:
        """
        Download an object and return the file; as ``Context.download``.

        May be cancelled: the file is removed then, as on any error.

        Raises:
            ValueError: if *digest* is malformed; nothing was asked then.
        """
        expected = None if digest is None else Digest(digest)
        try:
            transfer = await Transfer.begin(self._spool, name=name, size=size, digest=expected)
        except SourceError as exc:
            exc.operation = operation
            raise

        async def attempt(this: Attempt) -> None:
            transfer.attempt = this.number
            before = transfer.received
            try:
                await self._go_on(transfer, open_at, this)
            finally:
                # What is or was thrown away to start over is no progress: that may go on for ever.
                kept = not (transfer.full or transfer.restarts)
                this.progressed = kept and transfer.received - before >= _PROGRESS_BYTES

        try:
            await self._policy.run(
                operation,
                attempt,
                lane=lane,
                gate=gate,
                renewal=renewal,
                timeout=None,
                bounded=False,
            )
        except BaseException:
            await self._spool.discard(transfer.path)
            raise
        self._spool.settle(transfer.path)
        if not self._spool.keep_for_slice(transfer.path):
            self._unowned.add(transfer.path)
        return transfer.path

    async def aclose(self) -> None:
        """Remove the files that were downloaded outside of any slice."""
        while self._unowned:
            await self._spool.discard(self._unowned.pop())

    async def _go_on(self, transfer: Transfer, open_at: OpenAt, this: Attempt) -> None:
        if transfer.full:
            await transfer.restart()
        try:
            await self._receive(transfer, open_at, this)
        except NotResumable as exc:
            await transfer.restart()
            if exc.asked:
                raise  # the next request needs a token of its own
            await self._receive(transfer, open_at, this)
        await transfer.finish()

    async def _receive(self, transfer: Transfer, open_at: OpenAt, this: Attempt) -> None:
        began = transfer.received
        with anyio.CancelScope() as scope:
            scope.deadline = anyio.current_time() + self._settings.open_timeout.total_seconds()
            async with open_at(began) as chunks:
                this.served()
                await self._take(transfer, chunks, scope)
                scope.deadline = anyio.current_time() + self._settings.stall_timeout.total_seconds()
        if scope.cancelled_caught:
            raise TimeoutError(f"{transfer.name} stalled after {transfer.received} bytes")

    async def _take(
        self, transfer: Transfer, chunks: AsyncIterable[bytes], scope: anyio.CancelScope
    ) -> None:
        stall = self._settings.stall_timeout.total_seconds()
        pace = _Pace(self._settings)
        iterator = aiter(chunks)
        while True:
            asked = self._monotonic()
            scope.deadline = anyio.current_time() + stall
            try:
                chunk = await anext(iterator, None)
            except NoEnd:
                if transfer.size is None:
                    raise
                chunk = None
            scope.deadline = math.inf  # the disk may take its time
            if chunk is None:
                return
            pace.saw(len(chunk), self._monotonic() - asked)
            await transfer.add(chunk)


class _Pace:
    """Watches that bytes come fast enough, window after window."""

    def __init__(self, settings: DownloadSettings) -> None:
        self._window = settings.window.total_seconds()
        self._least_rate = settings.least_rate
        self._seconds = 0.0
        self._bytes = 0

    def saw(self, count: int, seconds: float) -> None:
        """Count *count* bytes that took *seconds* to come."""
        self._seconds += seconds
        self._bytes += count
        if self._seconds < self._window:
            return
        if self._bytes < self._least_rate * self._seconds:
            raise TimeoutError(f"only {self._bytes} bytes came in {self._seconds:.0f} s")
        self._seconds, self._bytes = 0.0, 0
