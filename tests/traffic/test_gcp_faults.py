"""Faults of BigQuery under the policy: what is tried again, what waits, and what is paid for once."""

import logging
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import anyio
import pytest
from ogfd_gcp import ogfd_connector
from ogfd_gcp.config import GcpConfig
from ogfd_sandbox.bigquery.bill import BillSettings, Month, assemble, put, vanish
from ogfd_sandbox.bigquery.server import BigQueryServer
from ogfd_sandbox.bigquery.tables import PROJECT
from ogfd_sandbox.faults import Rule

from ogfd.plugin import AuthError, BadRequestError, Parked, Period, Secret, Stream, TransientError
from ogfd.testing import Collected

WINDOW = Period.months("2026-08", "2026-09")
NOW = datetime(2026, 11, 20, tzinfo=UTC)
COST = "*ogfd_cost_*"


@pytest.fixture(scope="module")
def served() -> Iterator[Any]:
    """A bill of one day of export, and its table."""
    bill = assemble(BillSettings(seed=7, first=Month(2026, 8), months=1, rows=100))
    for day in bill.partitions[1:]:
        bill = vanish(bill, day)
    with BigQueryServer() as server:
        yield server, bill


@pytest.fixture
def bigquery(served: Any, monkeypatch: pytest.MonkeyPatch) -> BigQueryServer:
    server, bill = served
    server.reset()
    put(server, bill)
    monkeypatch.setenv("OGFD_TEST_KEY", server.credentials_json())
    monkeypatch.setattr("ogfd_gcp.jobs._PAUSES", (0.01,))
    monkeypatch.setattr("ogfd_gcp.jobs._POLLS", (0.01,))
    return server


@pytest.fixture
def opened(bigquery: BigQueryServer, served: Any, make_traffic: Any) -> Any:
    """Opens the stream under the policy, as the runner does."""
    spec = ogfd_connector()
    [account] = served[1].accounts

    @asynccontextmanager
    async def open_stream(*, purse: Any = None, **keys: Any) -> AsyncGenerator[tuple[Stream, Any]]:
        config = GcpConfig(
            **{
                "job_project": PROJECT,
                "credentials": Secret("env:OGFD_TEST_KEY"),
                "endpoint": bigquery.url,
                "cost": {
                    "table": f"{PROJECT}.billing.gcp_billing_export_v1_{account.id.replace('-', '_')}"
                },
                **keys,
            }
        )
        traffic = make_traffic(
            provider="gcp",
            limits=spec.limits,
            classify=spec.classify,
            rate=None,
            burst=None,
            now=lambda: NOW,
        )
        async with traffic, spec.open(config, Ctx(traffic)) as streams:
            yield streams["cost"], traffic

    return open_stream


class Ctx:
    """What a run gives to a connector, with no more of it than this one uses."""

    connector = "gcp"
    log = logging.LoggerAdapter(logging.getLogger("tests.traffic.gcp"))

    def __init__(self, traffic: Any) -> None:
        self.call, self.pages, self.on_expired = traffic.call, traffic.pages, traffic.on_expired

    def now(self) -> datetime:
        return NOW

    def progress(self, *_: Any) -> None:
        pass


async def read(stream: Stream) -> list[dict[str, Any]]:
    rows = []
    for partition in await stream.partitions(WINDOW):
        out = Collected()
        await stream.read(partition, out)
        out.check()
        rows += out.rows()
    return rows


def billed(bigquery: BigQueryServer) -> list[str]:
    """Return how the jobs ended that read rows."""
    return [
        job.reason
        for job in bigquery.jobs()
        if job.labels.get("ogfd") == "cost" and not job.dry_run
    ]


@pytest.mark.parametrize(
    ("rule", "jobs"),
    [
        (Rule(action="lost", operation="InsertJob", key=COST), 1),
        (Rule(action="unsure", operation="InsertJob", key=COST, code="backendError"), 1),
        (Rule(action="status", operation="InsertJob", key=COST, code="backendError"), 1),
        (Rule(action="status", operation="InsertJob", key=COST, body="<html>bad</html>"), 1),
        (Rule(action="html", operation="InsertJob", key=COST), 1),
        (Rule(action="reset", operation="GetJob", key=COST), 1),
        (Rule(action="html", operation="GetJob", key=COST), 1),
        (Rule(action="truncate", operation="GetJob", key=COST), 1),
        (Rule(action="truncate", operation="GetQueryResults", key=COST), 1),
        (Rule(action="truncate", operation="GetQueryResults", key=COST, hide_length=True), 1),
        (Rule(action="html", operation="GetQueryResults", key=COST), 1),
        (
            Rule(
                action="status",
                operation="GetTable",
                status=403,
                code="rateLimitExceeded",
                retry_after="0",
            ),
            1,
        ),
        (Rule(action="fail", operation="InsertJob", key=COST, code="jobBackendError"), 2),
        (Rule(action="fail", operation="InsertJob", key=COST, code="stopped"), 2),
        (Rule(action="status", operation="GetTable", status=401, code="authError"), 1),
        (Rule(action="status", operation="GetQueryResults", status=401, code="authError"), 1),
    ],
    ids=lambda value: (
        f"{value.operation}-{value.action}-{value.code}" if isinstance(value, Rule) else ""
    ),
)
async def test_one_fault_is_made_good_within_the_run(opened, bigquery, served, rule, jobs):
    """Rows are whole; no job is made, or paid for, twice but where the first one broke."""
    bigquery.inject(rule)
    async with opened() as (stream, _):
        rows = await read(stream)

    truth = sum(served[1].truth.by("net").values())
    assert truth == sum(row["billed_cost"] for row in rows)
    assert jobs == len(billed(bigquery))


