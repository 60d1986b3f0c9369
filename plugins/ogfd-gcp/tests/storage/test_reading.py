"""Rows over the Storage Read API: the same as over REST, whatever breaks on the way."""

import asyncio
import json
from datetime import timedelta

import anyio
import pytest
from ogfd_gcp.faults import classify
from ogfd_gcp.jobs import Jobs
from ogfd_gcp.query import Query
from ogfd_gcp.rows import read_arrow
from ogfd_gcp.session import open_session
from ogfd_gcp.storage import reading
from ogfd_sandbox.faults import Rule

from ogfd.plugin import (
    AuthError,
    BadRequestError,
    Grain,
    NotFoundError,
    Period,
    Secret,
    Throttled,
    TransientError,
    Wanted,
)
from ogfd.testing import Collected, FakeContext

WINDOW = Period.months("2026-09", "2026-11")
CREATE, READ = "CreateReadSession", "ReadRows"


class Patient(FakeContext):
    """Tries once more what may pass, as the daemon does."""

    async def call(self, operation, func, *args, **options):
        try:
            return await super().call(operation, func, *args, **options)
        except TransientError:
            return await super().call(operation, func, *args, **options)


@pytest.fixture
def arrow(cloud, lasting):
    """Keys that have rows come over the Storage Read API, as some messages of two rows."""
    keys = {"storage_api": True, "storage_endpoint": cloud.server.storage_url}
    cloud.server.set_message_rows(2)
    return keys


async def outputs(cloud, name="cost", *, wanted=None, ctx=None, **keys):
    """Read all that is listed of a stream, each slice into an output of its own."""
    found = []
    async with cloud.stream(name, ctx, **keys) as stream:
        for partition in await stream.partitions(WINDOW):
            out = Collected(wanted)
            await stream.read(partition, out)
            out.check()
            found.append(out)
    return found


async def rows(cloud, **keys):
    return [row for out in await outputs(cloud, **keys) for row in out.rows()]


def told(outs):
    """All that an output was told, whatever the order of rows and batches."""
    return [
        (out.row_set(), out.source_rows, out.rejected, out.left_out, out.unknowns, out.roundings)
        for out in outs
    ]


def offsets(cloud):
    """From which rows on the streams were asked for, in order."""
    return [int(one.key.split()[-1]) for one in cloud.server.requests() if one.operation == READ]


def bill(charged):
    """Rows of all kinds: long and tiny amounts, none at all, bytes, labels, tax, an unknown type."""
    usage = ({"amount": 1e-7, "unit": "byte-seconds"}, {"amount": 8.1e15, "unit": "bytes"})
    return [
        charged(cost=0.1, credits=[-0.01, -1e-17], labels={"team": "a"}),
        charged(cost=1e-9, usage=usage[0], labels={"team": "b", "env": "é"}),
        charged(cost=-3.3, usage=usage[1], project=None),
        charged(cost=0.0, usage={"amount": None, "unit": None}, cost_type="tax"),
        charged(cost=12345678.123456789, cost_type="new_one", location=None),
        charged(cost=2.5, invoice={"month": "209913"}),
    ]


@pytest.mark.parametrize("grain", [Grain.DAILY, Grain.LINE])
async def test_a_bill_is_the_same_over_arrow(cloud, arrow, charged, grain):
    """Every column of every row, and the fate of those that are no good."""
    cloud.put_bill(*bill(charged))
    wanted = Wanted(grain=grain, tags=("team", "env"), resource_ids=True)

    over_rest = await outputs(cloud, wanted=wanted)
    over_arrow = await outputs(cloud, wanted=wanted, **arrow)

    assert told(over_rest) == told(over_arrow)
    assert [(5, 1)] == [(out.table().num_rows, len(out.rejected)) for out in over_arrow]
    assert 1 == cloud.server.count(CREATE)


