"""Downloads: whole or not at all."""

import hashlib
import os
import threading
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import aiohttp
import anyio
import pytest
from traffic.downloads.pieces import CONTENT, source

from ogfd.plugin import (
    BadRequestError,
    FatalError,
    NotFoundError,
    Parked,
    SourceChanged,
    Throttled,
    TransientError,
)
from ogfd.traffic import Attempt, Downloader
from ogfd.traffic.downloads.digest import Digest

MIB = 1 << 20


def files(spool: Any) -> Any:
    return sorted(spool.directory.iterdir()) if spool.directory.exists() else []


async def test_an_object_becomes_a_file_with_a_name_of_our_own(
    make_traffic: Any, spool: Any
) -> None:
    """The provider's name is for messages only; the file is private and gone at the end."""
    open_at, offsets = source([None])
    async with make_traffic() as traffic:
        path = await traffic.download("s3:Get", open_at, size=len(CONTENT), name="../../etc/passwd")

        assert CONTENT == path.read_bytes()
        assert spool.directory == path.parent
        assert "passwd" not in path.name
        assert 0o600 == path.stat().st_mode & 0o777
        assert 0o700 == spool.directory.stat().st_mode & 0o777
        assert [0] == offsets
    assert [] == files(spool)


@pytest.mark.parametrize("size", [len(CONTENT), None])
async def test_a_broken_transfer_goes_on_at_the_byte_it_broke_off(
    make_traffic: Any, recorder: Any, size: Any
) -> None:
    """Also inside of what was not written yet."""
    breaks = [ConnectionResetError(), aiohttp.ClientPayloadError(), TimeoutError()]
    open_at, offsets = source([MIB + 17, breaks[0]], [5, breaks[1]], [breaks[2]], [None])
    async with make_traffic() as traffic:
        path = await traffic.download("s3:Get", open_at, size=size)
        assert CONTENT == path.read_bytes()

    assert [0, MIB + 17, MIB + 22, MIB + 22] == offsets
    assert ["transient"] * 3 + ["ok"] == recorder.results


async def test_progress_gives_a_long_transfer_more_attempts(
    make_traffic: Any, recorder: Any
) -> None:
    """A transfer that brings a mebibyte each time may break more than three times."""
    content = bytes(8 * MIB)
    open_at, offsets = source(*[[MIB, ConnectionResetError()]] * 7, [None], content=content)
    async with make_traffic() as traffic:
        assert content == (await traffic.download("s3:Get", open_at, size=8 * MIB)).read_bytes()

    assert 8 == len(offsets)


async def test_a_transfer_without_progress_fails_after_four_attempts(
    make_traffic: Any, spool: Any
) -> None:
    """The file is removed."""
    open_at, offsets = source([1000, ConnectionResetError()])
    async with make_traffic() as traffic:
        with pytest.raises(TransientError) as raised:
            await traffic.download("s3:Get", open_at, size=len(CONTENT))
        assert [] == files(spool)
        assert 0 == await spool.used_bytes()

    assert ([0, 1000, 2000, 3000], "s3:Get", 4) == (
        offsets,
        raised.value.operation,
        raised.value.attempts,
    )


async def test_a_short_object_is_asked_for_the_rest_and_then_an_error(
    make_traffic: Any, spool: Any
) -> None:
    """An end before the expected length is a cut, however clean it looks."""
    open_at, offsets = source([1000], [])
    async with make_traffic() as traffic:
        with pytest.raises(TransientError, match=r"big\.csv ended after 1000 of 3145728 bytes"):
            await traffic.download("s3:Get", open_at, size=len(CONTENT), name="big.csv")
        assert [] == files(spool)

    assert [0, 1000, 1000, 1000] == offsets


async def test_a_long_object_is_an_error_at_once(make_traffic: Any, spool: Any) -> None:
    """It is not the object that was listed."""
    open_at, offsets = source([None])
    async with make_traffic() as traffic:
        with pytest.raises(FatalError, match="longer than the 1000 bytes"):
            await traffic.download("s3:Get", open_at, size=1000)
        assert [] == files(spool)

    assert [0] == offsets


