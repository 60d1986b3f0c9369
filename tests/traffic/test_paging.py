"""Listings are read to their end or not at all."""

from typing import Any

import anyio
import pytest

from ogfd.plugin import FatalError
from ogfd.traffic import Pages, Pins

SIGNED = "https://API.example/v1?$skiptoken=%2fA+b%20c&sig=%2F%3d&empty="


def scripted(chain: Any) -> Any:
    """Return a fetch over *chain* (position to page) and the positions it was asked for."""
    asked = []

    async def fetch(position: Any) -> Any:
        asked.append(position)
        return chain[position]

    return fetch, asked


def sliced(items: Any, size: int) -> Any:
    """Return a fetch of *size* items from an offset, and the offsets it was asked for."""
    asked = []

    async def fetch(offset: int) -> Any:
        asked.append(offset)
        return items[offset : offset + size]

    return fetch, asked


def itself(page: Any) -> Any:
    return page


async def test_pages_follow_the_tokens_to_the_end_and_tokens_pass_as_they_came() -> None:
    """The first page is asked for with None; an empty token ends the listing."""
    fetch, asked = scripted({None: SIGNED, SIGNED: "2", "2": ""})

    assert [SIGNED, "2", ""] == [page async for page in Pages(fetch, next_token=itself)]
    assert [None, SIGNED, "2"] == asked


async def test_links_to_allowed_hosts_are_followed_byte_for_byte() -> None:
    """A link may be signed: the check looks at it and changes nothing."""
    fetch, asked = scripted({None: SIGNED, SIGNED: None})
    pages = Pages(fetch, next_link=itself, check=Pins(["*.example"]).check)

    assert [SIGNED, None] == [page async for page in pages]
    assert [None, SIGNED] == asked


@pytest.mark.parametrize(
    ("link", "host"),
    [
        ("https://evil.test/v1?sig=secret", "evil.test"),
        ("https://api.example.evil.test/?sig=secret", "evil.test"),
        ("http://api.example/v1?sig=secret", "api.example"),
        ("https://user:secret@api.example/", "api.example"),
        ("https://169.254.169.254/latest?sig=secret", "169.254.169.254"),
        ("/v1?sig=secret", "no host"),
        ("https://[secret/", "no URL"),
    ],
)
@pytest.mark.parametrize("begin", [False, True], ids=["in a page", "as start"])
async def test_a_link_to_elsewhere_is_never_fetched_and_named_by_its_host(
    link: str, host: str, begin: bool
) -> None:
    """Neither is the page given out that holds it; nothing of the query is shown."""
    fetch, asked = scripted({None: link})
    with pytest.raises(FatalError, match=host) as raised:
        pages: Any = Pages(
            fetch,
            next_link=itself,
            check=Pins(["api.example"]).check,
            start=link if begin else None,
        )
        _ = [page async for page in pages]

    assert ([] if begin else [None]) == asked
    assert "secret" not in str(raised.value)
    assert raised.value.__cause__ is None
    assert raised.value.__suppress_context__


@pytest.mark.parametrize("kind", ["next_token", "next_link"])
@pytest.mark.parametrize("chain", [{None: "a", "a": "a"}, {None: "a", "a": "b", "b": "a"}])
async def test_a_circle_is_an_error(kind: str, chain: Any) -> None:
    """A token or link that comes twice would go on for ever."""
    fetch, asked = scripted(chain)
    with pytest.raises(FatalError, match="circle"):
        _ = [page async for page in Pages(fetch, **{kind: itself})]

    assert len(asked) == len(chain)


async def test_a_circle_back_to_where_a_listing_went_on_is_an_error() -> None:
    """That page was read, too."""
    fetch, asked = scripted({"b": "c", "c": "b"})
    with pytest.raises(FatalError, match="circle"):
        _ = [page async for page in Pages(fetch, next_token=itself, start="b")]

    assert ["b", "c"] == asked


async def test_offsets_count_the_items_up_to_a_page_that_has_none() -> None:
    """A page that is not full is not the last one: a server may hand out less."""
    fetch, asked = sliced("abcde", 2)

    assert ["ab", "cd", "e", ""] == [page async for page in Pages(fetch, offset=len)]
    assert [0, 2, 4, 5] == asked


async def test_a_page_with_less_than_no_items_is_an_error() -> None:
    """It would lead back."""
    fetch, _ = scripted({0: 3, 3: -3})
    pages = Pages(fetch, offset=itself)

    assert 3 == await anext(pages)
    with pytest.raises(FatalError, match="page 2 of a listing says it has -3 items"):
        await anext(pages)
    assert 3 == pages.position


async def test_an_offset_that_a_server_ignores_ends_at_max_pages() -> None:
    """The same page for ever is no circle that could be seen."""
    asked = []

    async def fetch(offset: int) -> Any:
        asked.append(offset)
        return "ab"

    with pytest.raises(FatalError, match="more than 7 pages"):
        _ = [page async for page in Pages(fetch, offset=len, max_pages=7)]

    assert [0, 2, 4, 6, 8, 10, 12] == asked


