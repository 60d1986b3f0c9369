"""Pages of rows, as they come from a service that keeps its promises and from one that does not."""

import json
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from itertools import repeat
from types import SimpleNamespace

import anyio
import pyarrow as pa
import pytest
from ogfd_gcp.jobs import Finished
from ogfd_gcp.query import Query
from ogfd_gcp.rows import read_arrow, read_rows, read_slice

from ogfd.plugin import FatalError, NotFoundError, SourceChanged, TransientError
from ogfd.testing import FakeContext

JOB = Finished(
    job_id="j",
    location="US",
    started=datetime(2026, 11, 20, tzinfo=UTC),
    adopted=True,
    table=None,
)
GONE = NotFoundError("Not found: Table acme-finops:_a.anon")


def page(*cells, total=None, token=None, done=True):
    """Answer as BigQuery does: a row for each text."""
    answer = {"jobComplete": done, "rows": [{"f": [{"v": cell}]} for cell in cells]}
    if token is not None:
        answer["pageToken"] = token
    return json.dumps(answer | ({} if total is None else {"totalRows": str(total)})).encode()


class Scripted:
    """Answers each request for rows with the next of its pages; an error is raised."""

    storage = None

    def __init__(self, *pages):
        self.pages = list(pages)
        self.starts = []

    async def results(self, job_id, location, *, start, rows, take):
        self.starts.append(start)
        await anyio.lowlevel.checkpoint()
        answer = self.pages.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return take(answer)


async def read(session):
    found = []

    async def take(table, before):
        found.extend(table.column("x").to_pylist())

    rows = await read_rows(FakeContext(), session, JOB, ["x"], take)
    assert len(found) == rows
    return found


async def test_pages_follow_each_other_to_the_last_row():
    """Each from the row on that is missing, however many the one before had."""
    session = Scripted(page("a", "b", total=4, token="2"), page("c", total=4, token="3"),
                       page("d", total=4))  # fmt: skip

    assert ["a", "b", "c", "d"] == await read(session)
    assert [0, 2, 3] == session.starts


async def test_equal_rows_on_pages_of_their_own_are_rows():
    """Only the token tells them apart."""
    session = Scripted(page("a", total=3, token="1"), page("a", total=3, token="2"),
                       page("a", total=3))  # fmt: skip

    assert ["a", "a", "a"] == await read(session)


@pytest.mark.parametrize(
    ("pages", "kind", "told"),
    [
        ([page("a", total=2), page(total=2)], TransientError, "has 2 rows, 1 came"),
        ([page("a", "b", total=3), page("c", "d", total=3)], TransientError, "3 rows, 4 came"),
        ([page("a", total=2), page("b", total=3)], TransientError, "had 2 rows, and has 3"),
        ([page("a", total=2, token="1")] * 2, FatalError, "from 1 on are a page that came before"),
        ([page(total=0, done=False)], TransientError, "does not say how many"),
        ([page("a")], TransientError, "does not say how many"),
        ([page("a", total=1)[:-3]], TransientError, "is no page of rows"),
        ([b"[]"], TransientError, "is no page of rows"),
        ([page("a", total=2, token="1"), GONE], TransientError, "were gone after 1"),
        ([GONE], NotFoundError, "anon"),
    ],
    ids=["too few", "too many", "another total", "one page for ever", "still running", "no total",
         "cut", "something else", "expired between pages", "expired"],
)  # fmt: skip
async def test_no_other_rows_pass_for_those_of_the_job(pages, kind, told):
    """Neither fewer, nor more, nor some of them twice."""
    with pytest.raises(kind, match=told):
        await read(Scripted(*pages))


class Streamed(Scripted):
    """Has a job of so many rows, and a stream of some tables."""

    def __init__(self, total, *tables):
        super().__init__(page(total=total))
        self.storage = self
        self.tables = iter(tables)

    @asynccontextmanager
    async def reading(self, table, names):
        yield SimpleNamespace(page=self.page)

    async def page(self):
        await anyio.lowlevel.checkpoint()
        return next(self.tables, None)


async def stream(session):
    """Read a stream; return where each part began, and how many rows it had."""
    found = []

    async def take(table, before):
        found.append((before, table.num_rows))

    job = replace(JOB, table="projects/p/datasets/d/tables/t")
    await read_arrow(FakeContext(), session, job, ["x"], take)
    return found


async def test_a_message_of_many_rows_is_mapped_in_parts(monkeypatch):
    """So that memory does not grow with it."""
    monkeypatch.setattr("ogfd_gcp.rows._MAPPED_ROWS", 2)
    five, one = pa.table({"x": list("abcde")}), pa.table({"x": ["f"]})

    assert [(0, 2), (2, 2), (4, 1), (5, 1)] == await stream(Streamed(6, five, one))


@pytest.mark.parametrize("total", [3, 7])
async def test_a_stream_of_other_rows_than_the_job_has_is_not_believed(total):
    """Nor read for ever, if it goes on."""
    two = pa.table({"x": ["a", "b"]})
    session = Streamed(total, *[two] * 3, *([None] if total > 6 else repeat(two, 9)))

    with pytest.raises(TransientError, match=f"has {total} rows, {6 if total > 6 else 4} came"):
        await stream(session)


async def test_rows_of_other_columns_are_refused():
    """By their number; names do not come with rows."""
    answer = {"jobComplete": True, "totalRows": "1", "rows": [{"f": [{"v": "a"}, {"v": "b"}]}]}

    with pytest.raises(FatalError, match="has not the 1 columns"):
        await read(Scripted(json.dumps(answer).encode()))


class Jobs:
    """Has one job for every question."""

    async def run(self, query, **_):
        return JOB


async def test_a_slice_that_was_listed_is_never_replaced_by_nothing():
    """As when its partition expires after the listing, which BigQuery calls no change."""

    async def nothing(*_):
        await anyio.lowlevel.checkpoint()

    with pytest.raises(SourceChanged, match="none of the rows"):
        await read_slice(
            FakeContext(), Scripted(page(total=0)), Jobs(), Query(purpose="x", sql="SELECT 1"),
            names=["x"], take=nothing, location="US", identity=("a",), since=None, check=nothing,
        )  # fmt: skip
