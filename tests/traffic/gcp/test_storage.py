"""Faults of the Storage Read API under the real policy: on the way, in its statuses, amid the rows."""

from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import anyio
import pytest
from ogfd_gcp.statuses import STATUSES
from ogfd_gcp.storage import reading
from ogfd_sandbox.bigquery.server import BigQueryServer
from ogfd_sandbox.faults import Rule
from traffic.gcp.running import WINDOW, Bench
from traffic.gcp.statuses import CREATE, LINES, READ, Line

from ogfd.plugin import ErrorClass, Parked, TransientError

PAGE = Path(__file__).parents[3] / "docs" / "connectors" / "gcp.md"


@pytest.fixture(scope="module")
async def bench(bigquery: BigQueryServer, opened: Any) -> AsyncIterator[Bench]:
    """A slice whose rows come over the Storage Read API: three, each a message and a page."""
    bigquery.set_message_rows(1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reading, "_PAGE_ROWS", 1)
        async with opened(storage_api=True, storage_endpoint=bigquery.storage_url) as found:
            stream, ctx = found
            [partition] = await stream.partitions(WINDOW)
            yield Bench(bigquery, stream, ctx, partition)
    await anyio.sleep(0.1)  # gRPC has one queue for all loops, and may not be done with this one


@pytest.fixture(autouse=True)
def _healed(bigquery: BigQueryServer) -> Iterator[None]:
    """Begin without faults, and leave none."""
    bigquery.heal()
    yield
    bigquery.heal()


@pytest.mark.parametrize(
    ("line", "rule", "asked"),
    [
        pytest.param(line, rule, asked, id=f"{rule.operation}-{rule.code}-{rule.retry_after}")
        for line in LINES
        for rule, asked in line.rules()
    ],
)
async def test_a_status_is_judged_by_its_name(
    bench: Bench, line: Line, rule: Rule, asked: int
) -> None:
    """Asked for as often as its class allows; one job is paid for."""
    bench.bigquery.inject(rule)
    ended, exc = await bench.end()

    assert line.lasts == ended
    assert exc is not None
    assert line.error is exc.error_class
    assert asked == bench.bigquery.count(rule.operation)
    assert line.told in str(exc)
    assert 1 == len(set(bench.jobs()))


def spoilt(action: Any, operation: str, **options: Any) -> Any:
    rule = Rule(action=action, operation=operation, **options)
    return pytest.param(rule, id=f"{operation}-{action}-{rule.code}-{rule.messages}")


@pytest.mark.parametrize(
    "rule",
    [
        spoilt("lost", CREATE),
        spoilt("status", CREATE, code="UNAUTHENTICATED"),
        spoilt("hang", CREATE, seconds=60.0),
        spoilt("reset", READ),
        spoilt("reset", READ, messages=2),
        spoilt("status", READ, code="UNAUTHENTICATED", messages=2),
        spoilt("expire", READ),
        spoilt("hang", READ, seconds=60.0),
        spoilt("hang", READ, seconds=60.0, messages=2),
    ],
)
async def test_one_fault_is_made_good_within_the_run(
    bench: Bench, truth: Decimal, rule: Rule, monkeypatch: Any
) -> None:
    """Rows are whole, and no job is made, or paid for, twice; what hangs has the time of an attempt."""
    monkeypatch.setattr(reading, "_ATTEMPT", timedelta(seconds=0.4))
    bench.bigquery.inject(rule)
    rows = await bench.read()

    assert truth == sum(row["billed_cost"] for row in rows)
    assert 1 == len(set(bench.jobs()))
    assert 2 == bench.bigquery.count(rule.operation)


# An error of gRPC may overtake the messages before it: so they come, and it does when they have.
AMID = Rule(action="hang", operation=READ, seconds=60.0, messages=2)


@pytest.mark.parametrize(
    ("rules", "kind", "told"),
    [
        ([Rule(action="truncate", operation=READ, messages=2, hide_length=True)],
         TransientError, "has 3 rows, 2 came"),
        ([AMID, Rule(action="expire", operation=READ, first=2)],
         TransientError, "was gone after 2 rows"),
        ([AMID, Rule(action="status", operation=READ, code="UNAVAILABLE", retry_after="120", first=2)],
         Parked, "for 120 s"),
    ],
    ids=["short", "expired", "throttled"],
)  # fmt: skip
async def test_what_ends_amid_the_rows_is_begun_anew_by_the_same_job(
    bench: Bench, opened: Any, truth: Decimal, rules: Any, kind: Any, told: str, monkeypatch: Any
) -> None:
    """What was read of them counts for nothing."""
    monkeypatch.setattr(reading, "_ATTEMPT", timedelta(seconds=0.4))
    bench.bigquery.inject(*rules)
    _, exc = await bench.end()
    made, endpoint = bench.jobs(), bench.bigquery.storage_url
    async with opened(storage_api=True, storage_endpoint=endpoint) as (stream, ctx):
        await stream.partitions(WINDOW)
        later = Bench(bench.bigquery, stream, ctx, bench.partition, reads=bench.reads - 1)
        rows = await later.read()

    assert isinstance(exc, kind)
    assert told in str(exc)
    assert truth == sum(row["billed_cost"] for row in rows)
    assert made == later.jobs()


def test_the_page_says_what_was_shown_here() -> None:
    """The table of docs/connectors/gcp.md, line by line; no status is left out."""
    said = [line for line in PAGE.read_text().splitlines() if line.startswith("| ")]
    start = said.index("| status of gRPC | class | sessions | rows | the slice | then |")

    assert [line.row() for line in LINES] == said[start + 1 : start + 1 + len(LINES)]
    known = {
        status: error_class
        for error_class, hints in STATUSES.items()
        for statuses in hints.values()
        for status in statuses
    }
    shown = {status: line.error for line in LINES for status in line.statuses}
    assert known.items() <= shown.items()
    assert {ErrorClass.UNKNOWN} == {shown[status] for status in shown.keys() - known.keys()}
