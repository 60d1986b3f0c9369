"""The client's own logic with mocked answers; what a mock cannot show is tested on sockets."""

from types import SimpleNamespace
from typing import Any

import aiohttp
import aioresponses
import pytest

from ogfd.plugin import TransientError


class MockedResponse(aiohttp.ClientResponse):
    """aiohttp 3.14 wants a stream writer, which aioresponses 0.7 does not know of."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("stream_writer", SimpleNamespace(output_size=0))
        super().__init__(*args, **kwargs)


@pytest.fixture
def mocked(monkeypatch: Any) -> Any:
    monkeypatch.setattr(aioresponses.core, "ClientResponse", MockedResponse)
    with aioresponses.aioresponses() as mock:
        yield mock


async def test_pages_by_link_are_read_through_the_policy(
    make_traffic: Any, mocked: Any, recorder: Any
) -> None:
    """Each page is a request of its own, with its own retries; links go out as they came."""
    first, second = "https://api.example/v1?page=1", "https://api.example/v1?page=2&sig=%2F"
    mocked.get(first, payload={"rows": [1], "next": second})
    mocked.get(second, status=503)
    mocked.get(second, payload={"rows": [2], "next": None})

    async with make_traffic(allowed_hosts=["*.example"]) as traffic:

        async def page(link: Any) -> Any:
            answer = await traffic.request("GET", link or first, operation="api:List")
            return answer.json()

        pages = traffic.pages(page, next_token=lambda page: page["next"])
        rows = [row async for page in pages for row in page["rows"]]

    assert [1, 2] == rows
    assert ["ok", "transient", "ok"] == recorder.results


async def test_a_connection_that_cannot_be_made_is_tried_four_times(
    make_traffic: Any, mocked: Any, recorder: Any
) -> None:
    """The last exception is the cause."""
    mocked.get("https://api.example/", exception=aiohttp.ServerDisconnectedError(), repeat=True)
    async with make_traffic(allowed_hosts=["api.example"]) as traffic:
        with pytest.raises(TransientError, match="4 attempts") as raised:
            await traffic.request("GET", "https://api.example/", operation="api:Get")

    assert isinstance(raised.value.__cause__, aiohttp.ServerDisconnectedError)
    assert ["transient"] * 4 == recorder.results
