"""How breakers and forced refreshes act on calls under the policy."""

from datetime import UTC, datetime, timedelta
from typing import Any

import anyio
import pytest
from anyio import wait_all_tasks_blocked

from ogfd.plugin import (
    AuthError,
    ErrorClass,
    FatalError,
    Fault,
    HttpError,
    NotFoundError,
    Parked,
    Response,
    TransientError,
)
from ogfd.traffic import RetrySettings, TokenBucket, Traffic
from ogfd.traffic.attempt import Attempt
from ogfd.traffic.renewal import Renewal

VIRTUAL_TIME = True

NOW = datetime(2026, 10, 1, tzinfo=UTC)


def answer(status: int, seconds: float | None = None) -> HttpError:
    response = Response(status=status, headers={}, body=b"", url="https://h/x")
    wait = None if seconds is None else timedelta(seconds=seconds)
    return HttpError(f"answered {status}", response=response, retry_after=wait)


async def test_a_short_stop_is_waited_out_and_the_first_call_is_the_probe(world: Any) -> None:
    """Thirty seconds after the fifth failure."""
    with pytest.raises(TransientError):
        await world.run(answer(503), policy=world.policy(rng=lambda: 0.0))
    began = anyio.current_time() - world.start

    assert "rows" == await world.run(answer(503), "rows", policy=world.policy(rng=lambda: 0.0))

    # The fifth attempt in a row fails and opens the breaker; the sixth is the probe.
    assert [began, began + 30] == world.starts[4:]


async def test_a_long_stop_parks_the_slice(world: Any) -> None:
    """The reason is on record; nothing is sent and no token kept."""
    with pytest.raises(TransientError):
        await world.run(answer(503), policy=world.policy(rng=lambda: 0.0))
    granted = world.bucket.statistics().granted
    with pytest.raises(Parked) as parked:
        await world.run(answer(503), policy=world.policy(rng=lambda: 0.0))

    assert ErrorClass.TRANSIENT is parked.value.error_class
    assert "s3:Get: not asked for another 120 s, after answered 503" == str(parked.value)
    # The fifth in a row opens it for 30 s, the probes after that for 60 s and 120 s.
    assert 7 == len(world.starts)
    assert granted + 3 == world.bucket.statistics().granted


async def test_who_stands_in_the_queue_when_the_breaker_opens_does_not_go(world: Any) -> None:
    """Four hundred callers at five a second would take a minute and a half to notice."""
    world.bucket = TokenBucket(1, 1, anyio.current_time)
    ends: list[type[Exception]] = []

    async def caller() -> None:
        try:
            await world.run(answer(503), policy=world.policy(retries=0))
        except (TransientError, Parked) as exc:
            ends.append(type(exc))

    async with anyio.create_task_group() as group:
        for _ in range(50):
            group.start_soon(caller)
        await anyio.sleep(6)
        assert 5 == len(world.starts)

    # One probe after 30 s and one after another 60 s; two minutes are too long to wait.
    assert [34, 94] == world.starts[5:]
    assert 7 == ends.count(TransientError)
    assert 43 == ends.count(Parked)


async def test_throttling_is_no_failure_of_the_provider(world: Any) -> None:
    """It answers: the bucket slows down, nothing is stopped."""
    for _ in range(3):
        with pytest.raises(TransientError):
            await world.run(answer(429))

    assert 12 == len(world.starts)
    assert not world.breaker.is_open


@pytest.mark.parametrize(
    ("failure", "kind"), [(answer(404), NotFoundError), (FatalError("a column"), FatalError)]
)
async def test_an_answer_that_says_no_is_no_outage(world: Any, failure: Any, kind: Any) -> None:
    """The provider works."""
    for _ in range(9):
        with pytest.raises(kind):
            await world.run(failure)

    assert not world.breaker.is_open


