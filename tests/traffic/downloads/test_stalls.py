"""Downloads that come too slowly, or not at all."""

import time
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import anyio
import pytest
from traffic.downloads.pieces import CONTENT, source

from ogfd.plugin import (
    TransientError,
)
from ogfd.traffic import DownloadSettings
from ogfd.traffic.downloads import transfer


@pytest.fixture
def hasty() -> Any:
    """Limits on stalls that a test can wait for."""
    moment = timedelta(milliseconds=100)
    return DownloadSettings(
        open_timeout=moment, stall_timeout=moment, window=moment, least_rate=1000
    )


async def test_a_transfer_that_stalls_is_broken_off(make_traffic: Any, hasty: Any) -> None:
    """While opening and while reading; it then goes on where it was."""
    offsets = []

    @asynccontextmanager
    async def open_at(offset: Any) -> Any:
        offsets.append(offset)
        if len(offsets) == 1:
            await anyio.sleep_forever()

        async def chunks() -> Any:
            yield CONTENT[offset : offset + 100]
            if len(offsets) == 2:
                await anyio.sleep_forever()
            yield CONTENT[offset + 100 :]

        yield chunks()

    async with make_traffic(download=hasty) as traffic:
        path = await traffic.download("s3:Get", open_at, size=len(CONTENT))
        assert CONTENT == path.read_bytes()

    assert [0, 0, 100] == offsets


async def test_a_slow_disk_is_no_stall(make_traffic: Any, hasty: Any, monkeypatch: Any) -> None:
    """Only the time spent waiting for the provider counts."""
    append = transfer._append

    def slow(*args: Any) -> None:
        time.sleep(0.15)
        append(*args)

    monkeypatch.setattr(transfer, "_append", slow)
    open_at, offsets = source([None])
    async with make_traffic(download=hasty) as traffic:
        path = await traffic.download("s3:Get", open_at, size=len(CONTENT))
        assert CONTENT == path.read_bytes()
    assert [0] == offsets


async def test_a_transfer_that_drips_is_broken_off(make_traffic: Any, hasty: Any) -> None:
    """A byte now and then never stalls, and would never end."""

    @asynccontextmanager
    async def open_at(offset: Any) -> Any:
        async def chunks() -> Any:
            while True:
                await anyio.sleep(0.02)
                yield b"x"

        yield chunks()

    async with make_traffic(download=hasty) as traffic:
        with pytest.raises(TransientError, match=r"only \d bytes came in 0 s"):
            await traffic.download("s3:Get", open_at, size=1000)