async def test_a_complete_object_that_fails_in_the_end_starts_over(make_traffic: Any) -> None:
    """A checksum that does not fit is found at the end: what came is worth nothing."""
    open_at, offsets = source([len(CONTENT), ConnectionResetError("checksum")], [None])
    async with make_traffic() as traffic:
        path = await traffic.download("s3:Get", open_at, size=len(CONTENT))
        assert CONTENT == path.read_bytes()
    assert [0, 0] == offsets

    open_at, offsets = source([len(CONTENT), ConnectionResetError("checksum")])
    async with make_traffic() as traffic:
        with pytest.raises(TransientError):
            await traffic.download("s3:Get", open_at, size=len(CONTENT))
    assert [0] * 4 == offsets


async def test_an_object_that_breaks_and_fails_in_turn_comes_to_an_end(make_traffic: Any) -> None:
    """What is thrown away in the end is no progress, however much it was."""
    broken, wrong = ConnectionResetError("middle"), ConnectionResetError("checksum")
    open_at, offsets = source(*[[2 * MIB, broken], [MIB, wrong]] * 9)
    async with make_traffic() as traffic:
        with pytest.raises(TransientError):
            await traffic.download("s3:Get", open_at, size=len(CONTENT))
    assert [0, 2 * MIB, 0, 2 * MIB] == offsets


@pytest.mark.parametrize(
    "plans",
    [
        [[None]],
        [[MIB + 17, ConnectionResetError()], [5, ConnectionResetError()], [None]],
        [[len(CONTENT), ConnectionResetError("complete")], [None]],
    ],
    ids=["whole", "in-parts", "again"],
)
async def test_the_digest_is_that_of_the_bytes_in_the_file(
    make_traffic: Any, spool: Any, plans: Any
) -> None:
    """However they came; a file with another one is removed, and not asked for again."""
    right = f"sha256:{hashlib.sha256(CONTENT).hexdigest()}"
    open_at, offsets = source(*plans)
    async with make_traffic() as traffic:
        await traffic.download("s3:Get", open_at, size=len(CONTENT), digest=right)
    asked = list(offsets)

    wrong = right[:-4] + ("0000" if right[-4:] != "0000" else "1111")
    open_at, offsets = source(*plans)
    async with make_traffic() as traffic:
        with pytest.raises(FatalError, match=r"big\.csv has the digest") as raised:
            await traffic.download(
                "s3:Get", open_at, size=len(CONTENT), digest=wrong, name="big.csv"
            )
        assert [] == files(spool)
    assert right in str(raised.value)
    assert wrong in str(raised.value)
    assert ("s3:Get", asked) == (raised.value.operation, offsets)


async def test_hashing_does_not_hold_up_the_loop(make_traffic: Any, monkeypatch: Any) -> None:
    """It is done where the bytes are written, a mebibyte at a time."""
    threads, add = [], Digest.add

    def recorded(self: Any, chunk: Any) -> None:
        threads.append(threading.get_ident())
        add(self, chunk)

    monkeypatch.setattr(Digest, "add", recorded)
    open_at, _ = source([None])
    async with make_traffic() as traffic:
        digest = f"md5:{hashlib.md5(CONTENT).hexdigest()}"
        await traffic.download("s3:Get", open_at, digest=digest)

    assert threads
    assert threading.get_ident() not in threads


async def test_a_malformed_digest_is_refused_before_anything_is_asked(
    make_traffic: Any, spool: Any, recorder: Any
) -> None:
    """It is a mistake of the caller; neither a token nor room is taken."""
    open_at, offsets = source([None])
    async with make_traffic() as traffic:
        for digest in ("md5:abc", "nonsense:00", "0" * 32):
            with pytest.raises(ValueError, match=r"hashlib knows|hex digits"):
                await traffic.download("s3:Get", open_at, digest=digest)

    assert [] == offsets == recorder.attempts == files(spool)


