"""Tokens that run out are refreshed once, and nothing else is."""

from typing import Any

import aioresponses
import anyio
import pytest
from mocking import HOST, Token, wants

from ogfd.plugin import (
    AuthError,
    ErrorClass,
    Fault,
    TransientError,
)


async def test_a_401_refreshes_the_token_once_and_is_no_retry(
    ask: Any, mocked: Any, slept: Any, recorder: Any
) -> None:
    """The next attempt follows at once, with the new token; a second 401 is final."""
    mocked.get(f"{HOST}/x", callback=wants(2), repeat=True)
    token = Token()
    await ask(auth=token)
    assert (2, [0.0]) == (token.number, slept)
    assert ["auth", "ok"] == recorder.results

    mocked.clear()
    mocked.get(f"{HOST}/x", callback=wants(99), repeat=True)
    with pytest.raises(AuthError) as raised:
        await ask(auth=token)
    assert (3, 2) == (token.number, raised.value.attempts)
    assert "Bearer" not in str(raised.value)


async def test_a_refresh_takes_no_attempt_from_the_others(
    ask: Any, mocked: Any, recorder: Any
) -> None:
    """Four attempts for an outage, though the token ran out in the middle."""
    statuses = iter([503, 401, 503, 503, 503])
    mocked.get(
        f"{HOST}/x",
        callback=lambda *_, **__: aioresponses.CallbackResult(status=next(statuses)),
        repeat=True,
    )
    with pytest.raises(TransientError):
        await ask(auth=Token())

    assert ["transient", "auth", "transient", "transient", "transient"] == recorder.results


@pytest.mark.parametrize("status", [403, 407])
async def test_a_denied_permission_refreshes_nothing(ask: Any, mocked: Any, status: int) -> None:
    """The credentials are good, or those of a proxy."""
    mocked.get(f"{HOST}/x", status=status, repeat=True)
    token = Token()
    with pytest.raises(AuthError) as raised:
        await ask(auth=token)

    assert (1, 1) == (token.number, raised.value.attempts)


async def test_an_expired_token_may_come_as_any_status(ask: Any, mocked: Any) -> None:
    """The connector says that a 400 with that code is one."""

    def classify(_: Any) -> Any:
        return Fault(error_class=ErrorClass.AUTH, code="ExpiredToken", expired=True)

    mocked.get(f"{HOST}/x", status=400)
    mocked.get(f"{HOST}/x", payload={})
    token = Token()
    await ask(auth=token, settings={"classify": classify})

    assert 2 == token.number


async def test_what_on_expired_was_given_refreshes_for_an_auth_that_cannot(
    make: Any, mocked: Any
) -> None:
    """And for a request without one; an auth with a refresh of its own keeps to that."""
    token, other = Token(), Token()
    mocked.get(f"{HOST}/x", callback=wants(2), repeat=True)
    async with make() as traffic:
        traffic.on_expired(token.refresh)

        async def auth() -> Any:
            return await token()

        await traffic.request("GET", f"{HOST}/x", operation="api:Get", auth=auth)
        await traffic.request("GET", f"{HOST}/x", operation="api:Get", auth=other)

    assert (2, 2) == (token.number, other.number)


async def test_requests_that_fail_together_refresh_together(make: Any, mocked: Any) -> None:
    """Ten requests with the old token: one new one, which all of them use."""
    mocked.get(f"{HOST}/x", callback=wants(2), repeat=True)
    token = Token()
    async with make() as traffic, anyio.create_task_group() as tasks:
        for _ in range(10):
            tasks.start_soon(
                lambda: traffic.request("GET", f"{HOST}/x", operation="api:Get", auth=token)
            )

    assert 2 == token.number
