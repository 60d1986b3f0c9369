"""The fake context keeps the promises of the real one, without waiting."""

from contextlib import asynccontextmanager
from datetime import timedelta

import pytest

from ogfd.plugin import (
    AuthError,
    BadRequestError,
    Context,
    ErrorClass,
    FatalError,
    Fault,
    NotFoundError,
    Response,
    Throttled,
    TransientError,
)
from ogfd.testing import Call, FakeContext


def _answer(status=200, body=b"{}", headers=None):
    return Response(status=status, headers=headers or {}, body=body, url="https://x.test")


async def test_a_request_is_answered_and_recorded():
    """The scripted answer comes back; headers of `auth` are in the record."""

    async def auth():
        return {"Authorization": "Bearer t"}

    ctx = FakeContext(respond=lambda request: _answer(body=request.method.encode()))
    real: Context = ctx
    found = await real.request(
        "GET", "https://x.test/a", operation="x:Get", params={"p": "1"}, auth=auth
    )

    assert b"GET" == found.body
    assert [Call(kind="request", operation="x:Get")] == ctx.calls
    assert {"Authorization": "Bearer t"} == ctx.requests[0].headers
    assert {"p": "1"} == ctx.requests[0].params


@pytest.mark.parametrize(
    ("status", "kind"),
    [(400, BadRequestError), (401, AuthError), (404, NotFoundError), (503, TransientError)],
)
async def test_a_refusal_is_an_error_of_its_class(status, kind):
    """A status of 300 or more never reaches the connector as an answer."""
    ctx = FakeContext(respond=lambda _: _answer(status))

    with pytest.raises(kind) as caught:
        await ctx.request("GET", "https://x.test", operation="x:Get")
    assert status == caught.value.status


async def test_too_many_requests_carry_the_wait():
    """Retry-After travels in the error."""
    ctx = FakeContext(respond=lambda _: _answer(429, headers={"Retry-After": "7"}))

    with pytest.raises(Throttled) as caught:
        await ctx.request("GET", "https://x.test", operation="x:Get")
    assert timedelta(seconds=7) == caught.value.retry_after


async def test_a_request_nobody_scripted_fails_the_test():
    """A forgotten answer is a mistake of the test, not of the provider."""
    with pytest.raises(AssertionError, match="no answer to GET"):
        await FakeContext().request("GET", "https://x.test", operation="x:Get")


async def test_calls_run_and_their_errors_are_classified():
    """Sync and async functions run; `classify` translates what they raise."""

    async def double(number):
        return 2 * number

    def fail():
        raise KeyError("sdk")

    ctx = FakeContext(
        classify=lambda exc: (
            Fault(error_class=ErrorClass.AUTH, code="Denied") if isinstance(exc, KeyError) else None
        )
    )

    assert 4 == await ctx.call("x:Double", double, 2)
    assert 3 == await ctx.call("x:Max", max, 1, 3)
    with pytest.raises(AuthError) as caught:
        await ctx.call("x:Fail", fail)
    assert ("Denied", "x:Fail") == (caught.value.code, caught.value.operation)
    with pytest.raises(ZeroDivisionError):
        await ctx.call("x:Bug", lambda: 1 / 0)


async def test_a_download_is_checked_and_leaves_nothing_when_it_fails(ogfd_context, tmp_path):
    """A file of another length is an error; a broken one is removed."""

    def source(*chunks, error=None):
        @asynccontextmanager
        async def open_at(offset):
            async def parts():
                for chunk in chunks:
                    yield chunk
                if error:
                    raise error

            yield parts()

        return open_at

    path = await ogfd_context.download("x:Get", source(b"ab", b"c"), size=3)
    assert b"abc" == path.read_bytes()
    path.unlink()

    with pytest.raises(TransientError, match="3 bytes, not 4"):
        await ogfd_context.download("x:Get", source(b"abc"), size=4)
    with pytest.raises(TransientError):
        await ogfd_context.download("x:Get", source(b"a", error=TransientError("cut")))
    assert 1 == len(list((tmp_path / "ogfd-spool").iterdir()))


async def test_pages_go_on_to_the_last_and_never_in_a_circle():
    """Tokens are followed; a repeated token and too many pages are errors."""
    pages = {None: ("a", "1"), "1": ("b", "2"), "2": ("c", "")}
    ctx = FakeContext()

    async def fetch(token):
        return pages[token]

    async def circle(token):
        return ("x", "again")

    assert ["a", "b", "c"] == [
        page[0] async for page in ctx.pages(fetch, next_token=lambda page: page[1])
    ]
    with pytest.raises(FatalError, match="twice"):
        async for _ in ctx.pages(circle, next_token=lambda page: page[1]):
            pass
    with pytest.raises(FatalError, match="max_pages"):
        async for _ in ctx.pages(fetch, next_token=lambda page: page[1], max_pages=2):
            pass