async def test_a_download_that_gets_on_is_no_outage(world: Any) -> None:
    """However often it breaks off."""

    async def work(attempt: Attempt) -> None:
        attempt.progressed = True
        if attempt.number <= 12:
            raise ConnectionResetError

    await world.policy().run("o", work, lane=world.lane(), timeout=None)

    assert not world.breaker.is_open


async def test_a_probe_that_takes_long_keeps_nobody_waiting(world: Any) -> None:
    """A download that is open proves enough, an hour before its end."""
    for _ in range(2):
        with pytest.raises(TransientError):
            await world.run(answer(503), policy=world.policy(rng=lambda: 0.0, retries=1))
    await world.run(answer(503), "rows", policy=world.policy(rng=lambda: 0.0))
    ended = []

    async def long(attempt: Attempt) -> None:
        attempt.served()
        await anyio.sleep(3600)

    async with anyio.create_task_group() as group:
        group.start_soon(
            lambda: world.policy().run("o", long, lane=world.lane(), timeout=None, bounded=False)
        )
        await wait_all_tasks_blocked()
        await world.run("rows")
        ended.append(anyio.current_time())
        group.cancel_scope.cancel()

    assert not world.breaker.is_open


async def refused(traffic: Traffic, error: Exception, operation: str = "s3:Get") -> Any:
    async def sdk() -> None:
        raise error

    with pytest.raises((AuthError, Parked)) as raised:
        await traffic.call(operation, sdk)
    return raised.value


async def test_refused_credentials_stop_the_connector_and_are_probed_every_quarter(
    make_traffic: Any,
) -> None:
    """More of the same locks accounts."""
    calls = []

    async def sdk() -> str:
        calls.append(anyio.current_time())
        if len(calls) < 5:
            raise answer(401)
        return "rows"

    async with make_traffic() as traffic:
        with pytest.raises(AuthError):
            await traffic.call("s3:Get", sdk)
        assert 2 == len(calls), "one attempt, a forced refresh, one more"
        parked = await refused(traffic, answer(401), "ce:Other")
        assert ErrorClass.AUTH is parked.error_class
        assert "ce:Other: not asked for another 900 s, after answered 401" == str(parked)

        await anyio.sleep(900)
        with pytest.raises(AuthError):
            await traffic.call("s3:Get", sdk)
        with pytest.raises(Parked):
            await traffic.call("s3:Get", sdk)
        assert 4 == len(calls)

        await anyio.sleep(900)
        assert "rows" == await traffic.call("s3:Get", sdk)
        assert "rows" == await traffic.call("ce:Other", sdk)


async def test_a_missing_permission_stops_that_operation_alone(make_traffic: Any) -> None:
    """After five denials in a row; the connector's other streams go on."""
    async with make_traffic() as traffic:
        for _ in range(5):
            assert isinstance(await refused(traffic, answer(403)), AuthError)
        assert isinstance(await refused(traffic, answer(403)), Parked)
        assert isinstance(await refused(traffic, answer(403), "s3:Other"), AuthError)


async def test_a_denial_among_successes_stops_nothing(make_traffic: Any) -> None:
    """One subscription without a role is no reason to leave out the others."""

    async def fine() -> None:
        return None

    async with make_traffic() as traffic:
        for _ in range(9):
            assert isinstance(await refused(traffic, answer(403)), AuthError)
            await traffic.call("s3:Get", fine)


async def test_credentials_are_probed_by_one_call_refresh_and_all(make_traffic: Any) -> None:
    """Twenty calls that wait for the probe are not twenty attempts before its refresh is through."""
    calls = []

    async def sdk() -> None:
        calls.append(anyio.current_time())
        await anyio.sleep(0.1)
        raise answer(401)

    async def caller(traffic: Traffic) -> None:
        with pytest.raises((AuthError, Parked)):
            await traffic.call("s3:Get", sdk)

    async with make_traffic() as traffic:
        await caller(traffic)
        await anyio.sleep(900)
        calls.clear()
        async with anyio.create_task_group() as group:
            for _ in range(20):
                group.start_soon(caller, traffic)

    assert 2 == len(calls)


