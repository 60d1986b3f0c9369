"""What the client sends, and what it makes of each answer."""

from typing import Any

import aiohttp
import pytest
from mocking import HOST, Token
from multidict import CIMultiDict
from yarl import URL

from ogfd.plugin import (
    ErrorClass,
    FatalError,
    Throttled,
    TransientError,
    error_of,
)
from ogfd.traffic.faults.classify import STATUS


@pytest.mark.parametrize("url", [f"{HOST}/x", f"{HOST}/x?v=1", f"{HOST}/x?v=1#part"])
async def test_params_are_added_to_the_query(ask: Any, mocked: Any, sent: Any, url: str) -> None:
    """Behind what the URL brings, quoted, and before no fragment."""
    expected = {**URL(url).query, "a": "x y&z", "$f": "é"}
    mocked.get(URL(url).with_fragment(None).with_query(expected), payload={})
    await ask(url=url, params={"a": "x y&z", "$f": "é"})

    assert [expected] == [dict(request.url.query) for request in sent()]


async def test_the_headers_are_ours_then_the_callers_then_those_of_auth(
    ask: Any, mocked: Any, sent: Any
) -> None:
    """Names in any case; tables come as they are, not packed on the way."""
    mocked.get(f"{HOST}/x", payload={}, repeat=True)
    await ask()
    await ask(headers={"user-agent": "me", "X-A": "1", "authorization": "none"}, auth=Token())

    plain, full = (CIMultiDict(request.headers) for request in sent())
    assert {"User-Agent": "ogfd", "Accept-Encoding": "identity"} == dict(plain)
    assert ["me"] == full.getall("User-Agent")
    assert ["Bearer 1"] == full.getall("Authorization")
    assert "1" == full["X-A"]


@pytest.mark.parametrize(
    ("given", "body", "kind"),
    [
        (
            {"json": {"b": [1, None], "a": "é"}},
            '{"b":[1,null],"a":"é"}'.encode(),
            "application/json",
        ),
        ({"json": []}, b"[]", "application/json"),
        ({"json": 0}, b"0", "application/json"),
        ({"json": {}, "headers": {"content-type": "x/y"}}, b"{}", "x/y"),
        ({"data": b"\x00"}, b"\x00", None),
        ({"data": b""}, b"", None),
        ({}, None, None),
    ],
)
async def test_bodies_are_sent_as_they_are(
    ask: Any, mocked: Any, sent: Any, given: Any, body: Any, kind: Any
) -> None:
    """JSON compact and in UTF-8; what is falsy is a body too."""
    mocked.post(f"{HOST}/x", payload={})
    await ask("post", **given)

    assert ("POST", body) == (sent()[0].method, sent()[0].data)
    assert kind == CIMultiDict(sent()[0].headers).get("Content-Type")


async def test_nothing_is_asked_of_other_hosts(ask: Any, mocked: Any, recorder: Any) -> None:
    """By name, by scheme, by port, by user: a mistake of the caller, and no attempt."""
    for url in (
        "https://other.example/x",
        "http://api.example/x",
        "https://api.example.evil.test/x",
        "https://user@api.example/x",
        "/x",
    ):
        with pytest.raises(ValueError, match=r"not|no "):
            await ask(url=url)

    mocked.assert_not_called()
    assert [] == recorder.attempts


async def test_a_redirect_is_not_even_followed_to_the_same_host(
    ask: Any, mocked: Any, sent: Any
) -> None:
    """aiohttp is told so; what it leads to may be signed and is named by its host."""
    mocked.get(f"{HOST}/x", status=302, headers={"Location": f"{HOST}/y?sig=secret"})
    mocked.get(f"{HOST}/y?sig=secret", payload={})
    with pytest.raises(FatalError, match=r"redirect to api\.example") as raised:
        await ask()

    assert [False] == [request.allow_redirects for request in sent()]
    assert "secret" not in str(raised.value)


REQUESTS = {ErrorClass.TRANSIENT: 4, ErrorClass.UNKNOWN: 2}


@pytest.mark.parametrize("status", [*sorted(STATUS), 300, 402, 418, 451, 506, 507, 511, 599])
async def test_each_status_has_its_class_its_attempts_and_its_waits(
    ask: Any, mocked: Any, slept: Any, status: int
) -> None:
    """From 300 on; the waits double from one second on."""
    mocked.get(f"{HOST}/x?sig=secret", status=status, body="secret", repeat=True)
    expected = STATUS.get(status, ErrorClass.UNKNOWN)
    requests = 3 if status == 500 else REQUESTS.get(expected, 1)

    with pytest.raises(error_of(expected)) as raised:
        await ask(url=f"{HOST}/x?sig=secret")
    assert expected is raised.value.error_class
    assert (status == 429) is isinstance(raised.value, Throttled)
    assert (status, requests) == (raised.value.status, raised.value.attempts)
    assert requests == len(mocked.requests["GET", URL(f"{HOST}/x?sig=secret")])
    assert [1.0, 2.0, 4.0][: requests - 1] == slept
    assert "secret" not in str(raised.value)


@pytest.mark.parametrize("status", [200, 201, 202, 204])
async def test_an_answer_below_300_is_handed_out(ask: Any, mocked: Any, status: int) -> None:
    """With its status: 202 may mean that the work has only begun."""
    mocked.get(f"{HOST}/x", status=status, payload={"a": 1}, headers={"X-Id": "7"})
    answer = await ask()

    assert (status, {"a": 1}, "7") == (answer.status, answer.json(), answer.headers["x-id"])


async def test_what_fails_and_then_succeeds_is_a_success(
    ask: Any, mocked: Any, recorder: Any, slept: Any
) -> None:
    """Each kind of failure counts for the same attempts."""
    mocked.get(f"{HOST}/x", exception=aiohttp.ServerDisconnectedError())
    mocked.get(f"{HOST}/x", timeout=True)
    mocked.get(f"{HOST}/x", status=503)
    mocked.get(f"{HOST}/x", payload=[1])

    assert [1] == (await ask()).json()
    assert ["transient", "transient", "transient", "ok"] == recorder.results
    assert [1.0, 2.0, 4.0] == slept


@pytest.mark.parametrize(
    "exception",
    [
        aiohttp.ServerDisconnectedError(),
        aiohttp.ClientOSError(104, "reset"),
        aiohttp.ClientPayloadError("cut"),
        aiohttp.ServerTimeoutError(),
        TimeoutError(),
    ],
)
async def test_a_connection_that_fails_is_tried_four_times(
    ask: Any, mocked: Any, recorder: Any, exception: Exception
) -> None:
    """The last exception is the cause."""
    mocked.get(f"{HOST}/x", exception=exception, repeat=True)
    with pytest.raises(TransientError, match="4 attempts") as raised:
        await ask()

    assert exception is raised.value.__cause__
    assert ["transient"] * 4 == recorder.results


async def test_html_for_json_is_transient_and_nothing_else_is_parsed(ask: Any, mocked: Any) -> None:
    """The answer is whole: it is the caller who expects JSON."""
    mocked.get(
        f"{HOST}/x", body="<html>", content_type="text/html", headers={"Content-Length": "6"}
    )
    answer = await ask()

    assert b"<html>" == answer.body
    with pytest.raises(TransientError, match=r"6 bytes \(text/html\) is not JSON"):
        answer.json()
