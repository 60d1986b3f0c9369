"""An event loop that never sleeps: where it would wait for its next timer, time jumps there."""

from __future__ import annotations

import asyncio
import math
import selectors
from typing import Final

START: Final = 1000.0
"""What the clock of a new loop shows, in seconds."""


class VirtualSelector(selectors.SelectSelector):
    """Waits for no timer. What comes over sockets is waited for in real time."""

    now = START

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Return what is ready; else let the time go by at once."""
        ready = super().select(0)
        if ready or timeout == 0:
            return ready
        if timeout is None:
            return super().select(None)
        # A timeout below the resolution of the clock must move it all the same.
        self.now = max(self.now + timeout, math.nextafter(self.now, math.inf))
        return []


class VirtualLoop(asyncio.SelectorEventLoop):
    """A loop on which hours pass in no time; pass it as ``loop_factory``."""

    def __init__(self) -> None:
        self.virtual = VirtualSelector()
        super().__init__(self.virtual)

    def time(self) -> float:
        """Return the virtual time in seconds."""
        return self.virtual.now
