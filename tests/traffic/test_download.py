"""Downloads: whole or not at all."""

import os
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import aiohttp
import anyio
import pytest

from ogfd.plugin import (
    BadRequestError,
    FatalError,
    NotFoundError,
    Parked,
    SourceChanged,
    Throttled,
    TransientError,
)
from ogfd.traffic import DownloadSettings, Spool

MIB = 1 << 20
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


async def test_the_spool_keeps_its_quota(make_traffic: Any, spool: Any, recorder: Any) -> None:
    """Room is reserved before the first byte; a file that is unlinked gives it back."""
    open_at, _ = source([None])
    async with make_traffic() as traffic:
        paths = [await traffic.download("s3:Get", open_at, size=len(CONTENT)) for _ in range(3)]
        assert 9 * MIB == await spool.used_bytes()
        with pytest.raises(TransientError, match="is full: x takes 3145728 bytes") as raised:
            await traffic.download("s3:Get", open_at, size=len(CONTENT), name="x")
        assert str(spool.directory) in str(raised.value)
        assert ("s3:Get", 3) == (raised.value.operation, len(recorder.attempts))
        with pytest.raises(FatalError, match="spool_quota"):
            await traffic.download("s3:Get", open_at, size=11 * MIB)

        paths[0].unlink()
        await traffic.download("s3:Get", open_at, size=len(CONTENT))
    assert 0 == await spool.used_bytes()


async def test_downloads_at_the_same_time_do_not_overbook_the_spool(
    make_traffic: Any, spool: Any
) -> None:
    """What is reserved counts before it is written."""
    began = anyio.Event()

    @asynccontextmanager
    async def open_at(offset: Any) -> Any:
        began.set()
        await anyio.sleep_forever()
        yield

    open_other, _ = source([None])
    async with make_traffic() as traffic, anyio.create_task_group() as group:

        async def first() -> Any:
            await traffic.download("s3:Get", open_at, size=8 * MIB)

        group.start_soon(first)
        await began.wait()
        with pytest.raises(TransientError, match="full"):
            await traffic.download("s3:Get", open_other, size=len(CONTENT))
        group.cancel_scope.cancel()


async def test_an_object_of_unknown_length_stays_within_the_quota(
    make_traffic: Any, tmp_path: Any, recorder: Any
) -> None:
    """It takes more room as it grows, and ends when there is none; that is not tried again."""
    spool = Spool(tmp_path / "small", 2 * MIB)
    open_at, offsets = source([None])
    async with make_traffic(own_spool=spool) as traffic:
        with pytest.raises(FatalError, match="more than the spool") as raised:
            await traffic.download("s3:Get", open_at)
        assert [] == files(spool)
    assert ([0], 1, "s3:Get") == (offsets, raised.value.attempts, raised.value.operation)

    big = Spool(tmp_path / "big", 64 * MIB)
    content = bytes(20 * MIB)
    open_at, _ = source([None], content=content)
    async with make_traffic(own_spool=big) as traffic:
        assert content == (await traffic.download("s3:Get", open_at)).read_bytes()
        assert 20 * MIB == await big.used_bytes()


class FullDisk(Spool):
    """Hands out files that are /dev/full in truth: each write fails with ENOSPC."""

    def _make(self) -> Path:
        self.directory.mkdir(exist_ok=True)
        path = self.directory / "spool-full"
        Path(path).symlink_to("/dev/full")
        return path


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs Linux's /dev/full")
async def test_a_full_disk_is_named_and_not_tried_again(make_traffic: Any, tmp_path: Any) -> None:
    """Trying at once would not help; the slice is tried later."""
    spool = FullDisk(tmp_path / "spool", 10 * MIB)
    open_at, offsets = source([None])
    async with make_traffic(own_spool=spool) as traffic:
        with pytest.raises(TransientError, match=r"the disk under .*spool is full") as raised:
            await traffic.download("s3:Get", open_at, size=len(CONTENT))
        assert [] == files(spool)

    assert ([0], 1) == (offsets, raised.value.attempts)
    assert isinstance(raised.value.__cause__, OSError)


async def test_a_directory_that_cannot_be_used_is_fatal(make_traffic: Any, tmp_path: Any) -> None:
    """The message names it."""
    (tmp_path / "file").touch()
    open_at, offsets = source([None])
    async with make_traffic(own_spool=Spool(tmp_path / "file" / "spool", MIB)) as traffic:
        with pytest.raises(FatalError, match="file/spool cannot be used"):
            await traffic.download("s3:Get", open_at, size=10)
    assert [] == offsets


async def test_a_slice_takes_its_files_with_it(make_traffic: Any, spool: Any) -> None:
    """Also those of its tasks; those of other slices stay."""
    open_at, _ = source([None], content=b"abc")
    async with make_traffic() as traffic:
        other = await traffic.download("s3:Get", open_at)
        async with spool.slice():
            async with anyio.create_task_group() as group:
                group.start_soon(traffic.download, "s3:Get", open_at)
            early = await traffic.download("s3:Get", open_at)
            early.unlink()
            assert 2 == len(files(spool))
        assert [other] == files(spool)


def test_a_sweep_removes_what_a_dead_process_left(tmp_path: Any) -> None:
    """And nothing that is not the spool's."""
    spool = Spool(tmp_path, MIB)
    for name in ("spool-a", "spool-b", "other"):
        (tmp_path / name).write_bytes(b"x")

    assert 2 == spool.sweep()
    assert ["other"] == [path.name for path in tmp_path.iterdir()]
    assert 0 == Spool(tmp_path / "none", MIB).sweep()


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
