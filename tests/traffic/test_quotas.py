"""What answers say is left of quotas, over real sockets."""

import logging
from typing import Any

import pytest

from ogfd.plugin import TransientError


def http(status: int, *headers: bytes) -> bytes:
    lines = [b"HTTP/1.1 %d Reason" % status, b"Content-Length: 2", *headers]
    return b"\r\n".join(lines) + b"\r\n\r\n{}"


def left(headers: Any) -> Any:
    return {"tenant": float(headers["x-left"])} if "x-left" in headers else {}


async def test_every_answer_tells(make_traffic: Any, raw_server: Any, recorder: Any) -> None:
    """Errors too, which is when it matters; the label is the group and the name of the quota."""
    answers = [http(503, b"X-Left: 1"), http(200, b"X-Left: 0"), http(200)]
    async with (
        raw_server(*answers) as server,
        make_traffic(allowed_origins=[server.url], quotas=left) as traffic,
    ):
        await traffic.request("GET", server.url, operation="cost:Query")
        await traffic.request("GET", server.url, operation="cost:Query")

    assert [("cost:tenant", 1.0), ("cost:tenant", 0.0)] == recorder.quotas


async def test_a_defect_of_the_plugin_costs_no_request(
    make_traffic: Any, raw_server: Any, recorder: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """It is in the log with its traceback."""
    with caplog.at_level(logging.ERROR):
        async with (
            raw_server(http(200, b"X-Left: many")) as server,
            make_traffic(allowed_origins=[server.url], quotas=left) as traffic,
        ):
            answer = await traffic.request("GET", server.url, operation="cost:Query")

    assert 200 == answer.status
    assert [] == recorder.quotas
    assert "the quotas in an answer cannot be read" in caplog.text
    assert "could not convert string to float" in caplog.text


async def test_what_never_came_tells_nothing(
    make_traffic: Any, raw_server: Any, recorder: Any
) -> None:
    """A connection that was cut has no headers."""

    async def cut(_: Any, writer: Any) -> None:
        writer.close()

    async with (
        raw_server(cut) as server,
        make_traffic(allowed_origins=[server.url], quotas=left) as traffic,
    ):
        with pytest.raises(TransientError):
            await traffic.request("GET", server.url, operation="cost:Query")

    assert [] == recorder.quotas
