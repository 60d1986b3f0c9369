"""Resource Manager: its address, its links, and a token that says enough."""

import base64
from dataclasses import replace

import pytest
from ogfd_azure.arm import Arm
from ogfd_azure.credentials import SignIn
from ogfd_azure.faults import classify
from ogfd_azure.tokens import Tokens
from ogfd_sandbox.azure.footprint import subscriptions
from ogfd_sandbox.faults import Rule

from ogfd.plugin import AuthError, FatalError, Response, TransientError
from ogfd.testing import FakeContext

CLAIMS = '{"access_token":{"nbf":{"essential":true,"value":"1"}}}'
CHALLENGE = (
    'Bearer realm="", authorization_uri="https://login.example", error="insufficient_claims", '
    f'claims="{base64.urlsafe_b64encode(CLAIMS.encode()).decode().rstrip("=")}"'
)


def answers(*found):
    """Return a context that answers so, one after the other, the last one for ever."""
    left = list(found)
    return FakeContext(
        respond=lambda request: replace(left.pop(0) if len(left) > 1 else left[0], url=request.url),
        classify=classify,
        allowed_hosts=["management.azure.com"],
    )


def reply(status=200, body=b'{"value": []}', **headers):
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Response(status=status, headers=named, body=body, url="")


async def test_all_pages_of_subscriptions_are_read(estate):
    """Whatever their state: one that is disabled has emitted before."""
    found = subscriptions(5, 7)
    estate.azure.set_subscriptions(found, page_size=3)
    ctx = estate.context()
    async with Tokens(ctx, SignIn(config=estate.config())) as tokens:
        listed = await Arm(ctx, estate.config(), tokens).subscriptions()

    assert tuple(sorted(one.subscription_id for one in found)) == listed
    assert 3 == estate.azure.count("ListSubscriptions")
    assert {"ogfd"} == {request.headers["ClientType"] for request in ctx.requests}


async def test_a_link_goes_back_byte_for_byte(estate, desk_of):
    """Its token is opaque, however it is quoted."""
    link = "https://management.azure.com/subscriptions?$skiptoken=a%2Fb%3Ac%24d+e"
    first = b'{"value": [], "nextLink": "%s"}' % link.replace("$", "%24").encode()
    ctx = answers(reply(body=first), reply())
    async with Tokens(ctx, desk_of(3600)) as tokens:
        arm = Arm(ctx, estate.config(arm_endpoint=None), tokens)
        await arm.subscriptions()

    assert link.replace("$", "%24") == ctx.requests[-1].url


async def test_a_link_to_another_host_is_not_followed(estate, desk_of):
    """The token would go there."""
    ctx = answers(reply(body=b'{"value": [], "nextLink": "https://elsewhere.example/x"}'))
    async with Tokens(ctx, desk_of(3600)) as tokens:
        arm = Arm(ctx, estate.config(arm_endpoint=None), tokens)
        with pytest.raises(FatalError, match=r"elsewhere\.example"):
            await arm.subscriptions()

    assert 1 == len(ctx.requests)


@pytest.mark.parametrize("body", [b"[]", b"null", b'"x"', b"{}", b'{"value": {}}'])
async def test_json_that_is_no_listing_is_no_answer_of_azure(estate, desk_of, body):
    """A proxy may speak JSON too."""
    ctx = answers(reply(body=body))
    async with Tokens(ctx, desk_of(3600)) as tokens:
        with pytest.raises(TransientError, match="not one of Azure"):
            await Arm(ctx, estate.config(arm_endpoint=None), tokens).subscriptions()


@pytest.mark.parametrize("one", [b"null", b"{}", b'{"subscriptionId": null}'])
async def test_a_subscription_without_an_id_is_fatal(estate, desk_of, one):
    """Its emissions would be missing in silence."""
    ctx = answers(reply(body=b'{"value": [%s]}' % one))
    async with Tokens(ctx, desk_of(3600)) as tokens:
        with pytest.raises(FatalError, match="without an id"):
            await Arm(ctx, estate.config(arm_endpoint=None), tokens).subscriptions()


async def test_a_claims_challenge_is_answered_once(estate, desk_of):
    """With a token that has the claims, from then on."""
    ctx, desk = answers(reply(401, b"", WWW_Authenticate=CHALLENGE), reply()), desk_of(3600)
    async with Tokens(ctx, desk) as tokens:
        await Arm(ctx, estate.config(arm_endpoint=None), tokens).subscriptions()

    assert [None, CLAIMS] == [claims for _, claims in desk.asked]
    assert ["Bearer token-1", "Bearer token-2"] == [
        request.headers["Authorization"] for request in ctx.requests
    ]


async def test_a_second_claims_challenge_is_an_error_of_the_credentials(estate, desk_of):
    """There is nothing else to show."""
    ctx, desk = answers(reply(401, b"", WWW_Authenticate=CHALLENGE)), desk_of(3600)
    async with Tokens(ctx, desk) as tokens:
        with pytest.raises(AuthError, match="Conditional Access"):
            await Arm(ctx, estate.config(arm_endpoint=None), tokens).subscriptions()

    assert 2 == len(desk.asked)


async def test_what_is_refused_says_which_role(estate):
    """As Azure words it, and what to do."""
    estate.azure.inject(
        Rule(action="status", operation="ListSubscriptions", status=403, code="AuthorizationFailed")
    )
    ctx = estate.context()
    async with Tokens(ctx, SignIn(config=estate.config())) as tokens:
        with pytest.raises(AuthError, match="AuthorizationFailed") as caught:
            await Arm(ctx, estate.config(), tokens).subscriptions()

    assert "Carbon Optimization Reader" in caught.value.hint
