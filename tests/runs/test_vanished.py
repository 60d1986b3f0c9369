"""A slice that the provider no longer lists is reported, never deleted by itself."""

from datetime import UTC, datetime
from types import SimpleNamespace

from ogfd.plugin import LedgerEntry, Partition, Period
from ogfd.runs.planning import Planned, vanished
from ogfd.slices import Action, Bases, Decision, Outcome

BLUEPRINT = SimpleNamespace(
    sinks=("main",), connector=SimpleNamespace(name="aws"), stream=SimpleNamespace(name="cost")
)


def entry(month: str, *, stream: str = "cost", rows: int = 3) -> LedgerEntry:
    return LedgerEntry(
        slice=f"aws/{stream}/{month}", connector="aws", stream=stream, partition=month,
        period=Period.month(month), closed=True, generation=1, target="t", version="v", recipe="r",
        source="", rows=rows, sums={}, digest="d", attempt="a",
        committed_at=datetime(2026, 11, 1, tzinfo=UTC),
    )  # fmt: skip


def planned(month: str) -> Planned:
    return Planned(
        slice=f"aws/cost/{month}",
        partition=Partition(key=month, period=Period.month(month), version="v"),
        decision=Decision(action=Action.UNCHANGED),
    )


def test_only_what_is_held_in_the_window_and_not_listed_is_absent():
    """Other streams, months outside of the window and empty slices are nobody's business here."""
    held = [
        entry("2026-08"),
        entry("2026-09"),
        entry("2026-10"),
        entry("2026-09", stream="carbon"),
        entry("2025-01"),
        entry("2026-07", rows=0),
    ]
    bases = Bases(entries={"main": {each.slice: each for each in held}}, down={})

    gone = vanished([planned("2026-10")], BLUEPRINT, Period.months("2026-01", "2026-10"), bases)

    assert ["aws/cost/2026-08", "aws/cost/2026-09"] == [each.slice for each in gone]
    assert {Outcome.ABSENT} == {each.outcome for each in gone}
