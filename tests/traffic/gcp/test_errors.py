"""Every error of BigQuery: its class, how often it is tried, and what becomes of the slice."""

from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from ogfd_gcp.faults import REASONS
from ogfd_sandbox.faults import Rule
from traffic.gcp.matrix import ALWAYS, LINES, Line
from traffic.gcp.running import Bench

from ogfd.plugin import ErrorClass, Parked

PAGE = Path(__file__).parents[3] / "docs" / "connectors" / "gcp.md"
INSERT = "bigquery:InsertJob"
OUTCOME = "bigquery:JobOutcome"


def cases(kind: str) -> list[Any]:
    return [
        pytest.param(line, rule, id=f"{rule.action}-{rule.status}-{rule.code}-{number}")
        for line in LINES
        for number, rule in enumerate(getattr(line, kind)())
    ]


@pytest.mark.parametrize(("line", "rule"), cases("answers"))
async def test_an_answer_is_judged_by_its_reason(bench: Bench, line: Line, rule: Rule) -> None:
    """Asked for as often as its class allows, and never for a second job."""
    bench.bigquery.inject(replace(rule, times=ALWAYS))
    ended, exc = await bench.end()
    jobs = bench.jobs()

    assert line.lasts == ended
    assert exc is not None
    assert line.error is exc.error_class
    assert [line.error] * line.requests == bench.ctx.results(INSERT)
    assert line.requests == len(jobs)
    assert 1 == len(set(jobs))
    assert list(line.pauses[: line.requests - 1]) == bench.ctx.pauses
    assert line.told in str(exc)


@pytest.mark.parametrize(("line", "rule"), cases("endings"))
async def test_a_job_that_failed_is_judged_by_its_reason(
    bench: Bench, line: Line, rule: Rule
) -> None:
    """The library makes a 500 of what it does not know; an id is used once."""
    bench.bigquery.inject(replace(rule, times=ALWAYS))
    ended, exc = await bench.end()
    jobs = bench.jobs()

    assert line.lasts == ended
    assert exc is not None
    assert line.error is exc.error_class
    assert [line.error] * line.jobs == bench.ctx.results(OUTCOME)
    assert line.jobs == len(set(jobs)) == len(jobs)
    assert line.told in str(exc)
    assert isinstance(exc, Parked) or rule.code == exc.code


@pytest.mark.parametrize(
    ("kind", "line"),
    [
        pytest.param(kind, line, id=f"{kind}-{line.said or line.reasons[0]}")
        for line in LINES
        for kind in ("answers", "endings")
        if (line.requests if kind == "answers" else line.jobs or 0) not in {None, 0, 1}
    ],
)
async def test_what_passes_is_made_good_within_the_run(
    bench: Bench, truth: Decimal, kind: str, line: Line
) -> None:
    """Whatever is tried again and then goes well, the rows are whole."""
    rules = getattr(line, kind)()
    for rule in rules[:1] if line.reasons else rules:  # one reason stands for all of its line
        bench.bigquery.inject(rule)
        rows = await bench.read()

        assert truth == sum(row["billed_cost"] for row in rows)
        assert (1 if kind == "answers" else 2) == len(set(bench.jobs()))


def test_the_page_says_what_was_shown_here() -> None:
    """The table of docs/connectors/gcp.md, line by line; no reason is left out."""
    said = [line for line in PAGE.read_text().splitlines() if line.startswith("| ")]
    start = said.index("| reason or fault | class | requests | jobs | the slice | what to do |")

    assert [line.row() for line in LINES] == said[start + 1 : start + 1 + len(LINES)]
    known = {
        reason: error_class
        for error_class, hints in REASONS.items()
        for reasons in hints.values()
        for reason in reasons
    }
    shown = {reason: line.error for line in LINES for reason in line.reasons}
    assert known == {**shown, "duplicate": ErrorClass.BAD_REQUEST}  # of a job: see `Session.insert`
