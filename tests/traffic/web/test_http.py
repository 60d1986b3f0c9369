"""The HTTP client on real sockets."""

import gzip
from contextlib import suppress
from datetime import timedelta
from typing import Any

import anyio
import pytest

from ogfd.plugin import (
    AuthError,
    BadRequestError,
    ErrorClass,
    FatalError,
    Fault,
    HttpError,
    NotFoundError,
    Throttled,
    TransientError,
    UnknownError,
)
from ogfd.traffic import RetrySettings

ONE_TRY = RetrySettings(retries=0)


def http(status: Any, body: Any = b"", *headers: Any) -> Any:
    lines = [f"HTTP/1.1 {status} Reason".encode(), b"Content-Length: %d" % len(body), *headers]
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


OK = http(200, b'{"a": 1}', b"Content-Type: application/json")


def cut(head: Any) -> Any:
    """An answer that ends with the connection."""

    async def answer(_: Any, writer: Any) -> Any:
        writer.write(head)
        await writer.drain()
        writer.close()

    return answer


async def reset(_: Any, writer: Any) -> Any:
    writer.transport.abort()


@pytest.fixture
def ask(make_traffic: Any) -> Any:
    """Makes one request to a server and returns the answer."""

    async def send(
        server: Any, method: Any = "GET", path: Any = "/x", settings: Any = None, **options: Any
    ) -> Any:
        async with make_traffic(allowed_origins=[server.url], **settings or {}) as traffic:
            return await traffic.request(method, server.url + path, operation="s3:Get", **options)

    return send


async def test_a_whole_answer_comes_back(ask: Any, raw_server: Any) -> None:
    """Status, headers in any case, body, and the request as it was meant."""
    async with raw_server(OK) as server:
        answer = await ask(
            server, params={"b": "x y", "c": "é"}, headers={"X-A": "1"}, path="/p?a=%2f"
        )

    assert (200, b'{"a": 1}', {"a": 1}) == (answer.status, answer.body, answer.json())
    assert "application/json" == answer.headers["content-type"]
    head = server.requests[0]
    assert head.startswith(b"GET /p?a=%2f&b=x%20y&c=%C3%A9 HTTP/1.1\r\n")
    assert b"Accept-Encoding: identity\r\n" in head
    assert b"X-A: 1\r\n" in head


async def test_a_url_goes_out_byte_for_byte(ask: Any, raw_server: Any) -> None:
    """A next link may be signed; nothing is normalised."""
    path = "/a%2Fb/%7Ec?sig=%2f+%20&empty=&x=a,b;c"
    async with raw_server(OK) as server:
        await ask(server, path=path)

    assert server.requests[0].startswith(f"GET {path} HTTP/1.1".encode())


async def test_json_and_data_are_sent(ask: Any, raw_server: Any) -> None:
    """One as JSON, the other as it is; both at once is a mistake."""
    async with raw_server(OK) as server:
        await ask(server, "POST", json={"ä": None})
        await ask(server, "POST", data=b"\x00\x01", headers={"content-type": "x/y"})
        with pytest.raises(ValueError, match="not both"):
            await ask(server, "POST", json={}, data=b"")

    assert '{"ä":null}'.encode() == server.requests[0].partition(b"\r\n\r\n")[2]
    assert b"Content-Type: application/json" in server.requests[0]
    assert b"\x00\x01" == server.requests[1].partition(b"\r\n\r\n")[2]
    assert b"x/y" in server.requests[1]


@pytest.mark.parametrize(
    ("status", "kind", "requests"),
    [
        (400, BadRequestError, 1),
        (401, AuthError, 1),
        (403, AuthError, 1),
        (404, NotFoundError, 1),
        (408, TransientError, 4),
        (418, UnknownError, 2),
        (429, Throttled, 4),
        (500, TransientError, 3),
        (501, FatalError, 1),
        (503, TransientError, 4),
    ],
)
async def test_an_error_status_raises_its_class(
    ask: Any, raw_server: Any, status: Any, kind: Any, requests: Any
) -> None:
    """After as many requests as the class is worth."""
    async with raw_server(http(status, b"<secret/>")) as server:
        with pytest.raises(kind) as raised:
            await ask(server, path="/x?sig=abc")

    assert requests == len(server.requests)
    assert status == raised.value.status
    assert f"GET {server.url}/x answered {status} Reason" in str(raised.value)
    assert "abc" not in str(raised.value)
    assert "secret" not in str(raised.value)


async def test_the_connector_sees_the_whole_error_answer(ask: Any, raw_server: Any) -> None:
    """The provider's code stands in its body, which is cut at 64 KiB."""
    seen = []

    def classify(exc: Any) -> Any:
        seen.append(exc)
        return Fault(error_class=ErrorClass.NOT_FOUND, code="NoSuchKey")

    async with raw_server(http(400, b"x" * 70_000, b"X-Id: 7")) as server:
        with pytest.raises(NotFoundError) as raised:
            await ask(server, settings={"classify": classify})

    assert ("NoSuchKey", 400) == (raised.value.code, raised.value.status)
    assert isinstance(seen[0], HttpError)
    assert (65536, "7") == (len(seen[0].response.body), seen[0].response.headers["x-id"])


