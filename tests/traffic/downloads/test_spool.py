"""Room on local disk: quota, full disks, and what is left behind."""

from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest
from traffic.downloads.pieces import CONTENT, source

from ogfd.plugin import FatalError, TransientError
from ogfd.traffic import Spool

MIB = 1 << 20


def files(spool: Any) -> Any:
    return sorted(spool.directory.iterdir()) if spool.directory.exists() else []


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
