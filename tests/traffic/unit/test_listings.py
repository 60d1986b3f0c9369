"""Listings through the policy: a request for each page, and none to anybody else."""

from typing import Any

import aioresponses
import pytest
from mocking import HOST, Token, wants
from yarl import URL

from ogfd.plugin import (
    FatalError,
    Parked,
)


@pytest.fixture
def listing(make: Any) -> Any:
    """Reads a listing of rows by links: yields the Traffic's pages."""

    def pages(traffic: Any, first: str, **options: Any) -> Any:
        async def page(link: Any) -> Any:
            answer = await traffic.request("GET", link or first, operation="api:List", **options)
            return answer.json()

        return traffic.pages(page, next_link=lambda page: page["next"])

    return pages


async def test_pages_by_link_are_read_through_the_policy(
    make: Any, listing: Any, mocked: Any, recorder: Any
) -> None:
    """Each page is a request of its own, with its own retries."""
    second = f"{HOST}/v1?page=2&sig=a"
    mocked.get(f"{HOST}/v1", payload={"rows": [1], "next": second})
    mocked.get(second, status=503)
    mocked.get(second, payload={"rows": [2], "next": None})
    async with make() as traffic:
        rows = [row async for page in listing(traffic, f"{HOST}/v1") for row in page["rows"]]

    assert [1, 2] == rows
    assert ["ok", "transient", "ok"] == recorder.results


async def test_a_link_to_another_host_is_not_followed(make: Any, listing: Any, mocked: Any) -> None:
    """The token would go along; the error shows nothing of the link but its host."""
    mocked.get(f"{HOST}/v1", payload={"next": "https://evil.test/v1?sig=secret"})
    mocked.get("https://evil.test/v1?sig=secret", payload={"next": None})
    async with make() as traffic:
        with pytest.raises(FatalError, match=r"goes on at evil\.test") as raised:
            await anext(listing(traffic, f"{HOST}/v1", auth=Token()))

    assert [("GET", URL(f"{HOST}/v1"))] == list(mocked.requests)
    assert "secret" not in str(raised.value)


async def test_a_token_that_runs_out_within_a_listing_costs_no_page(
    make: Any, listing: Any, mocked: Any
) -> None:
    """Page 2 is asked for again, with the new token."""
    mocked.get(f"{HOST}/v1", callback=wants(1, {"rows": [1], "next": f"{HOST}/v1?p=2"}))
    mocked.get(f"{HOST}/v1?p=2", callback=wants(2, {"rows": [2], "next": ""}), repeat=True)
    async with make() as traffic:
        pages = listing(traffic, f"{HOST}/v1", auth=Token())
        assert [[1], [2]] == [page["rows"] async for page in pages]


async def test_a_listing_that_was_parked_goes_on_at_its_position(
    make: Any, listing: Any, mocked: Any
) -> None:
    """Another run may begin there: `start` takes what `position` gave."""
    mocked.get(f"{HOST}/v1", payload={"rows": [1], "next": f"{HOST}/v1?p=2"})
    mocked.get(f"{HOST}/v1?p=2", status=429, headers={"Retry-After": "120"})
    mocked.get(f"{HOST}/v1?p=2", payload={"rows": [2], "next": ""})
    async with make() as traffic:
        pages = listing(traffic, f"{HOST}/v1")
        assert [1] == (await anext(pages))["rows"]
        with pytest.raises(Parked):
            await anext(pages)
        assert f"{HOST}/v1?p=2" == pages.position

    async with make() as traffic:

        async def page(link: Any) -> Any:
            return (await traffic.request("GET", link, operation="api:List")).json()

        later = traffic.pages(page, next_link=lambda page: page["next"], start=pages.position)
        assert [[2]] == [page["rows"] async for page in later]


async def test_pages_by_offset_end_with_an_empty_one(make: Any, mocked: Any) -> None:
    """The offset is whatever came so far."""

    def rows(url: Any, **_: Any) -> Any:
        skip = int(url.query["$skip"])
        return aioresponses.CallbackResult(payload=list(range(5))[skip : skip + 2])

    for skip in (0, 2, 4, 5):
        mocked.get(f"{HOST}/v1?$skip={skip}", callback=rows)
    async with make() as traffic:

        async def page(offset: int) -> Any:
            answer = await traffic.request(
                "GET", f"{HOST}/v1", operation="api:List", params={"$skip": str(offset)}
            )
            return answer.json()

        assert [0, 1, 2, 3, 4] == [row async for p in traffic.pages(page, offset=len) for row in p]
