"""Contracts: what holds a package before any sink sees it."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ogfd.plugin import Claim, Kind, LedgerEntry, PackageInfo, Period
from ogfd.slices.judge import violations

OCTOBER = Period.month("2026-10")
INFO = PackageInfo(
    slice="aws/cost/2026-10", provider="aws", connector="aws", stream="cost", partition="2026-10",
    kind=Kind.COST, period=OCTOBER, closed=False, source="", version="v2", recipe="r",
    recipe_body={}, target="t2", rows=2, line_count=2, sums={"billed_cost:USD": "1"}, digest="d",
)  # fmt: skip
HELD = LedgerEntry(
    slice="aws/cost/2026-10", connector="aws", stream="cost", partition="2026-10", period=OCTOBER,
    closed=False, generation=1, target="t1", version="v1", recipe="r", source="", rows=2,
    sums={"billed_cost:USD": "1"}, digest="d", attempt="a",
    committed_at=datetime(2026, 11, 1, tzinfo=UTC),
)  # fmt: skip


SEPTEMBER = Claim(provider="aws", billing_account_id="1", billing_period="2026-09", kind=Kind.COST)


@dataclass
class Judged:
    info: PackageInfo
    fate: dict[str, Any] = field(default_factory=lambda: {"rejected_with_cost": 0})


def test_a_package_that_keeps_to_all_contracts_passes():
    """With or without an earlier generation."""
    assert [] == violations(Judged(INFO), None)
    assert [] == violations(Judged(INFO), HELD)


@pytest.mark.parametrize(
    ("package", "previous", "clause"),
    [
        (Judged(INFO, {"rejected_with_cost": 2}), None, "2 rejected rows may hold cost"),
        (
            Judged(replace(INFO, sums={"market_based_kg": "-0.5"})),
            None,
            "negative emissions in market_based_kg",
        ),
        (Judged(replace(INFO, rows=0, sums={})), HELD, "no rows, the committed one has 2"),
        (
            Judged(replace(INFO, sums={"billed_cost:CNY": "1", "billed_cost:USD": "1"})),
            HELD,
            "the currencies changed from USD to CNY, USD",
        ),
        (
            Judged(replace(INFO, claims=(SEPTEMBER,))),
            None,
            "no row is of billing period 2026-10, all are of 2026-09",
        ),
    ],
)
def test_each_violation_is_one_clause(package, previous, clause):
    """It says what is wrong in the words of the bill."""
    [found] = violations(package, previous)

    assert clause in found


@pytest.mark.parametrize(
    ("days", "held"),
    [
        (None, ("2026-10-01", "2026-10-31")),
        (("2026-10-01", "2026-10-09"), None),
        (("2026-10-01", "2026-10-09"), ("2026-10-02", "2026-10-09")),
    ],
)
def test_days_are_compared_if_both_are_known(days, held):
    """The same days or more of them pass."""
    assert [] == violations(Judged(replace(INFO, days=days)), HELD, held)


def test_what_was_exported_on_a_day_may_be_of_any_days():
    """A late row that is taken back leaves fewer days; the day of export is whole all the same."""
    start = OCTOBER.start
    info = replace(
        INFO, period=Period(start, start + timedelta(days=1)), days=("2026-09-30", "2026-09-30")
    )

    assert [] == violations(Judged(info), HELD, ("2026-09-12", "2026-09-30"))


def test_rejected_carbon_rows_do_not_hold_money():
    """Rows without cost are counted, not held: only a cost stream is a bill."""
    assert [] == violations(
        Judged(replace(INFO, kind=Kind.CARBON), {"rejected_with_cost": 2}), None
    )


def test_rows_of_other_months_beside_the_own_one_pass():
    """An export may bring a few rows of a neighbouring billing period."""
    own = replace(SEPTEMBER, billing_period="2026-10")

    assert [] == violations(Judged(replace(INFO, claims=(SEPTEMBER, own))), None)