async def test_a_call_within_the_probe_does_not_wait_for_it(make_traffic: Any) -> None:
    """As an ``auth`` that asks for its token by ``ctx.request``: mended credentials are seen."""
    mended: list[bool] = []

    async def token() -> None:
        return None

    async def sdk() -> str:
        await traffic.call("login:Token", token)
        if not mended:
            raise answer(401)
        return "rows"

    async with make_traffic() as traffic:
        for _ in range(2):
            with pytest.raises(AuthError):
                await traffic.call("s3:Get", sdk)
            with pytest.raises(Parked):
                await traffic.call("s3:Get", sdk)
            await anyio.sleep(900)
        mended.append(True)

        began = anyio.current_time()
        assert ["rows"] * 3 == [await traffic.call("s3:Get", sdk) for _ in range(3)]
        assert began == anyio.current_time()


async def test_a_failure_within_the_probe_is_that_of_the_probe(world: Any) -> None:
    """The call around passes it on, and the next probe waits for twice as long."""
    with pytest.raises(TransientError):
        await world.run(answer(503), policy=world.policy(retries=4, rng=lambda: 0.0))
    await anyio.sleep(30)

    async def outer(_: Attempt) -> None:
        await world.run(answer(503), policy=world.policy(retries=0))

    with pytest.raises(TransientError):
        await world.policy().run("outer", outer, lane=world.lane(), timeout=None)

    assert 60 == world.breaker.open_seconds


async def test_success_within_the_probe_is_not_yet_that_of_the_probe(world: Any) -> None:
    """A login that works says little about what comes after it."""
    with pytest.raises(TransientError):
        await world.run(answer(503), policy=world.policy(retries=4, rng=lambda: 0.0))
    await anyio.sleep(30)

    async def outer(_: Attempt) -> None:
        for _ in range(3):
            await world.run("token")
        raise answer(503)

    with pytest.raises(TransientError):
        await world.policy(retries=0).run("outer", outer, lane=world.lane(), timeout=None)

    assert 60 == world.breaker.open_seconds


async def test_a_probe_whose_end_is_a_bug_makes_room_for_the_next(world: Any) -> None:
    """Also if the connector's own table is the bug."""
    with pytest.raises(TransientError):
        await world.run(answer(503), policy=world.policy(retries=4, rng=lambda: 0.0))
    await anyio.sleep(30)
    with pytest.raises(ZeroDivisionError):
        await world.run(answer(503), policy=world.policy(connector=lambda _: 1 / 0))
    with pytest.raises(TypeError):
        await world.run(TypeError())
    with anyio.move_on_after(1):
        await world.run(20)
    began = anyio.current_time()

    assert "rows" == await world.run("rows")
    assert began == anyio.current_time()


async def test_a_probe_that_was_parked_asked_nobody(world: Any) -> None:
    """Its provider may be as broken as before."""
    with pytest.raises(TransientError):
        await world.run(answer(503), policy=world.policy(retries=4, rng=lambda: 0.0))
    await anyio.sleep(30)
    for _ in range(2):
        with pytest.raises(Parked):
            await world.run(Parked("another key waits", next_due=NOW))

    assert world.breaker.is_open


async def test_who_waits_for_a_probe_in_vain_is_parked_for_a_minute(world: Any) -> None:
    """Not until now: that would be no wait at all."""
    with pytest.raises(TransientError):
        await world.run(answer(503), policy=world.policy(retries=4, rng=lambda: 0.0))
    await anyio.sleep(30)
    async with anyio.create_task_group() as group:
        group.start_soon(lambda: world.run(900, timeout=None, bounded=False))
        await wait_all_tasks_blocked()
        with pytest.raises(Parked) as parked:
            await world.run("rows")

    assert "s3:Get: waited 600 s to be let go" == str(parked.value)
    assert NOW + timedelta(seconds=30 + 600 + 60) == parked.value.next_due


