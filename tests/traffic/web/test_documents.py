"""Answers that must be JSON, on real sockets: what is none is asked for again."""

import json
import threading
from decimal import Decimal
from typing import Any

import pytest

from ogfd.plugin import Response, TransientError
from ogfd.traffic.web.documents import parsed

HTML = b"<!doctype html><title>Sign in: secret</title>"


def http(status: int, body: bytes = b"", *headers: bytes) -> bytes:
    lines = [b"HTTP/1.1 %d Reason" % status, b"Content-Length: %d" % len(body), *headers]
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


JSON = b"Content-Type: application/json"
OK = http(200, b'{"a": 1}', JSON)


def closing(answer: bytes) -> Any:
    async def answered(_: Any, writer: Any) -> None:
        writer.write(answer)
        await writer.drain()
        writer.close()

    return answered


@pytest.fixture
def ask(make_traffic: Any) -> Any:
    """Makes one request for JSON and returns the answer."""

    async def send(server: Any, method: str = "GET", **options: Any) -> Any:
        async with make_traffic(allowed_origins=[server.url]) as traffic:
            return await traffic.request(
                method, f"{server.url}/x?sig=secret", operation="api:Get",
                **{"expects_json": True, **options},
            )  # fmt: skip

    return send


@pytest.mark.parametrize(
    "broken",
    [
        http(200, HTML, b"Content-Type: text/html"),
        http(200, b'{"a": [1, 2', JSON),
        http(200, b'{"a": 1} {"a": 2}', JSON),
        http(200, b"", JSON),
        http(200, b'\xff\xfe{"a"', JSON),
        http(200, b"[" * 200_000 + b"]" * 200_000, JSON),
        http(200, b"[" + b"1, " * 100_000, JSON),
        http(200, b'{"cost": NaN}', JSON),
        http(200, b'{"cost": -Infinity}', JSON),
        http(200, b'{"cost": 1e9999999}', JSON),
        http(200, b'{"cost": 1e99999999999999999999}', JSON),
        http(202, b"wait", b"Content-Type: text/plain"),
        closing(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n" + HTML),
    ],
    ids=[
        "html",
        "cut",
        "two",
        "empty",
        "text",
        "deep",
        "long",
        "nan",
        "infinity",
        "out of range",
        "far out of range",
        "202",
        "no-length",
    ],
)
async def test_what_is_not_one_document_is_asked_for_again(
    ask: Any, raw_server: Any, recorder: Any, broken: Any
) -> None:
    """Like a 502: within the call, counted as a failed attempt."""
    async with raw_server(broken, OK) as server:
        answer = await ask(server)

    assert {"a": 1} == answer.json()
    assert ["transient", "ok"] == recorder.results


async def test_a_page_that_stays_html_fails_after_four_attempts(
    ask: Any, raw_server: Any, recorder: Any
) -> None:
    """The error names its size and kind, and quotes neither page nor query."""
    async with raw_server(http(200, HTML, b"Content-Type: text/html")) as server:
        with pytest.raises(TransientError) as raised:
            await ask(server)

    error = raised.value
    assert ("api:Get", 200, 4) == (error.operation, error.status, error.attempts)
    assert (
        f"the answer to GET {server.url}/x, {len(HTML)} bytes (text/html), is not one JSON document"
    ) == str(error)
    assert ["transient"] * 4 == recorder.results


async def test_a_post_that_is_not_idempotent_is_not_repeated(
    ask: Any, raw_server: Any, recorder: Any
) -> None:
    """The provider has seen it, whatever the proxy made of the answer."""
    async with raw_server(http(200, HTML), OK) as server:
        with pytest.raises(TransientError):
            await ask(server, "POST", json={})
        assert {"a": 1} == (await ask(server, "POST", json={}, idempotent=True)).json()

    assert ["transient", "ok"] == recorder.results


@pytest.mark.parametrize(
    "answer",
    [b"HTTP/1.1 204 No Content\r\n\r\n", http(202), http(205)],
    ids=["204", "empty 202", "205"],
)
async def test_an_answer_that_need_not_have_a_document_is_handed_out(
    ask: Any, raw_server: Any, recorder: Any, answer: bytes
) -> None:
    """There is nothing to return for it: the caller looks at the status."""
    async with raw_server(answer) as server:
        found = await ask(server)

    assert (["ok"], b"") == (recorder.results, found.body)
    with pytest.raises(TransientError, match="not JSON"):
        found.json()


@pytest.mark.parametrize("document", [{"a": 1}, [], None, 0, False, "é"])
async def test_any_document_will_do(ask: Any, raw_server: Any, document: Any) -> None:
    """Also one that is falsy; it is parsed once."""
    async with raw_server(http(200, json.dumps(document).encode())) as server:
        answer = await ask(server)

    assert document == answer.json()
    assert answer.json() is answer.json()


@pytest.mark.parametrize("expects_json", [True, False])
async def test_money_is_not_rounded(ask: Any, raw_server: Any, expects_json: bool) -> None:
    """A float has 16 digits; the sum of many bills has more, and 0.1 is none of its numbers."""
    body = b'{"cost": 12345678901234567.123456789, "tenth": 0.10, "tiny": 1e-300, "count": 3}'
    async with raw_server(http(200, body, JSON)) as server:
        found = (await ask(server, expects_json=expects_json)).json()

    assert {
        "cost": Decimal("12345678901234567.123456789"), "tenth": Decimal("0.10"),
        "tiny": Decimal("1e-300"), "count": 3,
    } == found  # fmt: skip
    assert [Decimal, Decimal, Decimal, int] == [type(each) for each in found.values()]


async def test_what_is_no_document_is_an_error_also_where_none_is_expected() -> None:
    """And no defect: too deep a nesting is one of the ways not to be a document."""
    for body in (b"[" * 200_000, b'{"cost": NaN}', b"<html>", b""):
        with pytest.raises(TransientError, match="is not JSON"):
            Response(status=200, headers={}, body=body, url="").json()


async def test_json_is_what_is_asked_for(ask: Any, raw_server: Any) -> None:
    """Unless the caller says what; without the flag nothing is said."""
    async with raw_server(OK) as server:
        await ask(server)
        await ask(server, headers={"accept": "application/vnd.x+json"})
        await ask(server, expects_json=False)

    heads = [request.lower() for request in server.requests]
    assert b"accept: application/json\r\n" in heads[0]
    assert b"accept: application/vnd.x+json\r\n" in heads[1]
    assert 1 == heads[1].count(b"accept: ")
    assert b"accept: */*\r\n" in heads[2]


async def test_a_document_ends_an_answer_without_a_length(
    ask: Any, raw_server: Any, recorder: Any
) -> None:
    """Whatever its content type says; a number has no end, and a cut one would look the same."""
    head = b"HTTP/1.1 200 OK\r\n\r\n"
    async with raw_server(closing(head + b"[1")) as server:
        with pytest.raises(TransientError):
            await ask(server)
    async with raw_server(closing(head + b"[1]")) as server:
        assert [1] == (await ask(server)).json()
    for number in (b"12", b"12.5"):
        async with raw_server(closing(head + number)) as server:
            with pytest.raises(Exception, match="has no length"):
                await ask(server)


async def test_a_long_document_is_parsed_beside_the_loop(monkeypatch: Any) -> None:
    """In a thread, which alone would not help: it calls some Python, to let the loop go on."""
    document = {"rows": [{"n": n, "x": n / 7, "e": 1e300, "s": "é"} for n in range(20_000)]}
    seen: list[Any] = []
    loads = json.loads

    def watched(body: bytes, *, object_hook: Any, **hooks: Any) -> Any:
        is_main = threading.current_thread() is threading.main_thread()
        seen.append((is_main, object_hook is not None))
        return loads(body, object_hook=object_hook, **hooks)

    monkeypatch.setattr(json, "loads", watched)
    for rows in (document, {"rows": document["rows"][:100]}):
        body = json.dumps(rows).encode()
        answer = await parsed(Response(status=200, headers={}, body=body, url=""), "it")
        assert loads(body, parse_float=Decimal) == answer.json()

    assert [(False, True), (True, False)] == seen