async def test_a_wait_in_any_header_is_honoured(ask: Any, raw_server: Any, recorder: Any) -> None:
    """Before the next attempt."""
    throttle = http(429, b"", b"x-ms-ratelimit-microsoft.consumption-retry-after: 0.05")
    async with raw_server(throttle, OK) as server:
        assert 200 == (await ask(server)).status

    assert [(ErrorClass.TRANSIENT, 0.05)] == recorder.retries


@pytest.mark.parametrize(
    "broken",
    [
        reset,
        cut(b""),
        cut(b"HTTP/1.1 200 OK\r\nContent-"),
        cut(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n12345"),
        cut(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n12345\r\n"),
        cut(b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n{"a": '),
        b"this is not HTTP\r\n\r\n",
        http(200, gzip.compress(b"x" * 1000)[:-9], b"Content-Encoding: gzip"),
        http(200, b"no gzip", b"Content-Encoding: gzip"),
    ],
    ids=["reset", "close", "head", "length", "chunked", "json", "garbage", "gzip-cut", "gzip-none"],
)
async def test_a_broken_answer_is_tried_again_and_never_taken_for_a_whole_one(
    ask: Any, raw_server: Any, recorder: Any, broken: Any
) -> None:
    """Reset, closed early, cut with or without a length: transient."""
    async with raw_server(broken, OK) as server:
        assert {"a": 1} == (await ask(server)).json()

    assert 2 == len(server.requests), "exactly one attempt each"
    assert ["transient", "ok"] == recorder.results


async def test_nothing_is_repeated_behind_the_policys_back(
    make_traffic: Any, raw_server: Any, recorder: Any
) -> None:
    """aiohttp would silently repeat a request whose kept connection was closed."""
    async with (
        raw_server(OK, cut(b""), OK) as server,
        make_traffic(allowed_origins=[server.url]) as traffic,
    ):
        for _ in range(2):
            await traffic.request("GET", server.url, operation="o")

    assert 3 == len(server.requests) == len(recorder.attempts)


@pytest.mark.parametrize(
    "unasked",
    [http(200, b'{"a": 2}'), http(408, b"", b"Connection: close"), b"and the rest of a body"],
    ids=["answer", "timeout", "rest"],
)
async def test_what_nobody_asked_for_is_no_answer(
    make_traffic: Any, raw_server: Any, unasked: Any
) -> None:
    """It comes while the connection lies idle; the next request takes another one."""
    sent = anyio.Event()

    async def twice(_: Any, writer: Any) -> Any:
        writer.write(OK)
        await writer.drain()
        await idle.wait()
        writer.write(unasked)
        await writer.drain()
        sent.set()

    idle = anyio.Event()
    async with (
        raw_server(twice, OK) as server,
        make_traffic(allowed_origins=[server.url]) as traffic,
    ):
        await traffic.request("GET", server.url, operation="o")
        idle.set()
        await sent.wait()
        await anyio.wait_all_tasks_blocked()
        answer = await traffic.request("POST", server.url, operation="o")

    assert ({"a": 1}, 2) == (answer.json(), len(server.requests))


async def test_a_part_is_not_taken_for_the_whole(ask: Any, raw_server: Any) -> None:
    """Unless it was asked for."""
    async with raw_server(http(206, b"[1]", b"Content-Range: bytes 0-2/9")) as server:
        with pytest.raises(FatalError, match="is a part"):
            await ask(server)
        assert b"[1]" == (await ask(server, headers={"range": "bytes=0-2"})).body


async def test_no_secret_shows_in_a_repr_or_in_the_error_of_a_cut_head(
    ask: Any, raw_server: Any
) -> None:
    """Signed URLs and cookies."""
    head = b"HTTP/1.1 200 OK\r\nSet-Cookie: session=abc\r\nContent-"
    async with raw_server(http(200, b"", b"Set-Cookie: abc")) as server:
        answer = await ask(server, path="/x?sig=abc")
    async with raw_server(cut(head)) as server:
        with pytest.raises(TransientError, match="Server disconnected") as raised:
            await ask(server, path="/x?sig=abc", settings={"retry": ONE_TRY})

    assert "abc" not in f"{answer!r}{raised.value!r}{raised.value.__cause__!r}"


async def test_a_slow_drip_does_not_outlast_the_attempt(ask: Any, raw_server: Any) -> None:
    """The timeout is on the whole answer, not on each read."""

    async def drip(_: Any, writer: Any) -> Any:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        while True:
            writer.write(b"x")
            await writer.drain()
            await anyio.sleep(0.02)

    async with raw_server(drip) as server:
        with pytest.raises(TransientError, match=r"no answer within 0\.2 s"):
            await ask(server, timeout=timedelta(seconds=0.2), settings={"retry": ONE_TRY})


async def test_an_answer_that_is_too_long_is_refused(ask: Any, raw_server: Any) -> None:
    """By its length before it is read, without one as soon as it is seen."""
    chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"64\r\n%s\r\n" % (
        b"x" * 100
    )
    bomb = http(200, gzip.compress(b"x" * 100_000), b"Content-Encoding: gzip")
    for answer in (http(200, b"x" * 1001), chunked + b"64\r\n%s\r\n" % (b"x" * 100) * 20, bomb):
        async with raw_server(answer) as server:
            with pytest.raises(FatalError, match="longer than 1000 bytes"):
                await ask(server, max_bytes=1000)

        assert 1 == len(server.requests)
    async with raw_server(http(200, b"x" * 1000)) as server:
        assert 1000 == len((await ask(server, max_bytes=1000)).body)


async def test_an_answer_that_says_it_is_too_long_is_not_read(ask: Any, raw_server: Any) -> None:
    """A terabyte to come is refused by its length."""
    announced = b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000000\r\n\r\n"
    async with raw_server(announced) as server:
        with pytest.raises(FatalError, match="longer than"):
            await ask(server, timeout=timedelta(seconds=1))


async def test_html_with_status_200_is_no_json(ask: Any, raw_server: Any) -> None:
    """A proxy's page must not pass for data."""
    async with raw_server(http(200, b"<html>Sign in</html>", b"Content-Type: text/html")) as server:
        answer = await ask(server)

    with pytest.raises(TransientError, match="text/html"):
        answer.json()


async def test_a_body_whose_end_cannot_be_told_is_refused_unless_it_is_whole_json(
    ask: Any, raw_server: Any
) -> None:
    """It ends with the connection, so a cut could not be seen."""
    for field in (b"", b"Transfer-Encoding: gzip\r\n", b"Transfer-Encoding: identity\r\n"):
        head = b"HTTP/1.1 200 OK\r\n" + field + b"Content-Type: text/csv\r\n\r\n"
        async with raw_server(cut(head + b"a,b\n1,2")) as server:
            with pytest.raises(FatalError, match="no length"):
                await ask(server)
    for kind, body in ((b"text/json", b"12"), (b"application/x-ndjson", b'{"a": 1}\n')):
        head = b"HTTP/1.1 200 OK\r\nContent-Type: " + kind + b"\r\n\r\n"
        async with raw_server(cut(head + body)) as server:
            with pytest.raises(FatalError, match="no length"):
                await ask(server)
    for kind in (b"text/json; charset=utf-8", b"application/problem+JSON"):
        head = b"HTTP/1.1 200 OK\r\nContent-Type: " + kind + b"\r\n\r\n"
        async with raw_server(cut(head + b"[1]")) as server:
            assert [1] == (await ask(server)).json()


async def test_an_encoding_that_was_not_asked_for_is_decoded_or_refused(
    ask: Any, raw_server: Any
) -> None:
    """gzip to its end, with all members; anything else is an error."""
    body = gzip.compress(b"ab") + gzip.compress(b"cd")
    async with raw_server(http(200, body, b"Content-Encoding: GZIP")) as server:
        assert b"abcd" == (await ask(server)).body
    async with raw_server(http(200, b"xx", b"Content-Encoding: br")) as server:
        with pytest.raises(FatalError, match="encoded as br"):
            await ask(server)


async def test_a_redirect_is_not_followed(ask: Any, raw_server: Any) -> None:
    """It could lead anywhere; the error names the host and nothing more."""
    answer = http(302, b"", b"Location: https://evil.example/x?token=abc")
    async with raw_server(answer) as server:
        with pytest.raises(FatalError, match=r"redirect to evil\.example") as raised:
            await ask(server)

    assert 1 == len(server.requests)
    assert "abc" not in str(raised.value)


async def test_answers_without_a_body_are_fine(ask: Any, raw_server: Any) -> None:
    """HEAD and 204 have none."""
    async with raw_server(b"HTTP/1.1 204 No Content\r\n\r\n") as server:
        assert (204, b"") == ((await ask(server)).status, (await ask(server)).body)
    async with raw_server(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n") as server:
        assert b"" == (await ask(server, "HEAD")).body


async def test_a_host_that_is_not_allowed_is_never_asked(
    make_traffic: Any, raw_server: Any, recorder: Any
) -> None:
    """Not even a token is taken."""
    async with raw_server(OK) as server, make_traffic(allowed_hosts=["127.0.0.1"]) as traffic:
        for url in (server.url, "https://169.254.169.254/latest", "/relative"):
            with pytest.raises(ValueError, match="not"):
                await traffic.request("GET", url, operation="o")

    assert [] == server.requests == recorder.attempts


async def test_a_post_is_not_repeated_unless_it_is_declared_idempotent(
    ask: Any, raw_server: Any
) -> None:
    """Bytes were sent."""
    for idempotent, requests in ((None, 1), (True, 2)):
        async with raw_server(http(503), OK) as server:
            with suppress(TransientError):
                await ask(server, "post", json={}, idempotent=idempotent)
        assert requests == len(server.requests)


async def test_a_post_is_repeated_if_nobody_was_there(
    ask: Any, raw_server: Any, recorder: Any
) -> None:
    """A refused connection sent nothing."""
    async with raw_server(OK) as server:
        pass
    with pytest.raises(TransientError):
        await ask(server, "POST", json={})

    assert ["transient"] * 4 == recorder.results
