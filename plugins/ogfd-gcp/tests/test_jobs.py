"""
Queries as jobs: made once, found again, waited for, stopped.

What becomes of each error, tests/traffic/gcp shows under the real policy.
"""

import anyio
import pytest
from ogfd_gcp import session as sessions
from ogfd_gcp.jobs import Jobs
from ogfd_gcp.query import Parameter, Query
from ogfd_gcp.rows import read_rows
from ogfd_gcp.session import open_session
from ogfd_sandbox.bigquery.tables import PROJECT
from ogfd_sandbox.faults import Rule

from ogfd.plugin import (
    BadRequestError,
    NotFoundError,
    Period,
    TransientError,
)
from ogfd.testing import Collected

WINDOW = Period.months("2026-09", "2026-11")


async def once(cloud, ctx=None, **keys):
    """Read all that is listed of a billing export; return its rows."""
    rows = []
    async with cloud.stream("cost", ctx, **keys) as stream:
        for partition in await stream.partitions(WINDOW):
            out = Collected()
            await stream.read(partition, out)
            out.check()
            rows += out.rows()
    return rows


def costs(cloud):
    return [job for job in cloud.queries("cost") if not job.dry_run]


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    """Wait less between tries."""
    monkeypatch.setattr("ogfd_gcp.jobs._PAUSES", (0.01,))
    monkeypatch.setattr("ogfd_gcp.jobs._POLLS", (0.01,))


def crash(operation, after):
    """Return what fails the use of *operation* once there were so many, and any later one."""
    seen = []

    async def before(call):
        seen.append(call.operation)
        if seen.count(operation) > after:
            raise KeyboardInterrupt

    return before


async def test_a_lost_answer_costs_no_second_job(cloud, charged):
    """The job is there, of the same id: it is taken for what it is."""
    cloud.put_bill(charged())
    cloud.server.inject(Rule(action="lost", operation="InsertJob", key="*ogfd_cost_*"))

    with pytest.raises(TransientError):
        await once(cloud)
    rows = await once(cloud)

    assert 1 == len(rows)
    assert 1 == len(costs(cloud))


async def test_a_job_whose_answer_was_lost_is_found_within_the_same_read(cloud, charged):
    """As the policy does it, which asks once more: a view, of which no old job would be taken."""
    cloud.put_bill(charged())
    query = Query(purpose="x", sql="SELECT 1 AS one")
    config = cloud.config()
    ctx = cloud.context()
    async with open_session(ctx, config) as session:
        jobs = Jobs(ctx, session, config)
        settings = jobs._settings(query)
        assert await session.insert(query.sql, settings, job_id="mine_0", location="US")
        assert await session.insert(query.sql, settings, job_id="mine_0", location="US") is None
        job = await session.job("mine_0", "US")

    assert job.labels["ogfd_run"] == jobs._run
    assert 1 == len(cloud.queries("x"))


async def test_a_kill_in_the_middle_of_paging_uses_the_finished_job(cloud, charged):
    """The next run asks the same, gets the same job, and reads its rows to the end."""
    cloud.server.inject(
        Rule(action="pages", operation="GetQueryResults", key="*cost*", results=1, times=99)
    )
    lines = [charged(cost=cost, sku={"id": str(cost), "description": "x"}) for cost in (1.0, 2.0)]
    cloud.put_bill(*lines)
    ctx = cloud.context(before=crash("bigquery:GetQueryResults", 2))

    with pytest.raises(KeyboardInterrupt):
        await once(cloud, ctx)
    assert 1 == len(costs(cloud))
    rows = await once(cloud)

    assert 2 == len(rows)
    assert 1 == len(costs(cloud))


async def test_a_page_that_fails_is_asked_for_again_alone(cloud, charged):
    """From the row that is missing on: those before it are not sent twice."""
    cloud.put_bill(charged(), charged(sku={"id": "2", "description": "y"}))
    cloud.server.inject(
        Rule(action="pages", operation="GetQueryResults", key="*cost*", results=1, times=99)
    )

    rows = await once(cloud)
    asked = [one.key for one in cloud.server.requests() if "ogfd_cost" in one.key]
    starts = [key.split()[3] for key in asked if len(key.split()) == 5]

    assert 2 == len(rows)
    assert ["0", "1"] == starts


async def test_a_job_of_before_the_last_change_is_not_taken(cloud, charged):
    """It may have read what was there then."""
    cloud.put_bill(charged())
    query = Query(purpose="x", sql="SELECT 1 AS one")
    config = cloud.config()
    ctx = cloud.context()
    async with open_session(ctx, config) as session:
        first = await Jobs(ctx, session, config).run(query, location="US", identity=("a",))
        same = await Jobs(ctx, session, config).run(
            query, location="US", identity=("a",), since=first.started
        )
        await Jobs(ctx, session, config).run(query, location="US", identity=("b",))

    assert same.job_id != first.job_id
    assert 3 == len(cloud.queries("x"))


async def test_another_value_is_another_job(cloud):
    """The id is made of all that the answer depends on."""
    query = Query(
        purpose="x",
        sql="SELECT @a AS a",
        parameters=(Parameter(name="a", kind="STRING", value="1"),),
    )
    other = Query(
        purpose="x",
        sql="SELECT @a AS a",
        parameters=(Parameter(name="a", kind="STRING", value="2"),),
    )

    assert query.digest("s") == query.digest("s")
    assert 4 == len({query.digest("s"), other.digest("s"), query.digest("t"), query.digest()})


