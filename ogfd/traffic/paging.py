"""Paged answers, read to their end or not at all."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Generic, Self, TypeVar

from ogfd.plugin import FatalError

T = TypeVar("T")


class Pages(AsyncIterator[T], Generic[T]):
    """
    Iterates over the pages of a listing, each fetched when it is asked for.

    A fetch that failed or was cancelled may be tried again: the next step asks for the same page.

    Args:
        first: fetches a page; called with None, then with each token or link as it came.
        next_token: the token or link in a page; None or empty at the end.
        max_pages: how many pages there may be; at least 1.

    Raises:
        ValueError: if *max_pages* is less than 1.
    """

    def __init__(
        self,
        first: Callable[[str | None], Awaitable[T]],
        *,
        next_token: Callable[[T], str | None],
        max_pages: int = 1000,
    ) -> None:
        if max_pages < 1:
            raise ValueError(f"max_pages is {max_pages}; it must be at least 1")
        self._fetch = first
        self._next_token = next_token
        self._max_pages = max_pages
        self._seen: set[str] = set()
        self._token: str | None = None
        self._count = 0
        self._done = False

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> T:
        """
        Return the next page.

        Raises:
            StopAsyncIteration: after the last page.
            FatalError: if a token came twice, or after *max_pages* pages if there are more.
        """
        if self._done:
            raise StopAsyncIteration
        if self._count >= self._max_pages:
            raise FatalError(
                f"a listing has more than {self._max_pages} pages",
                hint="ask for less at once, or raise max_pages if that many are to be expected",
            )
        page = await self._fetch(self._token)
        self._advance(self._next_token(page))
        return page

    def _advance(self, token: str | None) -> None:
        self._count += 1
        if not token:
            self._done = True
            return
        if token in self._seen:
            raise FatalError(
                f"a listing goes in a circle: page {self._count} names a page that was read before"
            )
        self._seen.add(token)
        self._token = token
