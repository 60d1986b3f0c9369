"""Files one after the other: fetched ahead, removed behind, and nothing left when it fails."""

from itertools import pairwise

import anyio
import pytest
from anyio.lowlevel import checkpoint

from ogfd.plugin.tabular import fetch_ahead

NAMES = ["a", "b", "c", "d"]


class Disk:
    """Fetches and takes files, and remembers the order."""

    def __init__(self, directory):
        self.directory = directory
        self.events = []
        self.most = 0
        self.fails_at = ""

    async def fetch(self, name):
        await self._step("fetch", name)
        path = self.directory / name
        path.write_text(name)
        self.most = max(self.most, len(list(self.directory.iterdir())))
        return path

    async def take(self, name, path):
        assert name == path.read_text()
        await anyio.wait_all_tasks_blocked()  # the next file comes as far as it may
        await self._step("take", name)

    async def _step(self, what, name):
        self.events.append((what, name))
        await checkpoint()
        if self.fails_at == f"{what} {name}":
            raise OSError(self.fails_at)

    def told(self, *facts):
        self.events.append(facts)


@pytest.fixture
def disk(tmp_path):
    return Disk(tmp_path)


async def test_the_next_file_comes_while_one_is_taken(disk):
    """Two are on disk at most, in the order of their names, and none in the end."""
    await fetch_ahead(NAMES, disk.fetch, disk.take, progress=disk.told)

    assert NAMES == [name for what, name, *_ in disk.events if what == "take"]
    assert [(done, 4, "files") for done in (1, 2, 3, 4)] == [
        event for event in disk.events if event[-1] == "files"
    ]
    for name, following in pairwise(NAMES):
        assert disk.events.index(("fetch", following)) < disk.events.index(("take", name))
    assert 2 == disk.most
    assert [] == list(disk.directory.iterdir())


@pytest.mark.parametrize("where", ["fetch a", "fetch c", "take a", "take c"])
async def test_a_failure_is_what_it_is_and_leaves_nothing(disk, where):
    """No group of errors, and no file on disk."""
    disk.fails_at = where
    with pytest.raises(OSError, match=where):
        await fetch_ahead(NAMES, disk.fetch, disk.take, progress=disk.told)

    assert [] == list(disk.directory.iterdir())


async def test_a_cancellation_leaves_nothing(disk):
    """Whatever is on disk then."""
    with anyio.CancelScope() as scope:

        async def take(name, path):
            await disk.take(name, path)
            if name == "b":
                scope.cancel()
                await checkpoint()

        await fetch_ahead(NAMES, disk.fetch, take, progress=disk.told)

    assert scope.cancelled_caught
    assert [] == list(disk.directory.iterdir())


async def test_no_files_are_no_work(disk):
    """An empty month has none."""
    await fetch_ahead([], disk.fetch, disk.take, progress=disk.told)

    assert [] == disk.events
