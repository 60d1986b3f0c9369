"""What every test shares."""

import pytest


@pytest.fixture
def anyio_backend() -> str:
    """Run async tests on asyncio: aiohttp and aiobotocore know no other loop."""
    return "asyncio"
