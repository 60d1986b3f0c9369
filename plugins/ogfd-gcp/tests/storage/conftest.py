"""One loop for the tests of a module that talk over gRPC."""

from collections.abc import AsyncIterator

import anyio
import pytest


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    """As for all tests, but a loop may last for a module."""
    return "asyncio"


@pytest.fixture(scope="module")
async def lasting() -> AsyncIterator[None]:
    """
    Keep the loop until gRPC has told it all.

    Of a call that was cancelled it may have something to say when the test is over; it has one
    queue for all loops, and whichever is next would stumble over it.
    """
    yield
    await anyio.sleep(0.1)
