"""Tokens: one at a time, renewed in time, dropped when they are refused."""

import logging

import anyio
import pytest
from ogfd_azure.clouds import CLOUDS
from ogfd_azure.credentials import SignIn
from ogfd_azure.tokens import Tokens
from ogfd_sandbox.azure.seeds import CLIENT_ID, TENANT_ID

from ogfd.plugin import AuthError, SourceError, TransientError
from ogfd.testing import FakeContext

ARM = CLOUDS["public"].arm_scope
STORAGE = "https://storage.azure.com/.default"


async def shown(auth):
    return (await auth())["Authorization"].removeprefix("Bearer ")


async def settled():
    for _ in range(20):
        await anyio.lowlevel.checkpoint()


async def test_twenty_cold_starts_are_one_request(estate):
    """Azure-identity would make twenty."""
    found = []
    ctx = estate.context()
    async with Tokens(ctx, SignIn(config=estate.config())) as tokens:
        assert [] == ctx.identities

        async def start():
            found.append(await shown(tokens.auth(ARM)))

        async with anyio.create_task_group() as tasks:
            for _ in range(20):
                tasks.start_soon(start)

    assert 20 == len(found)
    assert 1 == len(set(found))
    assert 1 == estate.azure.count("Token")
    assert ["login:Token"] == [call.operation for call in ctx.calls]
    assert [CLIENT_ID] == ctx.identities


@pytest.mark.parametrize(("auth", "said"), [("client_secret", [CLIENT_ID]), ("default", [])])
async def test_a_token_that_says_nothing_is_that_of_the_configuration(
    estate, desk_of, monkeypatch, auth, said
):
    """If it leaves no doubt: of many ways to sign in, the id may be of one that was not taken."""
    secret = {} if auth == "client_secret" else {"client_secret": None}
    sign_in = SignIn(config=estate.config(auth=auth, **secret))
    desk = desk_of(3600)
    monkeypatch.setattr(SignIn, "__call__", lambda _, *asked: desk(*asked))
    ctx = FakeContext()
    async with Tokens(ctx, sign_in) as tokens:
        assert "token-1" == await shown(tokens.auth(ARM))

    assert said == ctx.identities


async def gathered(auth, count=20):
    """Ask for a token so many times at once; return headers and errors."""
    found = []

    async def start():
        try:
            found.append(await shown(auth))
        except SourceError as exc:
            found.append(exc)

    async with anyio.create_task_group() as tasks:
        for _ in range(count):
            tasks.start_soon(start)
    return found


@pytest.mark.parametrize("error", [AuthError("wrong secret"), TransientError("it is down")])
async def test_who_waits_for_a_sign_in_shares_its_failure(desk_of, error):
    """Twenty wrong secrets would lock the app out; the next one to come tries again."""
    desk = desk_of(3600)
    desk.error = error
    async with Tokens(FakeContext(), desk) as tokens:
        auth = tokens.auth(ARM)
        assert [error] * 20 == await gathered(auth)
        assert 1 == len(desk.asked)
        desk.error = None
        assert 1 == len(set(await gathered(auth)))

    assert 2 == len(desk.asked)


async def test_who_is_cancelled_leaves_the_sign_in_to_the_next(desk_of):
    """A cancellation is nobody else's failure."""
    desk = desk_of(3600)
    desk.open = anyio.Event()  # the login service hangs
    async with Tokens(FakeContext(), desk) as tokens, anyio.create_task_group() as tasks:
        auth = tokens.auth(ARM)
        with anyio.CancelScope() as first:
            async with anyio.create_task_group() as alone:
                alone.start_soon(shown, auth)
                await settled()
                tasks.start_soon(_same_tokens, auth, ["token-2"] * 19)
                await settled()
                first.cancel()
        desk.open.set()

    assert 2 == len(desk.asked)


async def _same_tokens(auth, expected):
    assert expected == await gathered(auth, len(expected))


async def test_each_scope_has_a_token_of_its_own(estate):
    """And always the same object, so that one refusal is one renewal."""
    async with Tokens(estate.context(), SignIn(config=estate.config())) as tokens:
        assert tokens.auth(ARM) is tokens.auth(ARM)
        assert await shown(tokens.auth(ARM)) != await shown(tokens.auth(STORAGE))

    assert 1 == estate.azure.count("Token", f"{TENANT_ID} {CLIENT_ID} {ARM}")


