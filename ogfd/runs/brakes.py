"""What holds a connector's requests back at present: limits, the provider's waits, breakers."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from ogfd.plugin import Limit
from ogfd.traffic import Breaker, LaneKey, Lanes, TrafficSettings

log = logging.getLogger(__name__)

CREDENTIALS = "credentials"
"""What stands for the operation where all calls of a connector are stopped."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Brake:
    """
    What holds one group of a connector's operations back.

    Attributes:
        operation: a group of operations, one operation that is not permitted, or `CREDENTIALS`.
        rate: requests per second at present; None if it is no limit.
        is_open: whether a breaker stops the requests.
        until: when the next probe or request may go, in UTC, if that is later than now.
        reason: of what the latest request failed, if a breaker is open.
    """

    connector: str
    operation: str
    rate: float | None
    is_open: bool
    until: datetime | None
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Brakes:
    """
    Knows what holds the requests of each connector back.

    Attributes:
        lanes: shared by all connectors.
        now: the time in UTC.
        settings: by connector; `announce` fills it.
    """

    lanes: Lanes
    now: Callable[[], datetime]
    settings: dict[str, TrafficSettings] = field(default_factory=dict)

    def announce(self, settings: TrafficSettings) -> None:
        """Make the lanes of a connector, so that a conflict with another one is said now."""
        self.settings[settings.connector] = settings
        for group in settings.groups:
            self.lanes.lane(settings.key(group), settings.limits_of(group))

    def release(self, connector: str) -> None:
        """Let a probe go at once wherever a breaker is open: an operator asks for a run."""
        for _, breaker in self._breakers(connector):
            breaker.probe_now()

    def readings(self) -> list[Brake]:
        """Return all limits, open or not, and all open breakers."""
        readings = []
        for connector, settings in self.settings.items():
            for group in settings.groups:
                lane = self.lanes.lane(settings.key(group), settings.limits_of(group))
                seconds = max(bucket.blocked_seconds for bucket in lane.buckets)
                readings.append(self._brake(connector, group, lane.breaker, lane.rate, seconds))
            for operation, breaker in self._refusals(connector):
                if breaker.is_open:
                    readings.append(self._brake(connector, operation, breaker))
        return readings

    def _brake(
        self,
        connector: str,
        operation: str,
        breaker: Breaker,
        rate: float | None = None,
        blocked_seconds: float = 0.0,
    ) -> Brake:
        seconds = max(blocked_seconds, breaker.open_seconds)
        return Brake(
            connector=connector,
            operation=operation,
            rate=rate,
            is_open=breaker.is_open,
            until=self.now() + timedelta(seconds=seconds) if seconds else None,
            reason=breaker.reason if breaker.is_open else "",
        )

    def _breakers(self, connector: str) -> Iterator[tuple[str, Breaker]]:
        yield from self._refusals(connector)
        settings = self.settings.get(connector)
        if settings is not None:
            for group in settings.groups:
                lane = self.lanes.lane(settings.key(group), settings.limits_of(group))
                yield group, lane.breaker

    def _refusals(self, connector: str) -> Iterator[tuple[str, Breaker]]:
        yield CREDENTIALS, self.lanes.credential(connector)
        for denial, breaker in self.lanes.denials(connector).items():
            yield denial.operation, breaker


def warn_of_conflict(key: LaneKey, kept: Limit, asked: Limit) -> None:
    """Say that connectors which share a limit want different ones."""
    log.warning(
        "connectors with the same limit are configured differently; the lower rate holds",
        extra={
            "provider": key.provider,
            "principal": key.principal,
            "operation": key.group,
            "rate": kept.rate,
            "burst": kept.burst,
            "asked_rate": asked.rate,
            "asked_burst": asked.burst,
        },
    )
