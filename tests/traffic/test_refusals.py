"""How refused credentials and permissions, and forced refreshes, act on calls under the policy."""

from datetime import UTC, datetime
from typing import Any

import anyio
import pytest
from traffic.answering import answer

from ogfd.plugin import (
    AuthError,
    ErrorClass,
    Fault,
    Parked,
)
from ogfd.traffic import RetrySettings, Traffic
from ogfd.traffic.attempt import Attempt
from ogfd.traffic.renewal import Renewal

VIRTUAL_TIME = True

NOW = datetime(2026, 10, 1, tzinfo=UTC)


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