async def test_a_footprint_is_the_same_over_arrow(cloud, arrow, emitted):
    """Its nulls too."""
    lines = [
        emitted("2026-10", kg=0.1, market=None),
        emitted("2026-10", kg=1e-8, region=None, project=(None, "")),
        emitted("2026-10", kg=3.3, project=("b", "7")),
    ]
    cloud.put_carbon(*lines, lines[2])

    over_rest = await outputs(cloud, "carbon")
    over_arrow = await outputs(cloud, "carbon", **arrow)

    assert told(over_rest) == told(over_arrow)
    assert 3 == over_arrow[0].table().num_rows


@pytest.fixture
def five(cloud, arrow, charged):
    """A slice of five rows, read in pages of four: two messages, and one."""
    skus = [{"id": str(number), "description": "x"} for number in range(5)]
    cloud.put_bill(*(charged(sku=sku) for sku in skus))
    return arrow


@pytest.fixture
def _in_fours(monkeypatch):
    monkeypatch.setattr(reading, "_PAGE_ROWS", 4)


def patient(cloud):
    return Patient(now=cloud.context().now(), classify=classify)


@pytest.mark.usefixtures("_in_fours")
@pytest.mark.parametrize(
    ("rule", "asked"),
    [
        (Rule(action="lost", operation=CREATE), [[0]]),
        (Rule(action="truncate", operation=READ, messages=1), [[0, 0]]),
        (Rule(action="truncate", operation=READ, messages=2), [[0, 4], [0, 0]]),
        (Rule(action="status", operation=READ, code="ABORTED", messages=3), [[0, 4], [0, 0]]),
    ],
)
async def test_a_break_is_mended_from_the_row_that_is_missing_on(cloud, five, rule, asked):
    """No row is lost, and none comes twice; an error may overtake the messages before it."""
    cloud.server.inject(rule)

    found = await rows(cloud, ctx=patient(cloud), **five)

    assert {str(number) for number in range(5)} == {row["metadata"][0][1] for row in found}
    assert 5 == len(found)
    assert offsets(cloud) in asked


async def test_a_stream_that_ends_before_the_rows_do_is_not_believed(cloud, five):
    """It ends as well as any other."""
    cloud.server.inject(Rule(action="truncate", operation=READ, messages=1, hide_length=True))

    with pytest.raises(TransientError, match="has 5 rows, 2 came"):
        await outputs(cloud, **five)


@pytest.mark.usefixtures("_in_fours")
async def test_a_session_that_expired_is_made_anew(cloud, five):
    """On the same rows: no second job."""
    cloud.server.inject(Rule(action="expire", operation=READ))

    assert 5 == len(await rows(cloud, **five))
    assert 2 == cloud.server.count(CREATE)
    assert 1 == len([job for job in cloud.queries("cost") if not job.dry_run])


async def test_a_session_that_expires_every_time_is_given_up(cloud, five):
    """After two."""
    cloud.server.inject(Rule(action="expire", operation=READ, times=9))

    with pytest.raises(BadRequestError, match="expired"):
        await outputs(cloud, **five)
    assert 2 == cloud.server.count(CREATE)


async def test_rows_that_are_gone_are_queried_anew(cloud, five):
    """As over REST, if only the session finds that out."""
    (first,) = await outputs(cloud, **five)
    cloud.server.inject(Rule(action="status", operation=CREATE, code="NOT_FOUND"))
    (second,) = await outputs(cloud, **five)

    assert first.row_set() == second.row_set()
    assert 2 == len([job for job in cloud.queries("cost") if not job.dry_run])


async def test_a_slow_line_brings_the_page_in_parts(cloud, five, monkeypatch):
    """Each within the time of an attempt."""
    monkeypatch.setattr(reading, "_PAGE_SECONDS", -1)
    ctx = cloud.context()

    found = await rows(cloud, ctx=ctx, **five)

    assert 5 == len(found)
    assert [(2, 5, "rows"), (4, 5, "rows"), (5, 5, "rows")] == ctx.reported[-3:]
    assert [0] == offsets(cloud)


