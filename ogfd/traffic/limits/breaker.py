"""
Breakers: who fails again and again is left alone for a while, then asked by one probe.

    closed --failures--> open --time is up--> half-open --successes--> closed
                           ^                      | one probe at a time
                           +---- probe failed ----+   (open for twice as long)
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final

import anyio


class BreakerOpen(Exception):  # noqa: N818 - a refusal, not a failure
    """
    The breaker lets nobody pass for longer than the caller is ready to wait.

    Attributes:
        seconds: until the next probe may go.
    """

    def __init__(self, seconds: float) -> None:
        super().__init__(f"nothing is asked for another {seconds:.1f} s")
        self.seconds = seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakerSettings:
    """
    When a breaker opens and closes.

    Attributes:
        consecutive: so many failures in a row open it.
        calls: or the failures among so many latest calls,
        window: none of them older than this,
        least: if there are at least so many,
        share: and this share of them failed.
        first_open: how long it stays open at first; doubles with each probe that fails.
        longest_open: how long at most: what is lost after an outage, while a probe every two
            minutes costs next to nothing (benchmarks/outage.py).
        jitter: by which share that time varies up or down, so that keys do not probe together.
        successes: so many probes in a row must succeed to close it.
    """

    consecutive: int = 5
    calls: int = 20
    window: timedelta = timedelta(seconds=120)
    least: int = 10
    share: float = 0.5
    first_open: timedelta = timedelta(seconds=30)
    longest_open: timedelta = timedelta(minutes=2)
    jitter: float = 0.2
    successes: int = 2


OUTAGE: Final = BreakerSettings()
"""For what a provider does to all calls under one key."""

_QUARTER: Final = timedelta(minutes=15)

CREDENTIAL: Final = BreakerSettings(
    consecutive=1,
    calls=1,
    least=2,
    first_open=_QUARTER,
    longest_open=_QUARTER,
    jitter=0.0,
    successes=1,
)
"""For credentials that were refused: more of the same locks accounts."""

PERMISSION: Final = replace(CREDENTIAL, consecutive=5)
"""For an operation that is not permitted, whatever it is asked for."""


class Ticket:
    """The permission for one call; say exactly once how it went, later ones change nothing."""

    __slots__ = ("_breaker", "_epoch", "_is_used", "is_probe")

    def __init__(self, breaker: Breaker, epoch: int, *, is_probe: bool) -> None:
        self._breaker = breaker
        self._epoch = epoch
        self.is_probe = is_probe
        self._is_used = False

    def succeeded(self) -> None:
        """Say that the call succeeded."""
        self._tell(failed=False)

    def failed(self, reason: str) -> None:
        """Say that the call failed, and of what; no secrets."""
        self._tell(failed=True, reason=reason)

    def abandoned(self) -> None:
        """Say that nothing is known: the call was cancelled, or failed by something else."""
        self._tell(failed=None)

    def probes(self, breaker: Breaker) -> bool:
        """Tell whether *breaker* waits for the end of this probe."""
        return self.is_probe and not self._is_used and self._breaker is breaker

    def _tell(self, *, failed: bool | None, reason: str = "") -> None:
        if not self._is_used:
            self._is_used = True
            self._breaker.told(self._epoch, failed, reason, is_probe=self.is_probe)


class Lent:
    """
    The probe of a call, as a call within that one sees it: it may pass by it, but not end it.

    Only a failure is told at once, as the call around passes on an error that was told already.
    """

    __slots__ = ("_ticket",)

    is_probe: Final = False

    def __init__(self, ticket: Ticket) -> None:
        self._ticket = ticket

    def succeeded(self) -> None:
        """Do nothing: how the call around goes on is not known yet."""

    def failed(self, reason: str) -> None:
        """Say that the call failed, and of what; no secrets."""
        self._ticket.failed(reason)

    def abandoned(self) -> None:
        """Do nothing: the call around may still tell."""

    def probes(self, breaker: Breaker) -> bool:
        """Tell whether *breaker* waits for the end of the probe."""
        return self._ticket.probes(breaker)


class Breaker:
    """
    Stops calls after sustained failure. Must be used from one event loop.

    Args:
        settings: when to open and to close.
        monotonic: a clock in seconds that runs at the pace of the event loop's.
        rng: returns a float in [0, 1), for the jitter.

    Attributes:
        reason: of what the latest call failed.
    """

    def __init__(
        self,
        settings: BreakerSettings,
        monotonic: Callable[[], float],
        rng: Callable[[], float],
    ) -> None:
        self.reason = ""
        self._settings = settings
        self._monotonic = monotonic
        self._rng = rng
        self._latest: deque[tuple[float, bool]] = deque(maxlen=settings.calls)  # when, failed
        self._in_a_row = 0
        self._probes_succeeded = 0
        self._times_opened = 0  # since it was closed
        self._open_until: float | None = None  # None while it is closed
        self._is_probing = False
        self._epoch = 0  # counts changes of state: what began before one says nothing after it
        self._changed = anyio.Event()

    @property
    def is_open(self) -> bool:
        """Whether calls are stopped or probed."""
        return self._open_until is not None

    @property
    def open_seconds(self) -> float:
        """How long nobody may pass; 0 if somebody may, even if only as a probe."""
        until = self._open_until  # read once: metrics ask from another thread
        return 0.0 if until is None else max(0.0, until - self._monotonic())

    @property
    def has_failures(self) -> bool:
        """Whether a new breaker would be another one than this."""
        return self.is_open or self._in_a_row > 0 or any(failed for _, failed in self._latest)

    async def ready(self, longest: float = math.inf) -> None:
        """
        Wait until somebody may pass. May be cancelled.

        Args:
            longest: do not wait for an open breaker that stays so for longer, in seconds.

        Raises:
            BreakerOpen: if it does.
        """
        while self._open_until is not None:
            seconds = self.open_seconds
            if seconds > longest:
                raise BreakerOpen(seconds)
            if seconds == 0.0 and not self._is_probing:
                return
            with anyio.move_on_after(seconds or math.inf):
                await self._changed.wait()

    def enter(self) -> Ticket | None:
        """Pass if the breaker is closed, or as the only probe; None if nobody may pass now."""
        if self._open_until is None:
            return Ticket(self, self._epoch, is_probe=False)
        if self._is_probing or self._open_until > self._monotonic():
            return None
        self._is_probing = True
        return Ticket(self, self._epoch, is_probe=True)

    def probe_now(self) -> None:
        """Let a probe go at once: somebody may have mended what was broken."""
        if self._open_until is not None:
            self._open_until = min(self._open_until, self._monotonic())
            self._wake()

    def told(self, epoch: int, failed: bool | None, reason: str, *, is_probe: bool) -> None:
        """Take note of how a call went that entered in *epoch*; None says nothing."""
        if epoch != self._epoch:
            return
        if failed:
            self.reason = reason
        if is_probe:
            self._probed(failed=failed)
        elif failed is not None:
            self._count(failed=failed)

    def _probed(self, *, failed: bool | None) -> None:
        self._is_probing = False
        if failed:
            self._open()
            return
        if failed is False:
            self._probes_succeeded += 1
            if self._probes_succeeded >= self._settings.successes:
                self._close()
                return
        self._wake()

    def _count(self, *, failed: bool) -> None:
        now = self._monotonic()
        self._in_a_row = self._in_a_row + 1 if failed else 0
        self._latest.append((now, failed))
        oldest = now - self._settings.window.total_seconds()
        while self._latest[0][0] < oldest:
            self._latest.popleft()
        if failed and self._is_broken():
            self._open()

    def _is_broken(self) -> bool:
        if self._in_a_row >= self._settings.consecutive:
            return True
        calls = len(self._latest)
        failures = sum(failed for _, failed in self._latest)
        return calls >= self._settings.least and failures >= calls * self._settings.share

    def _open(self) -> None:
        settings = self._settings
        longest = settings.longest_open.total_seconds()
        seconds = min(
            longest, settings.first_open.total_seconds() * 2.0 ** min(self._times_opened, 32)
        )
        seconds *= 1.0 + settings.jitter * (2.0 * self._rng() - 1.0)
        self._times_opened += 1
        self._open_until = self._monotonic() + seconds
        self._enter_epoch()

    def _close(self) -> None:
        self._times_opened = 0
        self._open_until = None
        self._enter_epoch()

    def _enter_epoch(self) -> None:
        self._epoch += 1
        self._in_a_row = self._probes_succeeded = 0
        self._latest.clear()
        self._wake()

    def _wake(self) -> None:
        self._changed.set()
        self._changed = anyio.Event()