@pytest.mark.parametrize("size", [0, None])
async def test_an_empty_object_is_an_empty_file(make_traffic: Any, size: Any) -> None:
    """Nothing to read is no error."""
    open_at, _ = source([])
    async with make_traffic() as traffic:
        assert b"" == (await traffic.download("s3:Get", open_at, size=size)).read_bytes()


@pytest.mark.parametrize(
    "failure",
    [SourceChanged("412"), NotFoundError("gone"), TypeError("bug"), BadRequestError("416")],
    ids=lambda failure: type(failure).__name__,
)
async def test_what_open_at_decides_is_final(make_traffic: Any, spool: Any, failure: Any) -> None:
    """Another version must never be mixed in."""
    open_at, offsets = source([MIB, ConnectionResetError()], failure)
    async with make_traffic() as traffic:
        with pytest.raises(type(failure)):
            await traffic.download("s3:Get", open_at, size=len(CONTENT))
        assert [] == files(spool)

    assert [0, MIB] == offsets


async def test_a_long_wait_parks_a_download_too(make_traffic: Any, spool: Any) -> None:
    """And leaves no file."""
    open_at, _ = source(Throttled("slow down", retry_after=timedelta(minutes=5)))
    async with make_traffic() as traffic:
        with pytest.raises(Parked):
            await traffic.download("s3:Get", open_at)
        assert [] == files(spool)


async def test_a_cancelled_download_leaves_no_file(make_traffic: Any, spool: Any) -> None:
    """Nor its reservation."""

    @asynccontextmanager
    async def open_at(offset: Any) -> Any:
        async def chunks() -> Any:
            yield b"x"
            scope.cancel()
            await anyio.sleep_forever()

        yield chunks()

    async with make_traffic() as traffic:
        with anyio.CancelScope() as scope:
            await traffic.download("s3:Get", open_at)
        assert scope.cancelled_caught
        assert [] == files(spool)
        assert 0 == await spool.used_bytes()


async def test_an_object_that_is_open_is_served(spool: Any) -> None:
    """Whoever waits for a sign of life of the provider need not wait for hours of transfer."""
    events = []

    class Once:
        async def run(self, operation: Any, work: Any, **options: Any) -> Any:
            await work(Attempt(number=1, served=lambda: events.append("served")))

    @asynccontextmanager
    async def open_at(offset: Any) -> Any:
        async def chunks() -> Any:
            events.append("read")
            yield b"x"

        events.append("open")
        yield chunks()

    downloads: Any = Downloader(Once(), spool)  # type: ignore[arg-type]
    await downloads.fetch("s3:Get", open_at, lane=None)
    await downloads.aclose()

    assert ["open", "served", "read"] == events


async def test_an_http_download_is_resumed_on_a_real_socket(
    make_traffic: Any, raw_server: Any
) -> None:
    """A body that breaks off in the middle is asked for with a Range and put together."""
    content = os.urandom(300_000)

    async def serve(server: Any, writer: Any) -> Any:
        head = server.requests[-1]
        start = int(head.split(b"bytes=")[1].split(b"-")[0]) if b"bytes=" in head else 0
        part = content[start:]
        writer.write(b"HTTP/1.1 206 P\r\nContent-Length: %d\r\n\r\n" % len(part))
        writer.write(part[:100_000])
        await writer.drain()
        if len(part) > 100_000:
            writer.close()

    async with raw_server(serve) as server, aiohttp.ClientSession() as session:

        @asynccontextmanager
        async def open_at(offset: Any) -> Any:
            async with session.get(server.url, headers={"Range": f"bytes={offset}-"}) as answer:
                yield answer.content.iter_any()

        async with make_traffic() as traffic:
            path = await traffic.download("s3:Get", open_at, size=len(content))
            assert content == path.read_bytes()

    assert len(server.requests) >= 3
