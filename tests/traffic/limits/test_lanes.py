"""What connectors share, and what is theirs alone."""

from datetime import timedelta

import anyio
import pytest

from ogfd.plugin import Limit
from ogfd.traffic import Denial, LaneKey, Lanes, acquire

VIRTUAL_TIME = True

KEY = LaneKey("aws", "123", "s3")


async def test_connectors_with_one_key_share_buckets_and_breaker() -> None:
    """Another principal or group has its own."""
    lanes = Lanes(anyio.current_time)
    limits = [Limit(rate=50, burst=10)]
    first, again = lanes.lane(KEY, limits), lanes.lane(KEY, limits)
    other = lanes.lane(KEY._replace(principal="456"), limits)

    assert first.buckets == again.buckets
    assert first.breaker is again.breaker
    assert first.breaker is not other.breaker
    assert not set(first.buckets) & set(other.buckets)


async def test_conflicting_limits_leave_the_lower_and_are_said_once() -> None:
    """Rate and burst each; who asks for the same again is no news."""
    told = []
    lanes = Lanes(anyio.current_time, on_conflict=lambda *args: told.append(args))
    [bucket] = lanes.lane(KEY, [Limit(rate=50, burst=10)]).buckets

    for _ in range(2):
        lanes.lane(KEY, [Limit(rate=20, burst=99)])
        lanes.lane(KEY, [Limit(rate=50, burst=10)])

    assert [(KEY, Limit(rate=20, burst=10), Limit(rate=20, burst=99))] == told
    assert (20, 10) == (bucket.rate, bucket.statistics().burst)


async def test_a_scoped_limit_is_each_scopes_own_and_the_others_are_shared() -> None:
    """As with a provider that counts per subscription and per tenant."""
    limits = [
        Limit(rate=4 / 60, burst=4, window=timedelta(minutes=1), scoped=True),
        Limit(rate=20 / 60, burst=20, window=timedelta(minutes=1)),
    ]
    lanes = Lanes(anyio.current_time)
    one, two = lanes.lane(KEY, limits, "sub-1"), lanes.lane(KEY, limits, "sub-2")

    assert one.buckets[0] is not two.buckets[0]
    assert one.buckets[1] is two.buckets[1]
    assert one.breaker is two.breaker


async def test_a_lane_passes_the_servers_word_to_all_its_buckets() -> None:
    """The answer does not say which limit was meant."""
    lane = Lanes(anyio.current_time).lane(
        KEY, [Limit(rate=10, burst=5), Limit(rate=20, burst=5, window=timedelta(seconds=30))]
    )
    lane.throttled()
    lane.block_until(anyio.current_time() + 7)

    assert [5, 10] == [bucket.rate for bucket in lane.buckets]
    assert [7, 7] == [bucket.blocked_seconds for bucket in lane.buckets]
    assert 7 <= lane.wait_seconds() <= 7.2


async def test_credentials_and_permissions_are_the_connectors_own() -> None:
    """Although the lane is shared: another connector may have better ones."""
    lanes = Lanes(anyio.current_time)
    denial = Denial("a", "s3:Get", "bucket-1")

    assert lanes.credential("a") is lanes.credential("a")
    assert lanes.credential("a") is not lanes.credential("b")
    assert lanes.permission(denial) is lanes.permission(denial)
    assert lanes.permission(denial) is not lanes.permission(denial._replace(scope="bucket-2"))
    assert 2 == len(lanes.denials("a"))
    assert [] == lanes.denials("b")


async def test_limits_that_differ_in_rate_and_burst_alone_are_several() -> None:
    """A call takes one token of each, and nobody is told of a conflict."""
    told: list[object] = []
    lanes = Lanes(anyio.current_time, on_conflict=lambda *args: told.append(args))
    limits = [Limit(rate=10, burst=1), Limit(rate=5, burst=50)]
    first, again = lanes.lane(KEY, limits), lanes.lane(KEY, limits)
    await acquire(first.buckets)

    assert [10, 5] == [bucket.rate for bucket in first.buckets]
    assert [1, 1] == [bucket.statistics().granted for bucket in again.buckets]
    assert [] == told


def test_a_lane_without_a_limit_is_refused() -> None:
    """Where requests are not limited, nothing may ask."""
    with pytest.raises(ValueError, match="there is no limit for aws s3"):
        Lanes(lambda: 0.0).lane(KEY, [])


async def test_the_buckets_of_a_key_are_those_of_all_its_scopes() -> None:
    """As metrics and status want them."""
    lanes = Lanes(anyio.current_time)
    limits = [Limit(rate=1, burst=1, scoped=True), Limit(rate=2, burst=1)]
    for scope in ("sub-1", "sub-2"):
        lanes.lane(KEY, limits, scope)

    assert [1, 1, 2] == sorted(bucket.rate for bucket in lanes.buckets(KEY))
    assert [] == lanes.buckets(KEY._replace(group=""))


async def test_what_was_never_denied_is_forgotten() -> None:
    """A scope that comes and goes for years must not fill the memory; a failure stays."""
    lanes = Lanes(anyio.current_time)
    for connector in "ab":
        for number in range(3):
            breaker = lanes.permission(Denial(connector, "s3:Get", f"bucket-{number}"))
            if number == 2:
                breaker.enter().failed("denied")  # type: ignore[union-attr]
    lanes.forget("a")
    lanes.forget("never seen")

    assert ["bucket-2"] == [denial.scope for denial, _ in lanes.denials("a")]
    assert 3 == len(lanes.denials("b"))
