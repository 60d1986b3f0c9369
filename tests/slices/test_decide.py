"""What to do about a slice, from what is known before any data is read."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from ogfd.plugin import ErrorClass, LedgerEntry, Partition, PartitionState, Period
from ogfd.slices import Action, Known, Recompute, Rules, Wait, decide, recipe
from ogfd.state import SliceRecord, Verdict, VerdictKind

NOW = datetime(2026, 11, 10, tzinfo=UTC)
RECIPE = recipe({"grain": "daily"})
OCTOBER = Partition(key="2026-10", period=Period.month("2026-10"), version="v1", source="s3://b/r")
RULES = Rules(now=NOW, force=False, recompute=Recompute.OPEN, refresh=timedelta(hours=24))


def entry(version="v1", recipe_=RECIPE, source="s3://b/r"):
    return LedgerEntry(
        slice="aws/cost/2026-10",
        connector="aws",
        stream="cost",
        partition="2026-10",
        period=OCTOBER.period,
        closed=False,
        generation=1,
        target=recipe_.target(version),
        version=version,
        recipe=recipe_.id,
        source=source,
        rows=1,
        sums={},
        digest="d",
        attempt="a",
        committed_at=NOW,
    )


def record(**changes):
    plain = SliceRecord(
        slice="aws/cost/2026-10", connector="aws", outcome="committed", updated_at=NOW
    )
    return replace(plain, **changes)


def known(*bases, record=None, verdict=None, waiting=None, wait=None):
    verdicts = {verdict.target: verdict} if verdict else {}
    entries = {f"s{i}": b for i, b in enumerate(bases)}
    return Known(bases=entries, record=record, verdicts=verdicts, waiting=waiting, wait=wait)


def verdict(kind):
    return Verdict(
        slice="aws/cost/2026-10",
        target=RECIPE.target("v1"),
        kind=kind,
        reason="currency changed",
        decided_at=NOW,
        actor="ann",
    )


WAIT = Wait(reason="throttled", error_class=ErrorClass.TRANSIENT, until=NOW + timedelta(hours=1))


@pytest.mark.parametrize(
    ("facts", "action", "reason"),
    [
        (known(None), Action.READ, "new"),
        (known(entry()), Action.UNCHANGED, None),
        (known(entry("v0")), Action.READ, "restated by the provider"),
        (known(entry(), None), Action.READ, "a sink has not got it yet"),
        (known(entry(recipe_=recipe({"grain": "hourly"}))), Action.READ, "the recipe changed"),
        (known(entry("v0"), wait=WAIT), Action.PARKED, "throttled"),
        (known(entry(), wait=WAIT), Action.UNCHANGED, None),
        (known(None, wait=WAIT), Action.PARKED, "throttled"),
        (
            known(entry("v0"), verdict=verdict(VerdictKind.HELD), waiting=RECIPE.target("v1")),
            Action.HELD,
            "currency changed",
        ),
        (known(entry("v0"), verdict=verdict(VerdictKind.HELD)), Action.READ, "restated"),
        (known(entry("v0"), verdict=verdict(VerdictKind.REJECTED)), Action.HELD, "rejected by ann"),
        (known(entry("v0"), verdict=verdict(VerdictKind.APPROVED)), Action.READ, "restated"),
        (known(entry("v0", source="s3://other/r")), Action.HELD, "s3://other/r"),
    ],
)
def test_a_slice_is_read_only_if_it_needs_it(facts, action, reason):
    """Current slices are left alone, parked and held ones too, and everything says why."""
    decision = decide(OCTOBER, RECIPE, facts, RULES)

    assert action is decision.action
    assert (reason is None) == (decision.reason is None)
    assert (reason or "") in (decision.reason or "")


def test_a_decision_to_wait_says_for_what():
    """So that the result of the slice can."""
    assert WAIT is decide(OCTOBER, RECIPE, known(None, wait=WAIT), RULES).wait


def test_a_closed_month_is_not_recomputed_for_its_recipe_alone():
    """Closed months wait for the operator, open ones follow at once, unless told otherwise."""
    closed = replace(OCTOBER, state=PartitionState.CLOSED)
    facts = known(entry(recipe_=recipe({"grain": "hourly"})))

    waiting = decide(closed, RECIPE, facts, RULES)
    recomputed = decide(closed, RECIPE, facts, replace(RULES, recompute=Recompute.ALL))
    never = decide(OCTOBER, RECIPE, facts, replace(RULES, recompute=Recompute.NONE))
    restated = decide(replace(closed, version="v2"), RECIPE, facts, RULES)

    assert (Action.UNCHANGED, "--force" in (waiting.reason or "")) == (waiting.action, True)
    assert Action.READ is recomputed.action
    assert Action.UNCHANGED is never.action
    assert Action.READ is restated.action


@pytest.mark.parametrize("facts", [known(entry(), wait=WAIT), known(entry("v0"), wait=WAIT)])
def test_force_reads_whatever_is_known(facts):
    """The operator's word goes before every reason to wait."""
    assert Action.READ is decide(OCTOBER, RECIPE, facts, replace(RULES, force=True)).action


@pytest.mark.parametrize(("age", "action"), [(23, Action.UNCHANGED), (24, Action.READ)])
def test_a_source_without_versions_is_read_after_its_refresh(age, action):
    """Without a version only time tells when to look again."""
    partition = replace(OCTOBER, version=None)
    facts = known(entry(), record=record(read_at=NOW - timedelta(hours=age)))

    assert action is decide(partition, RECIPE, facts, RULES).action