async def test_more_pages_than_expected_are_an_error_and_not_a_cut() -> None:
    """max_pages pages are fine, one more is not."""
    fetch, asked = scripted({None: "1", "1": "2", "2": None})
    assert ["1", "2", None] == [p async for p in Pages(fetch, next_token=itself, max_pages=3)]

    pages = Pages(fetch, next_token=itself, max_pages=2)
    assert ["1", "2"] == [await anext(pages), await anext(pages)]
    with pytest.raises(FatalError, match="more than 2 pages"):
        await anext(pages)
    assert 5 == len(asked)


@pytest.mark.parametrize("kind", ["next_token", "next_link"])
async def test_a_failed_page_can_be_asked_for_again(kind: str) -> None:
    """An error in the middle loses nothing."""
    failures = [ConnectionResetError()]

    async def fetch(token: Any) -> Any:
        if token == "1" and failures:
            raise failures.pop()
        return {None: "1", "1": None}[token]

    pages = Pages(fetch, **{kind: itself})
    assert "1" == await anext(pages)
    with pytest.raises(ConnectionResetError):
        await anext(pages)
    assert "1" == pages.position
    assert await anext(pages) is None
    with pytest.raises(StopAsyncIteration):
        await anext(pages)


async def test_a_cancelled_page_is_asked_for_again() -> None:
    """Nothing counts before it is there."""
    waits = [anyio.sleep_forever]
    fetch, asked = sliced("abc", 2)

    async def slow(offset: int) -> Any:
        page = await fetch(offset)
        if offset and waits:
            await waits.pop()()
        return page

    pages = Pages(slow, offset=len)
    assert "ab" == await anext(pages)
    with anyio.CancelScope() as scope:
        scope.cancel()
        await anext(pages)
    assert ["c", ""] == [page async for page in pages]
    assert [0, 2, 2, 3] == asked


@pytest.mark.parametrize("read", [0, 1, 2, 3])
async def test_a_listing_goes_on_where_another_stopped(read: int) -> None:
    """With tokens, links and offsets alike: no page is missed and none comes twice."""
    chain = {None: "a", "a": "b", "b": ""}
    for kind in ("next_token", "next_link"):
        fetch, _ = scripted(chain)
        first = Pages(fetch, **{kind: itself})
        pages = [await anext(first) for _ in range(min(read, 2))]
        pages += [page async for page in Pages(fetch, **{kind: itself}, start=first.position)]
        assert ["a", "b", ""] == pages

    fetch, asked = sliced("abcde", 2)
    counted = Pages(fetch, offset=len)
    pages = [await anext(counted) for _ in range(read)]
    pages += [page async for page in Pages(fetch, offset=len, start=counted.position)]
    assert "abcde" == "".join(pages)
    assert [0, 2, 4, 5] == asked


async def test_after_the_end_the_position_is_that_of_the_last_page() -> None:
    """What a listing gained since is found without reading it all again."""
    fetch, _ = scripted({None: "a", "a": None})
    tokens = Pages(fetch, next_token=itself)
    _ = [page async for page in tokens]
    assert "a" == tokens.position

    counted = Pages(sliced("abc", 2)[0], offset=len)
    _ = [page async for page in counted]
    assert 3 == counted.position
    assert ["d", ""] == [p async for p in Pages(sliced("abcd", 2)[0], offset=len, start=3)]


async def test_each_page_is_reported_once_it_is_there() -> None:
    """A page that failed is not."""
    counts: list[int] = []
    fetch, _ = scripted({None: "a", "a": "a"})
    pages = Pages(fetch, next_token=itself, on_page=counts.append)

    assert "a" == await anext(pages)
    with pytest.raises(FatalError):
        await anext(pages)
    assert [1] == counts


@pytest.mark.parametrize("kind", ["next_token", "offset"])
async def test_two_steps_at_once_skip_and_double_nothing(kind: str) -> None:
    """As with an async generator, the second one is a mistake of the caller."""

    async def fetch(position: Any) -> Any:
        await anyio.lowlevel.checkpoint()
        return "ab" if not position else ""

    pages = Pages(fetch, **{kind: len if kind == "offset" else itself})
    outcomes: list[Any] = []

    async def step() -> None:
        try:
            outcomes.append(await anext(pages))
        except RuntimeError as exc:
            outcomes.append(type(exc))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(step)
        tasks.start_soon(step)

    assert ["ab", RuntimeError] == outcomes
    assert [""] == [page async for page in pages]


async def test_a_listing_is_read_by_one_way_and_has_a_page_at_least() -> None:
    """Mistakes show when the listing is made."""
    fetch, asked = scripted({})
    ways: list[dict[str, Any]] = [
        {},
        {"next_token": str, "next_link": str},
        {"next_token": str, "offset": len},
        {"next_link": str, "offset": len},
    ]
    for way in ways:
        with pytest.raises(TypeError, match="exactly one"):
            Pages(fetch, **way)
    with pytest.raises(ValueError, match="max_pages"):
        Pages(fetch, next_token=str, max_pages=0)

    assert [] == asked
