"""
The clock: APScheduler 3.11 with an in-memory store fires requests, and does nothing else.

What is due lives in the ledgers and the state store, so a schedule holds no state worth keeping:
it is made anew from the configuration at each start.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial
from hashlib import blake2b
from typing import Final
from zoneinfo import ZoneInfo

from apscheduler.jobstores.base import JobLookupError
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.base import BaseTrigger
from apscheduler.triggers.combining import OrTrigger
from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.date import DateTrigger
from apscheduler.triggers.interval import IntervalTrigger

from ogfd.config import Cron, parse_schedule
from ogfd.runs.blueprint import Blueprint

log = logging.getLogger(__name__)

_JITTER: Final = timedelta(minutes=2)
_FIRST_RUN: Final = timedelta(seconds=2)
_FEW: Final = 5
_SPREAD: Final = timedelta(seconds=60)
_CRON_JITTER_SECONDS: Final = 30
_WEEKDAYS: Final = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")


class Scheduler:
    """
    Fires when a connector's streams or a parked slice are due.

    Times that were missed, as by a suspended machine, coalesce into one. Use it on the event
    loop only.

    Args:
        timezone: of cron schedules, such as ``UTC`` or ``Europe/Berlin``.
        now: UTC clock.
    """

    def __init__(self, timezone: str, now: Callable[[], datetime]) -> None:
        self._zone = ZoneInfo(timezone)
        self._now = now
        self._clock = AsyncIOScheduler(
            timezone=self._zone,
            job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
        )

    def add(
        self,
        connector: str,
        blueprints: Mapping[str, Blueprint],
        fire: Callable[[str, frozenset[str]], None],
        *,
        after: timedelta,
    ) -> None:
        """Schedule a connector's streams, first *after*; those of one schedule fire together."""
        by_schedule: dict[str, set[str]] = {}
        for name, blueprint in blueprints.items():
            by_schedule.setdefault(blueprint.stream.schedule, set()).add(name)
        for schedule, streams in by_schedule.items():
            self._clock.add_job(
                _fired,
                trigger_of(schedule, self._zone),
                args=(partial(fire, connector, frozenset(streams)),),
                id=f"{connector} {schedule}",
                # A start is no reason to wait for hours: what is current costs next to nothing.
                next_run_time=self._now() + after,
            )

    def at(self, connector: str, due: datetime, fire: Callable[[], None]) -> None:
        """Fire once at *due*, or now if that has passed; replaces the connector's earlier alarm."""
        self._clock.add_job(
            _fired,
            DateTrigger(max(due, self._now())),
            args=(fire,),
            id=_alarm(connector),
            replace_existing=True,
        )

    def off(self, connector: str) -> None:
        """Take back what `at` set; nothing happens if nothing is."""
        with suppress(JobLookupError):
            self._clock.remove_job(_alarm(connector))

    def next_run(self, connector: str) -> datetime | None:
        """Return when the connector's next run is due."""
        times = [
            job.next_run_time
            for job in self._clock.get_jobs()
            if job.id.startswith(f"{connector} ") and job.next_run_time is not None
        ]
        return min(times, default=None)

    def start(self) -> None:
        """Start firing; must be called on the event loop."""
        self._clock.start()

    def stop(self) -> None:
        """Stop firing; may be repeated."""
        if self._clock.running:
            self._clock.shutdown(wait=False)


async def _fired(fire: Callable[[], None]) -> None:
    """Call *fire* on the event loop: APScheduler would call a plain function in a thread."""
    fire()


def _alarm(connector: str) -> str:
    return f"{connector} retry"


def first_fire(connector: str, connectors: int) -> timedelta:
    """
    Return how long after a start a connector runs, if there are so many *connectors*.

    A few go at once. Many spread over a minute, each always at its own moment.
    """
    if connectors <= _FEW:
        return _FIRST_RUN
    place = int.from_bytes(blake2b(connector.encode(), digest_size=4).digest()) / 2**32
    return _FIRST_RUN + place * (_SPREAD - _FIRST_RUN)


def trigger_of(schedule: str, zone: ZoneInfo) -> BaseTrigger:
    """Return the trigger of an interval such as ``6h`` or of a five-field cron expression."""
    meaning = parse_schedule(schedule)
    if isinstance(meaning, timedelta):
        jitter = min(_JITTER, meaning / 10)
        return IntervalTrigger(
            seconds=int(meaning.total_seconds()),
            jitter=int(jitter.total_seconds()) or None,
            timezone=zone,
        )
    # APScheduler counts weekdays from Monday and wants both day fields to match; crontab(5)
    # counts from Sunday and is content with one of them.
    days = {"day": _listed(meaning.days)}
    weekdays = {"day_of_week": ",".join(_WEEKDAYS[day] for day in sorted(meaning.weekdays))}
    if not meaning.any_day and not meaning.any_weekday:
        return OrTrigger([_cron(meaning, zone, **days), _cron(meaning, zone, **weekdays)])
    return _cron(meaning, zone, **(weekdays if meaning.any_day else days))


def _cron(cron: Cron, zone: ZoneInfo, **days: str) -> CronTrigger:
    return CronTrigger(
        minute=_listed(cron.minutes),
        hour=_listed(cron.hours),
        month=_listed(cron.months),
        timezone=zone,
        jitter=_CRON_JITTER_SECONDS,
        **days,
    )


def _listed(values: frozenset[int]) -> str:
    return ",".join(str(value) for value in sorted(values))
