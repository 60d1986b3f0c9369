"""What holds a connector's requests back, as status and metrics show it."""

import logging
from datetime import UTC, datetime, timedelta

import anyio
import pytest

from ogfd.plugin import Limit
from ogfd.runs import Brakes, warn_of_conflict
from ogfd.traffic import Denial, Lanes, TrafficSettings

NOW = datetime(2026, 11, 21, tzinfo=UTC)


def settings(connector, **fields):
    limits = {"s3": Limit(rate=50, burst=100)}
    return TrafficSettings(
        connector=connector, provider="aws", principal="123", limits=limits, **fields
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
    lane = brakes.lanes.lane(settings("a").key("s3"), settings("a").limits_of("s3"))
    fail(lane.breaker)

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

    stopped = [key for key, each in shown(brakes).items() if each.is_open]
    assert [("a", "credentials"), ("b", "s3:GetObject")] == stopped


async def test_a_wait_that_the_provider_asked_for_shows_too(brakes):
    """Nothing is broken, and nothing goes."""
    brakes.announce(settings("a"))
    brakes.lanes.lane(settings("a").key("s3"), settings("a").limits_of("s3")).block_until(40.0)

    brake = shown(brakes)["a", "s3"]
    assert (False, NOW + timedelta(seconds=40)) == (brake.is_open, brake.until)


async def test_an_operators_run_probes_at_once_whatever_is_stopped(brakes):
    """Of that connector; a provider's own wait stays."""
    for name in "ab":
        brakes.announce(settings(name))
    lane = brakes.lanes.lane(settings("a").key("s3"), settings("a").limits_of("s3"))
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
