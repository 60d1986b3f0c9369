"""What the unit tests of the HTTP client share: a mocked answer, and tokens that run out."""

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import aiohttp
import aioresponses
import anyio

HOST = "https://api.example"
NOW = datetime(2026, 10, 1, tzinfo=UTC)


class MockedResponse(aiohttp.ClientResponse):
    """aiohttp 3.14 wants a stream writer, which aioresponses 0.7 does not know of."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("stream_writer", SimpleNamespace(output_size=0))
        super().__init__(*args, **kwargs)


class Token:
    """An auth that can drop its token; the mock sees which one it was."""

    def __init__(self) -> None:
        self.number = 1

    async def __call__(self) -> Any:
        return {"Authorization": f"Bearer {self.number}"}

    async def refresh(self) -> None:
        await anyio.lowlevel.checkpoint()
        self.number += 1


def wants(token: int, payload: Any = None) -> Any:
    """Answers who comes with *token*, and 401 to anybody else."""

    def respond(url: Any, headers: Any, **_: Any) -> Any:
        fresh = headers.get("Authorization") == f"Bearer {token}"
        return aioresponses.CallbackResult(status=200 if fresh else 401, payload=payload or {})

    return respond