async def test_a_token_near_its_end_is_renewed_beside_its_use(desk_of):
    """Nobody waits for the next one while this one is good."""
    desk = desk_of(200, 3600)
    async with Tokens(FakeContext(), desk) as tokens:
        auth = tokens.auth(ARM)
        assert "token-1" == await shown(auth)
        desk.open = anyio.Event()  # the login service hangs
        assert ["token-1"] * 3 == [await shown(auth) for _ in range(3)]
        await settled()
        assert 2 == len(desk.asked)
        desk.open.set()
        await settled()
        assert "token-2" == await shown(auth)

    assert 2 == len(desk.asked)


async def test_a_token_with_time_left_is_kept(desk_of):
    """Five minutes are enough."""
    desk = desk_of(310)
    async with Tokens(FakeContext(), desk) as tokens:
        for _ in range(3):
            assert "token-1" == await shown(tokens.auth(ARM))
        await settled()

    assert 1 == len(desk.asked)


async def test_a_renewal_that_fails_harms_nobody(desk_of, caplog):
    """It is told once, and tried again after a pause."""
    caplog.set_level(logging.WARNING)
    desk = desk_of(200)
    async with Tokens(FakeContext(), desk) as tokens:
        auth = tokens.auth(ARM)
        await auth()
        desk.error = TransientError("the login service is down")
        for _ in range(5):
            assert "token-1" == await shown(auth)
            await settled()

    assert 2 == len(desk.asked)
    (warning,) = caplog.messages
    assert "is not renewed yet: the login service is down" in warning
    assert "token-1" not in caplog.text


async def test_a_renewal_of_a_token_that_is_refused_meanwhile_is_not_kept(desk_of):
    """It may be the same one: managed identities answer from a cache."""
    desk = desk_of(200, 3600)
    async with Tokens(FakeContext(), desk) as tokens:
        auth = tokens.auth(ARM)
        await auth()
        desk.open = anyio.Event()
        assert "token-1" == await shown(auth)
        await settled()  # the renewal hangs
        await auth.refresh()
        desk.open.set()
        await settled()
        assert "token-3" == await shown(auth)


async def test_many_challenges_at_once_are_one_new_token(desk_of):
    """Those that come late were sent with the token before."""
    desk = desk_of(3600)
    async with Tokens(FakeContext(), desk) as tokens:
        auth = tokens.auth(ARM)
        for _ in range(3):
            await auth()
        for _ in range(3):
            await auth.challenged('{"access_token":{}}')
            assert "token-2" == await shown(auth)

    assert [None, '{"access_token":{}}'] == [claims for _, claims in desk.asked]


async def test_a_token_that_has_run_out_is_waited_for(desk_of):
    """Nobody is sent away with it."""
    desk = desk_of(5, 3600)
    async with Tokens(FakeContext(), desk) as tokens:
        assert "token-1" == await shown(tokens.auth(ARM))
        assert "token-2" == await shown(tokens.auth(ARM))


async def test_leaving_ends_a_renewal_that_hangs(desk_of):
    """The run does not wait for it."""
    desk = desk_of(200)
    with anyio.fail_after(5):
        async with Tokens(FakeContext(), desk) as tokens:
            await tokens.auth(ARM)()
            desk.open = anyio.Event()
            await tokens.auth(ARM)()
            await settled()


async def test_an_error_leaves_as_it_is(desk_of):
    """Not in a group, whatever runs beside."""
    desk = desk_of(200)

    async def run():
        async with Tokens(FakeContext(), desk) as tokens:
            await tokens.auth(ARM)()
            desk.open = anyio.Event()
            await tokens.auth(ARM)()
            raise AuthError("as it is")

    with pytest.raises(AuthError, match="as it is"):
        await run()


async def test_a_token_revoked_in_the_middle_is_replaced_once(estate):
    """The request that was refused is made again with another."""
    ctx = estate.context()
    async with Tokens(ctx, SignIn(config=estate.config())) as tokens:
        auth = tokens.auth(ARM)
        await auth()
        estate.azure.revoke_tokens()
        url = f"{estate.azure.arm_endpoint}/subscriptions?api-version=2022-12-01"
        answer = await ctx.request("GET", url, operation="arm:List", auth=auth)

    assert 200 == answer.status
    assert 1 == ctx.refreshes
    assert 2 == estate.azure.count("Token")
