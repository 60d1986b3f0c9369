"""What happens to a table, and to others who read it, between its listing and its rows."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import anyio
import pytest
from ogfd_sandbox.faults import Rule

from ogfd.plugin import BadRequestError, NotFoundError, Period, SourceChanged
from ogfd.testing import Collected

WINDOW = Period.months("2026-10", "2026-11")


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    """Wait less between tries."""
    monkeypatch.setattr("ogfd_gcp.jobs._PAUSES", (0.01,))
    monkeypatch.setattr("ogfd_gcp.jobs._POLLS", (0.01,))


async def rows_of(stream, partition):
    out = Collected()
    await stream.read(partition, out)
    out.check()
    return out.rows()


def made(cloud):
    return [job for job in cloud.queries("cost") if not job.dry_run]


@pytest.fixture
def bill(cloud, charged):
    """The one table of these tests; another cost makes another version."""

    def put(cost=1.5, **options):
        cloud.put_bill(charged(cost=cost), **options)

    put()
    return put


def _another(cloud, bill):
    bill(2.5)


def _deleted(cloud, bill):
    cloud.server.drop_table(cloud.table("gcp_billing_export_v1_012345_6789AB_CDEF01"))


def _anew(cloud, bill):
    _deleted(cloud, bill)
    bill()


def _without_a_column(cloud, bill):
    bill(without=["seller_name", "tags", "labels", "system_labels"])


def _moved(cloud, bill):
    _deleted(cloud, bill)
    table = cloud.table("gcp_billing_export_v1_012345_6789AB_CDEF01")
    bill(table=replace(table, location="EU"))


@pytest.mark.parametrize(
    ("meanwhile", "kind", "told"),
    [
        (_another, SourceChanged, "was changed since it was listed"),
        (_anew, SourceChanged, "was changed since it was listed"),
        (_deleted, NotFoundError, "check project, dataset and table"),
        (_without_a_column, BadRequestError, "the table has changed since its schema was read"),
        (_moved, NotFoundError, "another location"),
    ],
)
async def test_what_was_listed_is_read_or_nothing_is(cloud, bill, meanwhile, kind, told):
    """The next listing knows; no job of before it is taken for what there is then."""
    async with cloud.stream("cost") as stream:
        (partition,) = await stream.partitions(WINDOW)
        meanwhile(cloud, bill)
        with pytest.raises(kind, match=told):
            await rows_of(stream, partition)
        if meanwhile is _deleted:
            return
        before = {job.job_id for job in made(cloud)}
        (now,) = await stream.partitions(WINDOW)
        (row,) = await rows_of(stream, now)

    assert now.version != partition.version
    assert not before & {made(cloud)[-1].job_id}
    assert Decimal("2.5" if meanwhile is _another else "1.5") == row["billed_cost"]


async def test_a_change_between_the_job_and_the_second_look_starts_it_again(cloud, bill):
    """Nobody can tell whether the job saw it: it did not."""
    asked = []

    async def before(call):
        asked.append(call.operation)
        if asked.count("bigquery:GetTable") == 2 and asked[-1] == "bigquery:GetTable":
            bill(2.5)

    async with cloud.stream("cost", cloud.context(before=before)) as stream:
        (partition,) = await stream.partitions(WINDOW)
        with pytest.raises(SourceChanged):
            await rows_of(stream, partition)


async def test_two_daemons_pay_for_one_job(cloud, bill):
    """Whoever comes second waits for the first one's and reads its rows; clocks do not matter."""
    cloud.server.inject(Rule(action="run", operation="InsertJob", key="*ogfd_cost_*", polls=4))
    found = []

    async def daemon(hours):
        off = cloud.context(now=datetime(2026, 11, 20, 12 + hours, tzinfo=UTC))
        async with cloud.stream("cost", off) as stream:
            (partition,) = await stream.partitions(WINDOW)
            found.append(await rows_of(stream, partition))

    async with anyio.create_task_group() as tasks:
        for hours in (-1, 1):
            tasks.start_soon(daemon, hours)

    assert 1 == len(made(cloud))
    assert found[0] == found[1] != []


async def test_a_job_that_another_daemon_has_stopped_is_run_again(cloud, bill):
    """Which is what becomes of it when that one is cancelled: both asked for the same."""
    # Twice: which of the two requests makes the job is not decided when they come.
    slow = Rule(action="run", operation="InsertJob", key="*ogfd_cost_*", polls=100_000, times=2)
    cloud.server.inject(slow)
    waiting, looks = anyio.Event(), []

    async def before(call):
        looks.append(call.operation)
        if looks.count("bigquery:GetJob") > 3:
            waiting.set()

    async with (
        cloud.stream("cost") as one,
        cloud.stream("cost", cloud.context(before=before)) as two,
    ):
        (mine,) = await one.partitions(WINDOW)
        (same,) = await two.partitions(WINDOW)
        found = []

        async def stay():
            found.extend(await rows_of(two, same))

        async with anyio.create_task_group() as staying, anyio.create_task_group() as leaving:
            leaving.start_soon(rows_of, one, mine)
            staying.start_soon(stay)
            with anyio.fail_after(10):
                await waiting.wait()
            cloud.server.heal()
            leaving.cancel_scope.cancel()

    assert [Decimal("1.5")] == [row["billed_cost"] for row in found]
    assert ["stopped", ""] == [job.reason for job in made(cloud)]


async def test_who_asks_as_another_account_gets_a_job_of_his_own(cloud, bill, monkeypatch):
    """He may see other rows, and BigQuery shows nobody the rows of another's job."""
    for email in (None, "other@acme-finops.iam.gserviceaccount.com"):
        if email is not None:
            monkeypatch.setattr("ogfd_gcp.tokens.email_of", lambda _, email=email: email)
        async with cloud.stream("cost") as stream:
            (partition,) = await stream.partitions(WINDOW)
            await rows_of(stream, partition)

    assert 2 == len({job.job_id for job in made(cloud)})
