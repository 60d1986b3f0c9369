"""Schedules mean what crontab(5) says, whatever APScheduler counts from."""

import threading
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from zoneinfo import ZoneInfo

import anyio
import pytest

from ogfd.runs.scheduler import Scheduler, first_fire, trigger_of

SUNDAY = datetime(2026, 10, 25, tzinfo=UTC)


def fires(schedule: str, count: int, zone: str = "UTC") -> list[datetime]:
    """Return the next times after Sunday, 25 October 2026, without jitter."""
    trigger = trigger_of(schedule, ZoneInfo(zone))
    for part in getattr(trigger, "triggers", [trigger]):
        part.jitter = None
    times, now = [], SUNDAY - timedelta(seconds=1)
    previous = None
    for _ in range(count):
        previous = trigger.get_next_fire_time(previous, now)
        now = previous + timedelta(seconds=1)
        times.append(previous.astimezone(UTC))
    return times


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        ("30 2 * * 0", ["Sun 25 02:30", "Sun 01 02:30"]),
        ("30 2 * * 7", ["Sun 25 02:30", "Sun 01 02:30"]),
        ("0 0 * * 1-5", ["Mon 26 00:00", "Tue 27 00:00"]),
        ("0 0 * * sat", ["Sat 31 00:00", "Sat 07 00:00"]),
        ("15 */6 * * *", ["Sun 25 00:15", "Sun 25 06:15"]),
        ("0 0 1 * 3", ["Wed 28 00:00", "Sun 01 00:00"]),
    ],
)
def test_cron_lines_fire_when_cron_would(schedule, expected):
    """Sunday is 0 and 7, and a day matches by the month or by the week."""
    assert expected == [f"{time:%a %d %H:%M}" for time in fires(schedule, 2)]


def test_an_interval_keeps_its_pace():
    """`6h` fires every six hours."""
    first, second = fires("6h", 2)

    assert timedelta(hours=6) == second - first


def test_cron_lines_follow_their_time_zone():
    """02:30 in Berlin is 00:30 UTC in summer and 01:30 UTC in winter."""
    times = fires("30 2 * * *", 3, "Europe/Berlin")

    assert ["00:30", "01:30", "01:30"] == [f"{time:%H:%M}" for time in times]


def test_a_few_connectors_run_at_once_after_a_start():
    """A start is no reason to wait."""
    assert {timedelta(seconds=2)} == {first_fire(name, 5) for name in ("aws", "azure", "gcp")}


def test_many_connectors_spread_over_a_minute():
    """Each at its own moment, the same at every start."""
    names = [f"aws-{number}" for number in range(100)]
    places = [first_fire(name, 100) for name in names]

    assert places == [first_fire(name, 100) for name in names]
    assert timedelta(seconds=2) <= min(places) < timedelta(seconds=10)
    assert timedelta(seconds=50) < max(places) <= timedelta(seconds=60)
    assert 95 < len(set(places))


@pytest.fixture
async def scheduler():
    """Return a scheduler at work whose clock stands still: what is due later never comes."""
    made = Scheduler("UTC", lambda: SUNDAY)
    made.start()
    yield made
    made.stop()


async def test_an_alarm_goes_off_on_the_event_loop(scheduler):
    """What it calls may touch what only the loop's thread may; a time that passed is now."""
    gone_off = anyio.Event()
    threads = []

    def fire():
        threads.append(threading.current_thread())
        gone_off.set()

    scheduler.at("aws", SUNDAY - timedelta(hours=1), fire)
    with anyio.fail_after(10):
        await gone_off.wait()

    assert [threading.current_thread()] == threads


async def test_a_schedule_fires_on_the_event_loop(scheduler):
    """With the streams that it is about."""
    gone_off = anyio.Event()
    fired = []

    def fire(connector, streams):
        fired.append((threading.current_thread(), connector, streams))
        gone_off.set()

    cost = SimpleNamespace(stream=SimpleNamespace(schedule="6h"))
    scheduler.add("aws", {"cost": cost}, fire, after=timedelta(0))
    with anyio.fail_after(10):
        await gone_off.wait()

    assert [(threading.current_thread(), "aws", frozenset({"cost"}))] == fired


async def test_a_connector_has_one_alarm(scheduler):
    """A later one replaces it, and it can be taken back, even if there is none."""
    far = datetime(9000, 1, 1, tzinfo=UTC)
    for due in (far, far + timedelta(days=1)):
        scheduler.at("aws", due, lambda: None)
    scheduler.at("gcp", far, lambda: None)

    assert far + timedelta(days=1) == scheduler.next_run("aws")
    for _ in range(2):
        scheduler.off("aws")
    assert (None, far) == (scheduler.next_run("aws"), scheduler.next_run("gcp"))