async def test_a_quota_that_is_used_up_waits_for_an_hour(opened, bigquery):
    """One request finds it out; nobody else asks in vain."""
    rule = Rule(
        action="status", operation="InsertJob", key=COST, status=403, code="quotaExceeded", times=99
    )
    bigquery.inject(rule)
    async with opened() as (stream, _):
        with pytest.raises(Parked) as caught:
            await read(stream)
        asked = bigquery.count("InsertJob", COST)
        with pytest.raises(Parked):
            await stream.partitions(WINDOW)

    assert NOW + timedelta(minutes=59) < caught.value.next_due <= NOW + timedelta(minutes=61)
    assert asked == bigquery.count("InsertJob", COST)


async def test_a_job_that_hits_a_quota_waits_too(opened, bigquery):
    """As of bytes a day, which BigQuery tells of when the job runs."""
    bigquery.inject(
        Rule(action="fail", operation="InsertJob", key=COST, code="quotaExceeded", times=99)
    )
    async with opened() as (stream, _):
        with pytest.raises(Parked) as caught:
            await read(stream)

    assert NOW + timedelta(minutes=59) < caught.value.next_due
    assert ["quotaExceeded"] == billed(bigquery)


async def test_retry_after_of_a_throttled_request_is_kept(opened, bigquery):
    """A long one parks the slice until then."""
    bigquery.inject(
        Rule(
            action="status",
            operation="GetTable",
            status=429,
            code="rateLimitExceeded",
            retry_after="600",
            times=99,
        )
    )
    async with opened() as (stream, _):
        with pytest.raises(Parked) as caught:
            await read(stream)

    assert NOW + timedelta(seconds=599) < caught.value.next_due < NOW + timedelta(seconds=630)
    assert 1 == bigquery.count("GetTable")


async def test_what_would_cost_too_much_is_not_tried_again(opened, bigquery):
    """BigQuery refuses it for nothing; the library calls that a failure of the server."""
    bigquery.inject(
        Rule(
            action="fail",
            operation="InsertJob",
            key=COST,
            code="bytesBilledLimitExceeded",
            times=99,
        )
    )
    async with opened() as (stream, _):
        with pytest.raises(BadRequestError, match="maximum_bytes_billed"):
            await read(stream)

    assert ["bytesBilledLimitExceeded"] == billed(bigquery)


async def test_tokens_that_run_out_are_renewed_once_for_all(opened, bigquery):
    """In the middle of a run: another is fetched, and the rows are whole."""
    async with opened(tokens="exchange") as (stream, _):
        [partition] = await stream.partitions(WINDOW)
        bigquery.revoke_tokens()
        outs = [Collected() for _ in range(4)]
        async with anyio.create_task_group() as tasks:
            for out in outs:
                tasks.start_soon(stream.read, partition, out)

    assert 1 == len({len(out.rows()) for out in outs})
    assert 2 == bigquery.count("Token")
    assert 1 == len(billed(bigquery))


async def test_a_token_that_is_refused_for_ever_is_an_error_of_credentials(opened, bigquery):
    """After one renewal, not after many."""
    bigquery.inject(
        Rule(action="status", operation="GetTable", status=401, code="authError", times=99)
    )
    async with opened(tokens="exchange") as (stream, _):
        with pytest.raises(AuthError):
            await read(stream)

    assert 2 == bigquery.count("GetTable")
    assert 2 == bigquery.count("Token")


async def test_an_endpoint_where_nobody_listens_is_told_at_once(opened, bigquery):
    """After the attempts of the policy, not after the ten minutes of the library."""
    async with opened(endpoint="http://127.0.0.1:9") as (stream, _):
        with anyio.fail_after(10), pytest.raises(TransientError, match="bigquery:GetTable"):
            await read(stream)


async def test_an_expired_result_is_made_anew(opened, bigquery, served):
    """BigQuery knows a job for half a year, but has its rows for a day."""
    async with opened() as (stream, _):
        await read(stream)
    bigquery.inject(
        Rule(action="status", operation="GetQueryResults", key=COST, status=404, code="notFound")
    )
    async with opened() as (stream, _):
        rows = await read(stream)

    assert sum(served[1].truth.by("net").values()) == sum(row["billed_cost"] for row in rows)
    assert 2 == len(billed(bigquery))
