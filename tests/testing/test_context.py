"""The fake context keeps the promises of the real one, without waiting."""

import hashlib
from contextlib import asynccontextmanager
from datetime import timedelta
from types import SimpleNamespace

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
    SourceChanged,
    Throttled,
    TransientError,
    UnknownError,
)
from ogfd.testing import Call, FakeContext


def _answer(status=200, body=b"{}", headers=None):
    return Response(status=status, headers=headers or {}, body=body, url="https://x.test")


def _source(*chunks, error=None):
    @asynccontextmanager
    async def open_at(offset):
        async def parts():
            for chunk in chunks:
                yield chunk
            if error:
                raise error

        yield parts()

    return open_at


class Token:
    """An `auth` whose token runs out; `refresh` drops it for the next one."""

    def __init__(self):
        self.number = 1

    async def __call__(self):
        return {"Authorization": f"Bearer {self.number}"}

    async def refresh(self):
        self.number += 1


def _wants(token):
    """Answers who comes with *token*, and 401 to anybody else."""

    def respond(request):
        fresh = request.headers.get("Authorization") == f"Bearer {token}"
        return _answer(200 if fresh else 401)

    return respond


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
    [
        (302, FatalError),
        (400, BadRequestError),
        (401, AuthError),
        (403, AuthError),
        (404, NotFoundError),
        (410, NotFoundError),
        (418, UnknownError),
        (429, Throttled),
        (500, TransientError),
        (501, FatalError),
        (503, TransientError),
    ],
)
async def test_a_refusal_is_an_error_of_its_class(status, kind):
    """A status of 300 or more never reaches the connector as an answer; the classes are real."""
    ctx = FakeContext(respond=lambda _: _answer(status))

    with pytest.raises(kind) as caught:
        await ctx.request("GET", "https://x.test/a?sig=secret", operation="x:Get")
    assert f"x:Get: GET https://x.test/a answered {status}" in str(caught.value)
    assert "x:Get" == caught.value.operation
    assert status == caught.value.status
    assert 1 == len(ctx.requests)


async def test_the_connectors_table_sees_the_refusal_first():
    """With the answer, as in the daemon."""
    ctx = FakeContext(
        respond=lambda _: _answer(400, b"Gone"),
        classify=lambda exc: Fault(
            error_class=ErrorClass.NOT_FOUND, code=exc.response.body.decode()
        ),
    )

    with pytest.raises(NotFoundError) as caught:
        await ctx.request("GET", "https://x.test", operation="x:Get")
    assert ("Gone", 400) == (caught.value.code, caught.value.status)


@pytest.mark.parametrize(
    ("header", "value", "seconds"),
    [
        ("Retry-After", "7", 7),
        ("retry-after", "0.5", 0.5),
        ("Retry-After", "Sun, 15 Nov 2026 12:00:20 GMT", 20),
        ("retry-after-ms", "1500", 1.5),
        ("x-ms-ratelimit-microsoft.costmanagement-entity-retry-after", "31", 31),
    ],
)
async def test_too_many_requests_carry_the_wait(header, value, seconds):
    """In each of its forms; a date counts from the context's now."""
    ctx = FakeContext(respond=lambda _: _answer(429, headers={header: value}))

    with pytest.raises(Throttled) as caught:
        await ctx.request("GET", "https://x.test", operation="x:Get")
    assert timedelta(seconds=seconds) == caught.value.retry_after


async def test_a_request_nobody_scripted_fails_the_test():
    """A forgotten answer is a mistake of the test, not of the provider."""
    with pytest.raises(AssertionError, match="no answer to GET"):
        await FakeContext().request("GET", "https://x.test", operation="x:Get")


async def test_hosts_are_pinned_if_the_test_says_which_are_allowed():
    """For requests, content and links alike; nothing is asked."""
    ctx = FakeContext(respond=lambda _: _answer(), allowed_hosts=["*.x.test"])
    await ctx.request("GET", "https://a.x.test/", operation="x:Get")

    for url in ("https://y.test/", "http://a.x.test/"):
        with pytest.raises(ValueError, match="not"):
            await ctx.request("GET", url, operation="x:Get")
        with pytest.raises(ValueError, match="not"):
            ctx.content(url)

    async def fetch(link):
        return "https://y.test/?sig=secret"

    with pytest.raises(FatalError, match=r"y\.test"):
        await anext(ctx.pages(fetch, next_link=lambda page: page))
    assert 1 == len(ctx.requests)