async def test_no_rows_need_no_session(cloud, arrow):
    """How many there are is known before."""
    cloud.put_bill()
    config, ctx = cloud.config(**arrow), cloud.context()
    query = Query(purpose="x", sql="SELECT 1 AS one FROM UNNEST([1]) AS x WHERE x > 1")

    async with open_session(ctx, config) as session:
        job = await Jobs(ctx, session, config).run(query, location="US")
        assert 0 == await read_arrow(ctx, session, job, ["one"], None)
        cloud.server.expire_results()
        with pytest.raises(NotFoundError):
            await read_arrow(ctx, session, job, ["one"], None)

    assert 0 == cloud.server.count(CREATE)


async def test_a_token_that_is_refused_is_renewed_once(cloud, five):
    """The way that REST goes; one that is refused after that is refused."""
    cloud.server.inject(
        Rule(action="status", operation=CREATE, code="UNAUTHENTICATED"),
        Rule(action="status", operation=READ, code="UNAUTHENTICATED", times=9),
    )
    ctx = cloud.context()

    with pytest.raises(AuthError, match="ReadRows"):
        await outputs(cloud, ctx=ctx, **five)

    assert 2 == ctx.refreshes
    assert [2, 2] == [cloud.server.count(operation) for operation in (CREATE, READ)]


async def test_a_wait_that_is_asked_for_is_handed_on(cloud, five):
    """By google.rpc.RetryInfo."""
    cloud.server.inject(
        Rule(action="status", operation=READ, code="RESOURCE_EXHAUSTED", retry_after="7")
    )

    with pytest.raises(Throttled) as caught:
        await outputs(cloud, **five)

    assert timedelta(seconds=7) == caught.value.retry_after


async def test_cancelled_it_lets_go_at_once(cloud, five):
    """Of the connection too: the server learns that nobody listens."""
    cloud.server.inject(Rule(action="hang", operation=READ, seconds=60.0, messages=1))

    with anyio.fail_after(15):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(lambda: outputs(cloud, **five))
            while not cloud.server.count(READ):
                await anyio.sleep(0.02)
            since = anyio.current_time()
            tasks.cancel_scope.cancel()
        assert anyio.current_time() < since + 2
        while 499 != cloud.server.requests()[-1].status:
            await anyio.sleep(0.02)


async def test_a_call_is_ended_by_whoever_lets_go_of_it(cloud, five):
    """Though others may still know of it, and its connection be open."""
    cloud.server.inject(Rule(action="hang", operation=READ, seconds=60.0, messages=1))
    config, ctx = cloud.config(**five), cloud.context()
    query = Query(purpose="x", sql="SELECT x AS one FROM UNNEST([1, 2, 3, 4, 5]) AS x")

    async with open_session(ctx, config) as session:
        job = await Jobs(ctx, session, config).run(query, location="US")
        async with session.storage.reading(job.table, ["one"]) as rows:
            await rows._begun()
            opened, tasks = rows._at.opened, asyncio.all_tasks()
            messages = rows._way._connected().read(opened.stream, 0, rows._way._metadata())
            assert 2 == (await messages.next()).rows
            await messages.close()
            assert asyncio.all_tasks() <= tasks
            with anyio.fail_after(5):
                while 499 != cloud.server.requests()[-1].status:
                    await anyio.sleep(0.02)


async def test_who_pays_for_requests_is_told(cloud, five, monkeypatch, tmp_path):
    """As over REST, if the credentials name a project for that."""
    subject = tmp_path / "subject"
    subject.write_text("token")
    key = {**json.loads(cloud.server.federation_json(subject)), "quota_project_id": "payer-project"}
    monkeypatch.setenv("OGFD_TEST_PAYER", json.dumps(key))

    await outputs(cloud, credentials=Secret("env:OGFD_TEST_PAYER"), **five)
    asked = [one for one in cloud.server.requests() if one.operation in {CREATE, READ}]

    assert ["payer-project"] * 2 == [one.headers["x-goog-user-project"] for one in asked]
    assert all("authorization" not in one.headers for one in asked)
