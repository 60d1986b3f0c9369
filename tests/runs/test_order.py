"""A run of a whole connector through the real composition, with a stream that writes a diary."""

from ogfd.daemon import open_app
from ogfd.runs import RunOutcome, RunRequest, Trigger


async def run(app, entries):
    sink = app.runner.sinks["main"]
    ledger = sink.ledger

    async def told(slices=None):
        entries.append("ledger")
        return await ledger(slices)

    sink.ledger = told
    request = RunRequest(connector="d", trigger=Trigger.CLI)
    return await app.runner.run(request, lambda event: None)


async def test_the_ledger_is_read_before_the_source_is_listed(bound, diary):
    """The base of the compare-and-swap is older than the version that it guards; newest first."""
    async with open_app(bound) as app:
        result = await run(app, diary.entries)

    assert RunOutcome.SUCCEEDED is result.outcome
    assert ["ledger", "listed", "read 2026-10", "read 2026-09"] == diary.entries


async def test_one_broken_slice_makes_the_run_partial(bound, diary):
    """The other slice is committed, the run says that it was not all."""
    diary.break_("2026-10")
    async with open_app(bound) as app:
        result = await run(app, diary.entries)

    assert RunOutcome.PARTIAL is result.outcome
    outcomes = {each.slice: str(each.outcome) for each in result.slices}
    assert {"d/cost/2026-09": "committed", "d/cost/2026-10": "failed"} == outcomes