async def test_a_job_that_breaks_every_time_is_given_up(cloud, charged):
    """After four; the next run begins with ids that are new."""
    cloud.put_bill(charged())
    cloud.server.inject(
        Rule(action="fail", operation="InsertJob", key="*cost*", code="jobBackendError", times=4)
    )

    with pytest.raises(TransientError, match="a rule of the sandbox"):
        await once(cloud)
    rows = await once(cloud)

    assert 1 == len(rows)
    assert 5 == len(costs(cloud))


async def test_a_job_whose_time_is_up_is_not_run_again(cloud, charged, monkeypatch):
    """It would take as long again, and be billed again; BigQuery calls it stopped, as by anybody."""
    monkeypatch.setattr("ogfd_gcp.jobs._LONGEST_SECONDS", 0.0)
    cloud.put_bill(charged())
    cloud.server.inject(
        Rule(action="fail", operation="InsertJob", key="*cost*", code="stopped", times=9)
    )

    with pytest.raises(BadRequestError, match="ran for longer than it may"):
        await once(cloud)

    assert 1 == len(costs(cloud))


async def test_a_real_limit_of_bytes_refuses_the_query(cloud, charged):
    """Of what is to be read, before it is."""
    cloud.put_bill(charged())
    query = Query(purpose="x", sql=f"SELECT cost FROM `{PROJECT}.billing.a`, `{PROJECT}.billing.b`")
    for name in "ab":
        cloud.put_bill(charged(), table=cloud.table(name))
    config = cloud.config(maximum_bytes_billed=10 << 20)
    ctx = cloud.context()

    async with open_session(ctx, config) as session:
        with pytest.raises(BadRequestError, match="maximum_bytes_billed"):
            await Jobs(ctx, session, config).run(query, location="US")


async def test_cancelled_it_stops_the_job(cloud, charged):
    """Within two seconds, and nobody pays for what nobody waits for."""
    cloud.put_bill(charged())
    cloud.server.inject(
        Rule(action="run", operation="InsertJob", key="*ogfd_cost_*", polls=100_000)
    )
    asked = []
    running = anyio.Event()

    async def before(call):
        asked.append(call.operation)
        if asked[-3:] == ["bigquery:GetJob"] * 3:
            running.set()

    async with cloud.stream("cost", cloud.context(before=before)) as stream:
        (partition,) = await stream.partitions(WINDOW)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(stream.read, partition, Collected())
            with anyio.fail_after(20):
                await running.wait()
            stopped_by = anyio.current_time() + 2
            tasks.cancel_scope.cancel()
        assert anyio.current_time() < stopped_by

    (job,) = costs(cloud)
    assert ("DONE", "stopped") == (job.state, job.reason)


async def test_a_dead_endpoint_is_noticed_within_the_attempt(cloud, charged, monkeypatch):
    """Not after the ten minutes for which the library would try."""
    monkeypatch.setattr(sessions, "_SDK_SECONDS", 0.2)
    cloud.put_bill(charged())
    cloud.server.inject(Rule(action="hang", operation="GetTable", seconds=3.0))

    with anyio.fail_after(2), pytest.raises(TransientError):
        await once(cloud)

    assert 1 == cloud.server.count("GetTable")


async def test_what_does_not_answer_is_named_by_its_address(cloud):
    """With what happened, in the words of the system; we ask once, whatever the library counts."""
    async with open_session(cloud.context(), cloud.config(endpoint="http://127.0.0.1:9")) as dead:
        with pytest.raises(TransientError) as caught:
            await dead.datasets(PROJECT)

    assert "no answer from 127.0.0.1:9: Connection refused" in str(caught.value)
    assert "retries" not in str(caught.value)


async def test_a_page_in_place_of_an_answer_is_named_as_such(cloud, charged):
    """Of a network that wants a login, or of what is no BigQuery; it may pass."""
    cloud.put_bill(charged())
    cloud.server.inject(Rule(action="html", operation="GetTable"))

    with pytest.raises(TransientError) as caught:
        await once(cloud)

    assert f"{cloud.server.url.removeprefix('http://')} answered what is no JSON" in str(
        caught.value
    )
    assert "in place of BigQuery" in str(caught.value)


async def test_a_query_in_the_wrong_place_finds_nothing(cloud, charged):
    """And says that the location may be why."""
    cloud.put_bill(charged())
    config = cloud.config()
    ctx = cloud.context()
    query = Query(purpose="x", sql=f"SELECT cost FROM `{PROJECT}.billing.a`")
    cloud.put_bill(charged(), table=cloud.table("a"))

    async with open_session(ctx, config) as session:
        with pytest.raises(NotFoundError, match="another location"):
            await Jobs(ctx, session, config).run(query, location="EU")


async def test_rows_come_page_by_page(cloud):
    """As many as the job has, in columns, whatever is in them."""
    sql = (
        "SELECT x, CONCAT('a\"b\\\\ é', CAST(x AS STRING)) AS y, NULL AS z FROM UNNEST([3, 4]) AS x"
    )
    config = cloud.config()
    ctx = cloud.context()
    cloud.put_bill()
    found = []

    async def take(table, before):
        found.append((before, table.to_pylist()))

    async with open_session(ctx, config) as session:
        job = await Jobs(ctx, session, config).run(Query(purpose="x", sql=sql), location="US")
        assert 2 == await read_rows(ctx, session, job, ["x", "y", "z"], take)

    assert [
        (0, [{"x": "3", "y": 'a"b\\ é3', "z": None}, {"x": "4", "y": 'a"b\\ é4', "z": None}])
    ] == found