async def test_a_call_that_is_cancelled_already_is_not_parked(world: Any) -> None:
    """A task group that stops would hand it on as an error."""
    with pytest.raises(TransientError):
        await world.run(answer(503), policy=world.policy(retries=4, rng=lambda: 0.0))
    with anyio.CancelScope() as scope:
        scope.cancel()
        await world.run("rows")

    assert scope.cancelled_caught


async def test_a_provider_code_may_say_that_credentials_are_refused(make_traffic: Any) -> None:
    """As AWS does with 403."""
    told = Fault(error_class=ErrorClass.AUTH, status=403, unauthenticated=True)
    async with make_traffic(classify=lambda _: told) as traffic:
        assert isinstance(await refused(traffic, answer(403)), AuthError)
        assert isinstance(await refused(traffic, answer(403), "ce:Other"), Parked)


async def test_calls_that_fail_together_refresh_together(make_traffic: Any) -> None:
    """One new token for all of them, not one each."""
    refreshes, calls = [], []

    async def refresh() -> None:
        await anyio.sleep(1)
        refreshes.append(anyio.current_time())

    async def sdk() -> str:
        calls.append(1)
        await anyio.sleep(1)
        if not refreshes:
            raise answer(401)
        return "rows"

    async with (
        make_traffic(refresh=refresh, retry=RetrySettings()) as traffic,
        anyio.create_task_group() as group,
    ):
        for _ in range(6):
            group.start_soon(traffic.call, "s3:Get", sdk)

    assert 1 == len(refreshes)
    assert 12 == len(calls)


async def test_a_refresh_that_is_refused_itself_stops_the_connector(make_traffic: Any) -> None:
    """It asks under the policy too, and must not wait for the refresh that it is part of."""
    asked = []

    async def login() -> None:
        asked.append("login")
        raise answer(401)

    async def refresh() -> None:
        await traffic.call("login:Token", login)

    async def sdk() -> None:
        asked.append("call")
        raise answer(401)

    async with make_traffic(refresh=refresh) as traffic:
        with pytest.raises(AuthError) as raised:
            await traffic.call("s3:Get", sdk)
        with pytest.raises(Parked):
            await traffic.call("s3:Get", sdk)

    assert "login:Token" == raised.value.operation
    assert ["call", "login"] == asked


async def test_a_token_refreshes_itself_once_for_all_its_requests(make_traffic: Any) -> None:
    """``auth.refresh`` of one object is shared like that of the connector."""

    class Token:
        def __init__(self) -> None:
            self.refreshes = 0

        async def __call__(self) -> dict[str, str]:
            return {}

        async def refresh(self) -> None:
            await anyio.sleep(1)
            self.refreshes += 1

    token = Token()
    async with make_traffic() as traffic:
        renewals = {traffic._renewal_of(token) for _ in range(3)}
        [renewal] = renewals
        began = anyio.current_time()
        async with anyio.create_task_group() as group:
            for _ in range(3):
                group.start_soon(renewal.renew, began)

    assert 1 == token.refreshes


async def test_a_long_download_refreshes_as_often_as_its_token_runs_out(world: Any) -> None:
    """As long as it gets on in between; without, one refresh is all."""
    refreshes = []

    async def refresh() -> None:
        refreshes.append(1)

    async def work(attempt: Attempt) -> str:
        await anyio.sleep(3600)
        attempt.progressed = attempt.number <= 5
        if attempt.number <= 5:
            raise answer(401)
        return "file"

    renewal = Renewal(refresh, anyio.current_time)
    policy = world.policy()
    assert "file" == await policy.run(
        "o", work, lane=world.lane(), timeout=None, bounded=False, renewal=renewal
    )

    assert 5 == len(refreshes)
