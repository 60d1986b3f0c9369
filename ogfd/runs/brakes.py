"""What holds a connector's requests back at present: limits, the provider's waits, breakers."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from ogfd.plugin import Limit
from ogfd.traffic import Breaker, Lane, LaneKey, Lanes, TrafficSettings

log = logging.getLogger(__name__)

CREDENTIALS = "credentials"
"""What stands for the operation where all calls of a connector are stopped."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Brake:
    """
    What holds one group of a connector's operations back.

    Attributes:
        operation: a group of operations, one operation that is not permitted, or `CREDENTIALS`.
        scope: what the operation that is not permitted was about; empty for all else.
        rate: requests per second at present, of the slowest scope; None if it is no limit.
        is_open: whether a breaker stops the requests.
        until: when the next probe or request may go, in UTC, if that is later than now.
        reason: of what the latest request failed, if a breaker is open.
    """

    connector: str
    operation: str
    scope: str
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
        groups: the lanes of each connector, by group; `announce` fills it.
    """

    lanes: Lanes
    now: Callable[[], datetime]
    groups: dict[str, Mapping[str, Lane]] = field(default_factory=dict)

    def announce(self, settings: TrafficSettings) -> None:
        """
        Make the lanes of a connector, so that a conflict with another one is said now.

        Raises:
            ValueError: if a limit is out of range.
        """
        self.lanes.credential(settings.connector)  # other threads only read
        self.groups[settings.connector] = {
            group: self.lanes.lane(settings.key(group), settings.limits_of(group))
            for group in settings.groups
        }

    def release(self, connector: str) -> None:
        """Let a probe go at once wherever a breaker is open: an operator asks for a run."""
        for lane in self.groups.get(connector, {}).values():
            lane.breaker.probe_now()
        for _, _, breaker in self._refusals(connector):
            breaker.probe_now()

    def readings(self) -> list[Brake]:
        """Return all limits, open or not, and all open breakers. May be called from any thread."""
        readings = []
        for connector, lanes in list(self.groups.items()):
            for group, lane in lanes.items():
                buckets = self.lanes.buckets(lane.key)
                rate = min(bucket.rate for bucket in buckets)
                seconds = max(bucket.blocked_seconds for bucket in buckets)
                readings.append(
                    self._brake(
                        connector, group, "", lane.breaker, rate=rate, blocked_seconds=seconds
                    )
                )
            for operation, scope, breaker in self._refusals(connector):
                if breaker.is_open:
                    readings.append(self._brake(connector, operation, scope, breaker))
        return readings

    def _brake(
        self,
        connector: str,
        operation: str,
        scope: str,
        breaker: Breaker,
        *,
        rate: float | None = None,
        blocked_seconds: float = 0.0,
    ) -> Brake:
        seconds = max(blocked_seconds, breaker.open_seconds)
        return Brake(
            connector=connector,
            operation=operation,
            scope=scope,
            rate=rate,
            is_open=breaker.is_open,
            until=self.now() + timedelta(seconds=seconds) if seconds else None,
            reason=breaker.reason if breaker.is_open else "",
        )

    def _refusals(self, connector: str) -> Iterator[tuple[str, str, Breaker]]:
        yield CREDENTIALS, "", self.lanes.credential(connector)
        for denial, breaker in self.lanes.denials(connector):
            yield denial.operation, denial.scope, breaker


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
