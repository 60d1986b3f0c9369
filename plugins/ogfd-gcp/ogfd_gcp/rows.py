"""
The rows of a job as Arrow tables, column by column, without a loop over cells.

BigQuery answers ``{"totalRows": "2", "rows": [{"f": [{"v": "a"}, {"v": null}]}, ...]}``: every
cell a string, an object each. Arrow's own reader of JSON takes that apart in one go; all cells lie
in one array then, and a column is every n-th of them. Statements see to it that no column is
nested.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from hashlib import blake2b
from typing import Final

import numpy as np
import pyarrow as pa
from pyarrow import json as arrow_json

from ogfd.plugin import Context, FatalError, NotFoundError, SourceChanged, TransientError
from ogfd_gcp.jobs import Finished, Jobs
from ogfd_gcp.query import Query
from ogfd_gcp.session import Session

PAGE_ROWS: Final = 20_000
"""
So many rows of up to 25 columns are some 10 MB of JSON, and half of that as Arrow.

BigQuery cuts a page at 20 MB whatever is asked for, so fewer may come.
https://cloud.google.com/bigquery/quotas#query_jobs
"""

_MAPPED_ROWS: Final = 65_536
"""So many rows are mapped at once; a single message of the Storage Read API may have more."""

_CELLS: Final = pa.list_(pa.struct([("v", pa.string())]))
_SHAPE: Final = pa.schema(
    [
        ("rows", pa.list_(pa.struct([("f", _CELLS)]))),
        ("totalRows", pa.string()),
        ("jobComplete", pa.bool_()),
    ]
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """
    Some rows of a result.

    Attributes:
        table: columns of text, null where a cell is.
        total: how many rows the whole result has.
        digest: of the answer as it came. No two are equal, as all but the last name the next one.
    """

    table: pa.Table
    total: int
    digest: bytes


async def read_slice(
    ctx: Context,
    session: Session,
    jobs: Jobs,
    query: Query,
    *,
    names: Sequence[str],
    take: Callable[[pa.Table, int], Awaitable[None]],
    location: str | None,
    identity: Sequence[str],
    since: datetime | None,
    check: Callable[[], Awaitable[None]],
) -> None:
    """
    Hand the rows of *query* to *take*, by the job of an earlier run if it is still good.

    BigQuery knows a job for half a year, but has its rows for a day: if they are gone, the query
    is run anew.

    Args:
        ctx: of the run.
        session: makes the requests.
        jobs: runs the query.
        query: of the slice.
        names: of its columns, in order.
        take: as for `read_rows`.
        location: of the dataset.
        identity: as for `Jobs.run`.
        since: likewise.
        check: called when the job has ended, before a row is handed out.

    Raises:
        SourceChanged: if there are no rows, as nobody lists a slice that has none: they have
            expired since, which BigQuery does not call a change of the table.
        SourceError, Parked: if it failed, and what *check* and *take* raise.
    """
    read = read_rows if session.storage is None else read_arrow
    for after in (since, None):
        job = await jobs.run(query, location=location, identity=identity, since=after)
        await check()
        try:
            rows = await read(ctx, session, job, names, take)
        except NotFoundError:
            if not job.adopted:
                raise
        else:
            if not rows:
                raise SourceChanged(f"job {job.job_id} found none of the rows that were listed")
            return


async def read_rows(
    ctx: Context,
    session: Session,
    job: Finished,
    names: Sequence[str],
    take: Callable[[pa.Table, int], Awaitable[None]],
) -> int:
    """
    Hand the rows of *job* to *take*, page by page, and return how many there were.

    A page that fails is asked for again by itself; what came before is not.

    Args:
        ctx: of the run.
        session: makes the requests.
        job: has ended.
        names: of its columns, in order.
        take: gets a table of text columns, and how many rows came before it.

    Raises:
        SourceError, Parked: if a page cannot be had.
        NotFoundError: if there are no rows any more; nothing was handed out then.
        TransientError: if an answer is cut, or the pages end before the rows do.
        FatalError: if the rows have other columns, or a page comes twice.
    """
    done, total = 0, None
    seen: set[bytes] = set()
    while total is None or done < total:
        try:
            page = await session.results(
                job.job_id,
                job.location,
                start=done,
                rows=PAGE_ROWS,
                take=partial(page_of, names=names),
            )
        except NotFoundError as exc:
            if not done:
                raise
            raise TransientError(f"rows of job {job.job_id} were gone after {done}") from exc
        if total is not None and page.total != total:
            raise TransientError(f"job {job.job_id} had {total} rows, and has {page.total} now")
        total = page.total
        if not page.table.num_rows:
            break
        if page.digest in seen:
            raise FatalError(
                f"the rows of job {job.job_id} from {done} on are a page that came before",
                hint="a proxy in between may keep answers without regard to what is asked for",
            )
        seen.add(page.digest)
        await take(page.table, done)
        done += page.table.num_rows
        ctx.progress(done, total, "rows")
    if done != total:
        raise TransientError(f"job {job.job_id} has {total} rows, {done} came")
    return done


async def read_arrow(
    ctx: Context,
    session: Session,
    job: Finished,
    names: Sequence[str],
    take: Callable[[pa.Table, int], Awaitable[None]],
) -> int:
    """
    Do as `read_rows`, over the Storage Read API.

    How many rows there are is asked over REST: a session only estimates it, and a stream that ends
    early looks like one that has ended.

    Args:
        ctx: of the run.
        session: makes the requests, and has a storage.
        job: has ended.
        names: of its columns, in order.
        take: gets a table of text, integers and decimals, and how many rows came before it.

    Raises:
        SourceError, Parked: if a page cannot be had.
        NotFoundError: if there are no rows any more; nothing was handed out then.
        TransientError: if the stream has fewer rows than the job, or more.
        FatalError: if the rows have other columns, or BigQuery does not tell where they are.
    """
    if session.storage is None or job.table is None:
        raise FatalError(f"BigQuery does not tell in which table the rows of {job.job_id} are")
    done, total = 0, await _total(session, job)
    if not total:
        return 0
    async with session.storage.reading(job.table, names) as rows:
        while done <= total and (page := await rows.page()) is not None:
            for start in range(0, page.num_rows, _MAPPED_ROWS):
                await take(page.slice(start, _MAPPED_ROWS), done + start)
            done += page.num_rows
            ctx.progress(done, total, "rows")
    if done != total:
        raise TransientError(f"job {job.job_id} has {total} rows, {done} came")
    return done


async def _total(session: Session, job: Finished) -> int:
    none = partial(page_of, names=())
    page = await session.results(job.job_id, job.location, start=0, rows=0, take=none)
    return page.total


def page_of(body: bytes, names: Sequence[str]) -> Page:
    """
    Read the answer to a request for rows.

    Raises:
        TransientError: if it is no whole answer of a job that has ended.
        FatalError: if the rows have other columns than *names*.
    """
    try:
        answer = arrow_json.read_json(
            pa.BufferReader(body),
            read_options=arrow_json.ReadOptions(use_threads=False, block_size=len(body) + 1),
            parse_options=arrow_json.ParseOptions(
                explicit_schema=_SHAPE,
                newlines_in_values=True,
                unexpected_field_behavior="ignore",
            ),
        )
    except pa.ArrowInvalid:
        raise TransientError(f"an answer of {len(body)} bytes is no page of rows") from None
    total = answer.column("totalRows")[0].as_py() if answer.num_rows == 1 else None
    if total is None or not total.isdigit() or answer.column("jobComplete")[0].as_py() is not True:
        raise TransientError(f"an answer of {len(body)} bytes does not say how many rows there are")
    rows = answer.column("rows").chunk(0).flatten()
    digest = blake2b(body, digest_size=16).digest()
    return Page(table=_table(rows, names), total=int(total), digest=digest)


def _table(rows: pa.StructArray, names: Sequence[str]) -> pa.Table:
    cells = rows.field("f")
    width = len(names)
    counts = cells.value_lengths().to_numpy(zero_copy_only=False)
    if (counts != width).any():
        raise FatalError(f"a row of the answer has not the {width} columns that were asked for")
    values = cells.flatten().field("v")
    places = np.arange(len(rows), dtype=np.int64) * width
    return pa.table(
        {name: values.take(pa.array(places + column)) for column, name in enumerate(names)}
    )
