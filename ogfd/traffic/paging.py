"""Paged answers, read to their end or not at all."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, Generic, Self, TypeVar

from yarl import URL

from ogfd.plugin import FatalError, Position

T = TypeVar("T")


class Pages(AsyncIterator[T], Generic[T]):
    """
    Iterates over the pages of a listing, each fetched when it is asked for.

    A fetch that failed or was cancelled may be tried again: the next step asks for the same page.
    Exactly one of *next_token*, *next_link* and *offset* tells how one page leads to the next.

    Args:
        first: fetches the page at a `Position`.
        next_token: the token in a page; None or empty at the end.
        next_link: the URL in a page; None or empty at the end. It goes on byte for byte.
        offset: how many items a page has. The page that has none is the last; it is handed out
            and counts like the others.
        max_pages: how many pages there may be; at least 1.
        start: where to go on with a listing: a `position` of an earlier one.
        check: raises ValueError for a link that must not be followed, as `Pins.check` does; asked
            before the link is. None lets all pass.
        on_page: gets the number of pages so far, after each.

    Raises:
        FatalError: if *start* is a link that must not be followed.
        TypeError: if none or several ways to the next page are given.
        ValueError: if *max_pages* is less than 1.
    """

    def __init__(
        self,
        first: Callable[[Any], Awaitable[T]],
        *,
        next_token: Callable[[T], str | None] | None = None,
        next_link: Callable[[T], str | None] | None = None,
        offset: Callable[[T], int] | None = None,
        max_pages: int = 1000,
        start: Position = None,
        check: Callable[[str], object] | None = None,
        on_page: Callable[[int], None] | None = None,
    ) -> None:
        if [next_token, next_link, offset].count(None) != 2:
            raise TypeError("give exactly one of next_token, next_link and offset")
        if max_pages < 1:
            raise ValueError(f"max_pages is {max_pages}; it must be at least 1")
        self._fetch = first
        self._max_pages = max_pages
        self._check = check
        self._on_page = on_page
        self._position: Position = start or None
        self._seen: set[str] = set()
        self._count = 0
        self._done = False
        self._following: Callable[[T], Position]
        begun = start if isinstance(start, str) else None
        if next_token is not None:
            self._unseen(begun)
            self._following = lambda page: self._unseen(next_token(page))
        elif next_link is not None:
            self._allowed(begun)
            self._following = lambda page: self._allowed(next_link(page))
        elif offset is not None:
            self._position = start or 0
            self._following = lambda page: self._behind(offset(page))

    @property
    def position(self) -> Position:
        """
        Return where the next step will ask: the *start* of a listing that goes on from here.

        After the end it is the position of the last page, so that a listing which has grown since
        goes on with what was added: behind an offset, or with the last page again.
        """
        return self._position

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> T:
        """
        Return the next page.

        Raises:
            StopAsyncIteration: after the last page.
            FatalError: if a token or link came twice, a link must not be followed, a page has
                less than no items, or after *max_pages* pages if there are more.
            RuntimeError: if another task made a step in the meantime.
        """
        if self._done:
            raise StopAsyncIteration
        if self._count >= self._max_pages:
            raise FatalError(
                f"a listing has more than {self._max_pages} pages",
                hint="ask for less at once, or raise max_pages if that many are to be expected",
            )
        before = self._count
        page = await self._fetch(self._position)
        if self._count != before:
            raise RuntimeError("two tasks read one listing at the same time")
        following = self._following(page)
        self._count += 1
        if following is None:
            self._done = True
        else:
            self._position = following
        if self._on_page is not None:
            self._on_page(self._count)
        return page

    def _unseen(self, token: str | None) -> str | None:
        if not token:
            return None
        if token in self._seen:
            raise FatalError(
                f"a listing goes in a circle: page {self._count + 1} names a page that was read "
                "before"
            )
        self._seen.add(token)
        return token

    def _allowed(self, link: str | None) -> str | None:
        if link and self._check is not None:
            try:
                self._check(link)
            except ValueError:
                # No more than the host: the link may be signed, and the cause may quote it.
                raise FatalError(
                    f"a listing goes on at {_host(link)}, where this connector's requests may not go",
                    hint="only https to its allowed hosts, or an endpoint that the config names",
                ) from None
        return self._unseen(link)

    def _behind(self, items: int) -> int | None:
        if items < 0:
            raise FatalError(f"page {self._count + 1} of a listing says it has {items} items")
        return int(self._position or 0) + items if items else None


def _host(link: str) -> str:
    try:
        return URL(link).host or "no host"
    except ValueError:
        return "no URL"
