"""One forced refresh of credentials, however many calls find at once that they ran out."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar

import anyio

from ogfd.plugin import Refresh

_around: ContextVar[tuple[Renewal, ...]] = ContextVar("refreshes that the caller is part of")


class Renewal:
    """
    Drops credentials that ran out, once for all calls that began before.

    Args:
        refresh: drops them.
        monotonic: a clock in seconds.
    """

    def __init__(self, refresh: Refresh, monotonic: Callable[[], float]) -> None:
        self._refresh = refresh
        self._monotonic = monotonic
        self._turn = anyio.Lock()
        self._renewed: float | None = None

    @property
    def is_around(self) -> bool:
        """Whether the caller is part of this refresh, and so must not wait for it."""
        return self in _around.get(())

    async def renew(self, as_of: float) -> None:
        """
        Drop the credentials, unless that was done after *as_of*, when the refused ones were read.

        May be cancelled and repeated. Raises what the refresh raises.
        """
        async with self._turn:
            if self._renewed is not None and self._renewed > as_of:
                return
            token = _around.set((*_around.get(()), self))
            try:
                await self._refresh()
            finally:
                _around.reset(token)
            self._renewed = self._monotonic()