async def test_calls_run_and_their_errors_are_classified():
    """Sync and async functions run; `classify` is asked before the daemon's own tables."""

    async def double(number):
        return 2 * number

    def fail(exc):
        raise exc

    ctx = FakeContext(
        classify=lambda exc: (
            Fault(error_class=ErrorClass.AUTH, code="Denied") if isinstance(exc, KeyError) else None
        )
    )

    assert 4 == await ctx.call("x:Double", double, 2)
    assert 3 == await ctx.call("x:Max", max, 1, 3)
    with pytest.raises(AuthError) as caught:
        await ctx.call("x:Fail", fail, KeyError("sdk"))
    assert ("Denied", "x:Fail") == (caught.value.code, caught.value.operation)
    with pytest.raises(TransientError, match="x:Fail: ConnectionResetError"):
        await ctx.call("x:Fail", fail, ConnectionResetError())
    with pytest.raises(SourceChanged):
        await ctx.call("x:Fail", fail, SourceChanged("gone"))
    with pytest.raises(ZeroDivisionError):
        await ctx.call("x:Bug", lambda: 1 / 0)


async def test_an_error_within_a_group_is_the_error():
    """Code that runs in a task group is judged by what went wrong in it."""

    async def grouped():
        raise ExceptionGroup("tasks", [TimeoutError()])

    with pytest.raises(TransientError):
        await FakeContext().call("x:Group", grouped)


async def test_scopes_are_recorded():
    """Whatever is used; without one it is empty."""
    ctx = FakeContext(respond=lambda _: _answer())
    await ctx.request("GET", "https://x.test", operation="x:Get", scope="sub-1")
    await ctx.call("x:Max", max, 1, 2, scope="sub-2")
    await ctx.call("x:Max", max, 1, 2)

    assert ["sub-1", "sub-2", ""] == [call.scope for call in ctx.calls]
    assert "sub-1" == ctx.requests[0].scope


async def test_credentials_that_ran_out_are_refreshed_once():
    """By `auth` itself; then comes one more attempt, and no third."""
    auth = Token()
    ctx = FakeContext(respond=_wants(2))
    await ctx.request("GET", "https://x.test", operation="x:Get", auth=auth)
    assert (1, 2, 1) == (ctx.refreshes, len(ctx.requests), len(ctx.calls))

    ctx = FakeContext(respond=_wants(99))
    with pytest.raises(AuthError) as caught:
        await ctx.request("GET", "https://x.test", operation="x:Get", auth=auth)
    assert (1, 2, 2) == (ctx.refreshes, len(ctx.requests), caught.value.attempts)


async def test_what_the_connector_gave_to_on_expired_is_used_and_recorded():
    """For a call whose fault is `expired`, for a request without a refresh of its own."""
    state = SimpleNamespace(number=1)

    async def drop():
        state.number += 1

    def work():
        if state.number == 1:
            raise LookupError("token")
        return "done"

    async def auth():
        return {"Authorization": f"Bearer {state.number}"}

    ctx = FakeContext(
        respond=_wants(3),
        classify=lambda exc: (
            Fault(error_class=ErrorClass.AUTH, expired=True)
            if isinstance(exc, LookupError)
            else None
        ),
    )
    assert ctx.refresh is None
    ctx.on_expired(drop)

    assert "done" == await ctx.call("x:Work", work)
    assert 200 == (await ctx.request("GET", "https://x.test", operation="x:Get", auth=auth)).status
    assert (drop, 2, 3) == (ctx.refresh, ctx.refreshes, state.number)


async def test_as_whom_a_connector_says_to_be_signed_in_is_recorded():
    """As it said it, each time: the daemon shows the last one."""
    ctx = FakeContext()
    ctx.signed_in("a@acme.example")
    ctx.signed_in("b@acme.example")

    assert ["a@acme.example", "b@acme.example"] == ctx.identities


@pytest.mark.parametrize(
    ("status", "options"), [(403, {}), (401, {"idempotent": False}), (503, {})]
)
async def test_nothing_else_is_refreshed(status, options):
    """A denied permission, a request that must not be repeated, an outage."""
    ctx = FakeContext(respond=lambda _: _answer(status))
    with pytest.raises((AuthError, TransientError)):
        await ctx.request("GET", "https://x.test", operation="x:Get", auth=Token(), **options)

    assert (0, 1) == (ctx.refreshes, len(ctx.requests))


async def test_a_post_is_not_repeated():
    """Unless the connector says that it may be."""
    ctx = FakeContext(respond=_wants(2))
    with pytest.raises(AuthError):
        await ctx.request("POST", "https://x.test", operation="x:Put", auth=Token())
    await ctx.request("POST", "https://x.test", operation="x:Put", auth=Token(), idempotent=True)

    assert 1 == ctx.refreshes


