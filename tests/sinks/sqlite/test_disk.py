"""A disk that is full, and a commit whose outcome is not known."""

import subprocess

import adbc_driver_manager
import pytest

from ogfd.plugin import Committed, ErrorClass, SinkContext, SinkError
from ogfd.sinks.sqlite import SqliteConfig
from ogfd.sinks.sqlite.connection import Connection
from ogfd.sinks.sqlite.schema import migrate_file
from ogfd.sinks.sqlite.sink import open_file
from ogfd.testing import make_package
from ogfd.testing.samples import cost_rows
from ogfd.testing.subject import scanned


async def test_a_full_disk_leaves_the_old_rows_and_says_so(opened, config):
    """SQLITE_FULL ends the transaction itself; the sink reports it and takes the next commit."""
    old, new = make_package(cost_rows(50)), make_package(cost_rows(5000, sku="new"))
    async with opened() as sink:
        await sink.commit(old, 0, "a")
        sink._writer.query("PRAGMA max_page_count = 30")
        with pytest.raises(SinkError) as caught:
            await sink.commit(new, 1, "b")

        assert ErrorClass.TRANSIENT is caught.value.error_class
        assert f"{config.path}: the disk is full" in str(caught.value)
        assert "\n" not in str(caught.value)
        assert 50 == len(await scanned(sink, columns=["sku"]))
        assert 1 == (await sink.ledger())[old.info.slice].generation

        assert Committed(generation=2) == await sink.commit(new, 1, "b")
        assert 5000 == len(await scanned(sink, columns=["sku"]))


@pytest.mark.e2e
async def test_a_real_full_disk_leaves_the_old_rows(tmp_path, ctx: SinkContext):
    """The same on a file system that has no room left."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(disk)]
    subprocess.run(mount, check=True, capture_output=True)  # needs root, as all of make e2e
    config = SqliteConfig(path=disk / "ogfd.db")
    try:
        await migrate_file(config.path, 1)
        async with open_file(config.path, 1, ctx) as sink:
            await sink.commit(make_package(cost_rows(50)), 0, "a")
            for base in (1, 1):
                with pytest.raises(SinkError, match="the disk is full"):
                    await sink.commit(make_package(cost_rows(12_000)), base, "b")

                assert 50 == len(await scanned(sink, columns=["sku"]))
            assert Committed(generation=2) == await sink.commit(make_package(cost_rows(60)), 1, "c")
    finally:
        subprocess.run(["umount", str(disk)], check=True)


class _BadCommit(Connection):
    """A connection whose COMMIT reports an error, after it was done or instead of it."""

    done = True

    def query(self, sql, parameters=()):
        if sql != "COMMIT":
            return super().query(sql, parameters)
        if self.done:
            super().query(sql)
        raise adbc_driver_manager.OperationalError(
            "IO: disk I/O error", status_code=adbc_driver_manager.AdbcStatusCode.IO
        )


@pytest.mark.parametrize("done", [True, False])
async def test_an_error_of_commit_itself_is_settled_by_the_ledger(
    opened, config, monkeypatch, done
):
    """Whether COMMIT took place is read from the ledger, by the attempt."""
    package = make_package(cost_rows(3))
    async with opened() as sink:
        sink._writer = _BadCommit(config.path, 1)
        sink._writer.done = done
        if done:
            assert Committed(generation=1) == await sink.commit(package, 0, "a")
        else:
            with pytest.raises(SinkError, match="the disk reported an error"):
                await sink.commit(package, 0, "a")
            assert {} == await sink.ledger()
            assert Committed(generation=1) == await sink.commit(package, 0, "a")
