"""A file that is parsed beside the pipeline: what ends one side ends the other, in order."""

import threading

import anyio
import pyarrow as pa
import pytest

from ogfd.plugin import FatalError, SourceChanged, TransientError
from ogfd.plugin.tabular import Mapped, Selection, feed, fetch_ahead

ROWS = 100_000  # several batches


class Site:
    """A file and an output that a test has fail; *parsing* tells whether a thread is at it."""

    def __init__(self, path):
        self.path = path
        self.path.write_text("a\n" + "1\n" * ROWS)
        self.parsed, self.taken, self.closed = 0, 0, None
        self.parsing = False
        self.let_go = threading.Event()
        self.let_go.set()
        self.entered = anyio.Event()
        self.in_map = self.in_write = None

    def choose(self, headers, _name):
        return Selection(headers=tuple(headers), places={"a": 0})

    def map(self, table, _selection, _name, _first):
        self.parsing = True
        self.parsed += 1
        self.let_go.wait(5)
        self.parsing = False
        if self.in_map is not None and self.parsed > 1:
            raise self.in_map
        batch = pa.RecordBatch.from_pydict({"sku": pa.nulls(table.num_rows, pa.string())})
        return Mapped(batch=batch, source_rows=table.num_rows)

    async def write(self, batch, source_rows):
        self.taken += source_rows
        self.entered.set()
        await anyio.sleep(0.01)
        if self.in_write is not None:
            raise self.in_write

    async def feed(self):
        await feed(self.path, "bill.csv", self, choose=self.choose, map=self.map, plain=True)


@pytest.fixture
def site(tmp_path, monkeypatch):
    made = Site(tmp_path / "bill.csv")

    def close(reader):
        made.closed = not made.parsing
        reader._tables.close()

    monkeypatch.setattr("ogfd.plugin.tabular.reader.FileReader.close", close)
    return made


async def test_all_rows_arrive(site):
    """In batches, the last one included."""
    await site.feed()

    assert (ROWS, True) == (site.taken, site.closed)


async def test_an_error_of_the_pipeline_leaves_as_it_is(site):
    """Not in a bundle with the parser's that nobody takes its rows."""
    site.in_write = FatalError("no such column")
    with pytest.raises(FatalError, match="no such column"):
        await site.feed()

    assert site.closed


async def test_an_error_of_the_parser_leaves_as_it_is(site):
    """After what came before it was taken or not."""
    site.in_map = TransientError("cut")
    with pytest.raises(TransientError, match="cut"):
        await site.feed()

    assert site.closed


async def test_of_two_errors_one_leaves(site):
    """Never a bundle, which nobody expects."""
    site.in_write, site.in_map = KeyError("defect"), SourceChanged("replaced")
    with pytest.raises((KeyError, SourceChanged)):
        await site.feed()

    assert site.closed


async def test_a_file_is_closed_when_its_parser_is_done_with_it(site):
    """Whoever is cancelled waits for the thread: it would read from a closed file, or crash."""
    site.let_go.clear()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(site.feed)
        with anyio.fail_after(5):
            while not site.parsing:
                await anyio.sleep(0.001)
        tasks.cancel_scope.cancel()
        site.let_go.set()

    assert (0, True) == (site.taken, site.closed)


async def test_a_cancelled_reader_leaves_no_file(tmp_path):
    """Neither the one that is read nor the one that waits; and cancelled it stays."""
    fetched = anyio.Event()

    async def fetch(name):
        path = tmp_path / name
        path.write_text(name)
        if name == "b":
            fetched.set()
        return path

    async def take(_name, _path):
        await anyio.sleep_forever()

    async with anyio.create_task_group() as tasks:

        async def read():
            await fetch_ahead(["a", "b", "c"], fetch, take, progress=lambda *_: None)

        tasks.start_soon(read)
        await fetched.wait()
        await anyio.wait_all_tasks_blocked()
        tasks.cancel_scope.cancel()

    assert [] == list(tmp_path.iterdir())