async def test_a_download_is_checked_and_leaves_nothing_when_it_fails(ogfd_context, tmp_path):
    """A file of another length or digest is an error; a broken one is removed."""
    md5 = f"md5:{hashlib.md5(b'abc').hexdigest()}"

    path = await ogfd_context.download("x:Get", _source(b"ab", b"c"), size=3, digest=md5)
    assert b"abc" == path.read_bytes()
    path.unlink()

    with pytest.raises(TransientError, match="3 bytes, not 4"):
        await ogfd_context.download("x:Get", _source(b"abc"), size=4)
    with pytest.raises(FatalError, match="digest"):
        await ogfd_context.download("x:Get", _source(b"abd"), digest=md5)
    with pytest.raises(ValueError, match="32 hex digits"):
        await ogfd_context.download("x:Get", _source(b"abc"), digest="md5:1234")
    with pytest.raises(TransientError):
        await ogfd_context.download("x:Get", _source(b"a", error=TransientError("cut")))
    with pytest.raises(TransientError, match="ConnectionResetError"):
        await ogfd_context.download("x:Get", _source(b"a", error=ConnectionResetError()))
    assert [] == list((tmp_path / "ogfd-spool").iterdir())


async def test_content_is_answered_like_a_request(tmp_path):
    """Its own auth and headers, the version, and the rest from an offset on."""

    def respond(request):
        if request.url.endswith("/ranges") and "Range" in request.headers:
            return _answer(206, b"cde")
        return _answer(body=b"abcde", headers={"ETag": '"1"'})

    ctx = FakeContext(respond=respond, spool=tmp_path)
    auth = Token()
    whole = ctx.content("https://x.test/o", auth=auth, headers={"X-A": "1"}, etag='"1"')

    assert b"abcde" == (await ctx.download("x:Get", whole, size=5)).read_bytes()
    assert {"X-A": "1", "Authorization": "Bearer 1", "If-Match": '"1"'} == ctx.requests[0].headers
    assert ("GET", "https://x.test/o") == (ctx.requests[0].method, ctx.requests[0].url)
    for url in ("https://x.test/o", "https://x.test/ranges"):
        async with ctx.content(url)(2) as chunks:
            assert b"cde" == b"".join([chunk async for chunk in chunks])
        assert {"Range": "bytes=2-"} == ctx.requests[-1].headers
    assert ["download"] == [call.kind for call in ctx.calls]


async def test_content_of_another_version_is_no_content(tmp_path):
    """Whether the server says so, or answers with another ETag; other refusals are classified."""
    answers = [_answer(412), _answer(headers={"ETag": '"2"'})]
    ctx = FakeContext(respond=lambda _: answers.pop(), spool=tmp_path)
    for _ in range(2):
        with pytest.raises(SourceChanged):
            await ctx.download("x:Get", ctx.content("https://x.test", etag='"1"'))

    answers = [_answer(404)]
    with pytest.raises(NotFoundError):
        await ctx.download("x:Get", ctx.content("https://x.test"))
    assert [] == list(tmp_path.iterdir())


async def test_a_download_refreshes_the_token_of_its_content(tmp_path):
    """And writes the file anew."""
    ctx = FakeContext(respond=_wants(2), spool=tmp_path)
    digest = f"sha256:{hashlib.sha256(b'{}').hexdigest()}"
    content = ctx.content("https://x.test", auth=Token())
    path = await ctx.download("x:Get", content, digest=digest)

    assert (b"{}", 1, 2) == (path.read_bytes(), ctx.refreshes, len(ctx.requests))


async def test_pages_are_the_real_ones_and_counted():
    """Tokens, links and offsets are followed; circles and too many pages are errors."""
    pages = {None: ("a", "1"), "1": ("b", "2"), "2": ("c", "")}
    ctx = FakeContext()
    real: Context = ctx

    async def fetch(token):
        return pages[token]

    async def circle(token):
        return ("x", "again")

    async def rows(offset):
        return "abc"[offset : offset + 2]

    assert "abc" == "".join([p[0] async for p in real.pages(fetch, next_token=lambda p: p[1])])
    assert (3, []) == (ctx.pages_read, ctx.reported)
    assert "bc" == "".join(
        [p[0] async for p in real.pages(fetch, next_link=lambda p: p[1], start="1")]
    )
    assert ["c", ""] == [page async for page in real.pages(rows, offset=len, start=2)]
    with pytest.raises(FatalError, match="circle"):
        async for _ in ctx.pages(circle, next_token=lambda page: page[1]):
            pass
    with pytest.raises(FatalError, match="more than 2 pages"):
        async for _ in ctx.pages(fetch, next_token=lambda page: page[1], max_pages=2):
            pass


async def test_a_request_that_expects_json_gets_it_parsed():
    """What is none fails as it would in the end; what is asked for is on record."""
    answers = [_answer(body=b'{"a": 1}'), _answer(body=b"<html>"), _answer(204, b"")]
    ctx = FakeContext(respond=lambda request: answers.pop(0))

    async def ask():
        return await ctx.request("GET", "https://x.test", operation="x:Get", expects_json=True)

    found = await ask()
    with pytest.raises(TransientError, match="is not one JSON document"):
        await ask()

    assert found.json() is found.json()
    assert b"" == (await ask()).body
    assert ["application/json"] * 3 == [each.headers["Accept"] for each in ctx.requests]
