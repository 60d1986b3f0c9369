"""What holds a connector's requests back, as status and metrics show it."""

import logging
from datetime import UTC, datetime, timedelta

import anyio
import pytest
from anyio import to_thread, wait_all_tasks_blocked

from ogfd.plugin import Limit
from ogfd.runs import Brakes, warn_of_conflict
from ogfd.traffic import Denial, Lanes, TrafficSettings, acquire

NOW = datetime(2026, 11, 21, tzinfo=UTC)


def settings(connector, **fields):
    limits = {"s3": Limit(rate=50, burst=100)}
    return TrafficSettings(
        **{
            "connector": connector,
            "provider": "aws",
            "principal": "123",
            "limits": limits,
            **fields,
        }
    )


@pytest.fixture
def brakes():
    return Brakes(
        lanes=Lanes(lambda: 0.0, rng=lambda: 0.5, on_conflict=warn_of_conflict), now=lambda: NOW
    )


def fail(breaker, times=5):
    for _ in range(times):
        breaker.enter().failed("answered 503")


def shown(brakes):
    return {(each.connector, each.operation): each for each in brakes.readings()}


async def test_all_limits_are_shown_before_the_first_request(brakes):
    """One for each group, and one for the rest."""
    brakes.announce(settings("a", rate=7.0))

    rates = {key: (each.rate, each.is_open, each.until) for key, each in shown(brakes).items()}
    assert {("a", ""): (7, False, None), ("a", "s3"): (7, False, None)} == rates


async def test_conflicting_limits_are_said_at_the_start(brakes, caplog):
    """Not at the first request, and with both figures."""
    brakes.announce(settings("a"))
    assert not caplog.records
    brakes.announce(settings("b", rate=2.0))

    said = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert [("123", "", 2.0), ("123", "s3", 2.0)] == [
        (record.principal, record.operation, record.rate) for record in said
    ]
    assert {2.0} == {each.rate for each in brakes.readings()}


async def test_an_open_breaker_shows_at_every_connector_that_shares_it(brakes):
    """With the reason and the time of the next probe."""
    for name in "ab":
        brakes.announce(settings(name))
    fail(brakes.groups["a"]["s3"].breaker)

    for name in "ab":
        brake = shown(brakes)[name, "s3"]
        assert (True, "answered 503") == (brake.is_open, brake.reason)
        assert NOW + timedelta(seconds=30) == brake.until


async def test_refused_credentials_and_denials_show_at_their_connector(brakes):
    """Only while they are stopped."""
    for name in "ab":
        brakes.announce(settings(name))
    fail(brakes.lanes.credential("a"), 1)
    fail(brakes.lanes.permission(Denial("b", "s3:GetObject", "bucket")))
    brakes.lanes.permission(Denial("b", "s3:Other", "bucket"))

    stopped = [
        (each.connector, each.operation, each.scope) for each in brakes.readings() if each.is_open
    ]
    assert [("a", "credentials", ""), ("b", "s3:GetObject", "bucket")] == stopped


async def test_a_wait_that_the_provider_asked_for_shows_too(brakes):
    """Nothing is broken, and nothing goes."""
    brakes.announce(settings("a"))
    brakes.groups["a"]["s3"].block_until(40.0)

    brake = shown(brakes)["a", "s3"]
    assert (False, NOW + timedelta(seconds=40)) == (brake.is_open, brake.until)


async def test_a_scoped_limit_shows_what_any_of_its_scopes_waits_for(brakes):
    """No request may ever be made that is about no scope."""
    announced = settings("a", limits={"": Limit(rate=4, burst=1, scoped=True)})
    brakes.announce(announced)
    lane = brakes.lanes.lane(announced.key(""), announced.limits_of(""), "sub-1")
    lane.throttled()
    lane.block_until(40.0)

    brake = shown(brakes)["a", ""]
    assert (2, NOW + timedelta(seconds=40)) == (brake.rate, brake.until)


async def test_unusable_limits_of_one_connector_hide_nothing_of_the_others(brakes):
    """Metrics and status go on; its own runs tell what is wrong."""
    brakes.announce(settings("a"))
    with pytest.raises(ValueError, match="a rate of 0"):
        brakes.announce(settings("b", limits={"": Limit(rate=0, burst=1)}))
    brakes.release("b")

    assert [("a", ""), ("a", "s3")] == list(shown(brakes))


async def test_readings_change_nothing_and_may_be_taken_in_a_thread(brakes):
    """Metrics are rendered in one, while runs use the same lanes in the loop."""
    for name, rate in (("a", 7.0), ("b", 3.0)):
        brakes.announce(settings(name, rate=rate))
    lane = brakes.groups["a"]["s3"]
    lane.block_until(40.0)

    async def caller():
        await acquire(lane.buckets)

    async with anyio.create_task_group() as group:
        group.start_soon(caller)
        await wait_all_tasks_blocked()
        before = [bucket.statistics() for bucket in lane.buckets]
        readings = await to_thread.run_sync(brakes.readings)
        assert before == [bucket.statistics() for bucket in lane.buckets]
        group.cancel_scope.cancel()

    assert 4 == len(readings)


async def test_an_operators_run_probes_at_once_whatever_is_stopped(brakes):
    """Of that connector; a provider's own wait stays."""
    for name in "ab":
        brakes.announce(settings(name))
    lane = brakes.groups["a"]["s3"]
    breakers = [lane.breaker, brakes.lanes.credential("a")]
    others = brakes.lanes.credential("b")
    for breaker in (*breakers, others):
        fail(breaker, 5 if breaker is lane.breaker else 1)
    brakes.release("a")
    brakes.release("never announced")

    with anyio.fail_after(1):
        for breaker in breakers:
            await breaker.ready(longest=0)
            assert breaker.enter().is_probe
    assert others.enter() is None
