"""Listings are read to their end or not at all."""

from typing import Any

import pytest

from ogfd.plugin import FatalError
from ogfd.traffic import Pages


def scripted(chain: Any) -> Any:
    """Return a fetch over *chain* (token to next token) and the tokens it was asked for."""
    asked = []

    async def fetch(token: Any) -> Any:
        asked.append(token)
        return chain[token]

    return fetch, asked


async def test_pages_follow_the_tokens_to_the_end_and_tokens_pass_as_they_came() -> None:
    """The first page is asked for with None; an empty token ends the listing."""
    link = "https://x/?a=%2f&b=+"
    fetch, asked = scripted({None: link, link: "2", "2": ""})

    assert [link, "2", ""] == [page async for page in Pages(fetch, next_token=lambda page: page)]
    assert [None, link, "2"] == asked


@pytest.mark.parametrize("chain", [{None: "a", "a": "a"}, {None: "a", "a": "b", "b": "a"}])
async def test_a_circle_is_an_error(chain: Any) -> None:
    """A token that comes twice would go on for ever."""
    fetch, asked = scripted(chain)
    with pytest.raises(FatalError, match="circle"):
        _ = [page async for page in Pages(fetch, next_token=lambda page: page)]

    assert len(asked) == len(chain)


async def test_more_pages_than_expected_are_an_error_and_not_a_cut() -> None:
    """max_pages pages are fine, one more is not."""
    fetch, asked = scripted({None: "1", "1": "2", "2": None})
    assert ["1", "2", None] == [p async for p in Pages(fetch, next_token=lambda p: p, max_pages=3)]

    pages = Pages(fetch, next_token=lambda p: p, max_pages=2)
    assert ["1", "2"] == [await anext(pages), await anext(pages)]
    with pytest.raises(FatalError, match="more than 2 pages"):
        await anext(pages)
    assert 5 == len(asked)


async def test_a_failed_page_can_be_asked_for_again() -> None:
    """An error in the middle loses nothing."""
    failures = [ConnectionResetError()]

    async def fetch(token: Any) -> Any:
        if token == "1" and failures:
            raise failures.pop()
        return {None: "1", "1": None}[token]

    pages = Pages(fetch, next_token=lambda page: page)
    assert "1" == await anext(pages)
    with pytest.raises(ConnectionResetError):
        await anext(pages)
    assert await anext(pages) is None
    with pytest.raises(StopAsyncIteration):
        await anext(pages)


async def test_no_pages_at_all_make_no_sense() -> None:
    """max_pages counts from one."""
    with pytest.raises(ValueError, match="max_pages"):
        Pages(scripted({})[0], next_token=str, max_pages=0)
