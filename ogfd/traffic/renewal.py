"""One forced refresh of credentials, however many calls find at once that they ran out."""

from __future__ import annotations

from collections.abc import Callable

import anyio

from ogfd.plugin import Refresh


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

    async def renew(self, as_of: float) -> None:
        """
        Drop the credentials, unless that was done after *as_of*, when the refused ones were read.

        May be cancelled and repeated. Raises what the refresh raises.
        """
        async with self._turn:
            if self._renewed is None or self._renewed <= as_of:
                await self._refresh()
                self._renewed = self._monotonic()
