"""An object that comes in pieces, as a test plans it."""

from contextlib import asynccontextmanager
from typing import Any

CONTENT = bytes(range(256)) * 12 * 1024  # 3 MiB


def source(*plans: Any, content: Any = CONTENT) -> Any:
    """
    Return an open_at that serves one plan after the other, and the offsets it was asked for.

    A plan is a list of steps: a number of bytes to serve, or an exception to raise; None means
    all the rest.
    """
    offsets: list[int] = []

    @asynccontextmanager
    async def open_at(offset: Any) -> Any:
        plan = plans[min(len(offsets), len(plans) - 1)]
        offsets.append(offset)
        if isinstance(plan, Exception):
            raise plan

        async def chunks() -> Any:
            at = offset
            for step in plan:
                if isinstance(step, Exception):
                    raise step
                end = len(content) if step is None else at + step
                while at < end:
                    yield content[at : min(at + 64 * 1024, end)]
                    at = min(at + 64 * 1024, end)

        yield chunks()

    return open_at, offsets
