"""Which export is read, and which of its runs counts."""

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest
from ogfd_azure.config import CostConfig
from ogfd_azure.exports.choice import months, one_dataset
from ogfd_azure.exports.manifest import Export, Run

from ogfd.plugin import BadRequestError, FatalError, NotFoundError, PartitionState, Period

YEAR = Period.months("2026-01", "2026-12")
EXPORT = Export(name="acme", kind="FocusCost", scope="/subscriptions/1", root="costs/acme/")
RUN = Run(
    manifest="costs/acme/1/manifest.json", export=EXPORT, version="1.0", id="1",
    submitted=datetime(2026, 9, 2, tzinfo=UTC), first=date(2026, 8, 1), last=date(2026, 8, 31),
    parts=(), rows=0,
)  # fmt: skip


def run(number=1, day=2, export=EXPORT, **changes):
    return replace(
        RUN,
        **{
            "id": str(number),
            "manifest": f"{export.root}{number}/manifest.json",
            "submitted": datetime(2026, 9, day, tzinfo=UTC),
            "export": export,
        }
        | changes,
    )


def chosen(*runs, export=None):
    config = CostConfig(account="acme", container="exports", export=export)
    return one_dataset(runs, config, "acme/exports/costs")


def test_the_newest_run_counts():
    """By when it was asked for, then by its id; whole months replace each other."""
    [month] = months([run(1, 2), run(3, 4), run(2, 4), run(9, 3)], YEAR)

    assert ("2026-08", "3", ()) == (month.key, month.run.id, month.doubts)


def test_an_export_by_day_and_one_of_the_last_month_are_one():
    """Same scope, same dataset, same version: the newest run of either counts."""
    monthly = replace(EXPORT, name="acme-last-month", root="costs/acme-last-month/")
    runs = chosen(run(1, 2), run(2, 4, monthly))

    assert "2" == months(runs, YEAR)[0].run.id


def test_an_export_may_be_brought_to_another_version():
    """Its runs before that have the older one."""
    assert 2 == len(chosen(run(1, 2), run(2, 3, version="1.2")))


@pytest.mark.parametrize(
    "other",
    [
        {"kind": "ActualCost", "name": "b"},
        {"scope": "/providers/microsoft.billing/billingaccounts/1", "name": "b"},
        {"scope": "", "name": "b", "root": "costs/b/"},
    ],
)
def test_several_exports_are_refused_by_name(other):
    """They may have the same costs twice; the message tells them apart."""
    second = replace(EXPORT, **other)
    with pytest.raises(BadRequestError, match="may have the same costs twice") as failed:
        chosen(run(), run(2, 2, second))

    for text in ("acme (FocusCost of /subscriptions/1 1.0)", f"b ({second.costs} 1.0)"):
        assert text in str(failed.value)
    assert "set export to the name of one" in str(failed.value)
    assert ["2"] == [one.id for one in chosen(run(), run(2, 2, second), export="B")]


def test_two_versions_side_by_side_are_two():
    """They would replace each other in turns."""
    with pytest.raises(BadRequestError, match=r"acme \(.* 1.0\); b \(.* 1.2\)"):
        chosen(run(), run(2, 3, replace(EXPORT, name="b"), version="1.2"))


def test_exports_without_costs_are_passed_over():
    """Price sheets and reservations lie beside them."""
    prices = replace(EXPORT, kind="PriceSheet", name="prices")

    assert ["1"] == [one.id for one in chosen(run(), run(2, 3, prices))]


def test_runs_of_before_2023_belong_to_the_export_of_their_folder():
    """An export that was brought to the new form is one export all the time."""
    old = replace(EXPORT, kind="", scope="")
    runs = chosen(run(1, 2, old), run(2, 3))

    assert {EXPORT} == {one.export for one in runs}


def test_none_is_not_found():
    """The message names those there are, if a name is wrong."""
    with pytest.raises(NotFoundError, match="no run of a cost export under acme/exports/costs"):
        chosen()
    with pytest.raises(NotFoundError, match=r"cost export b under .*there are acme"):
        chosen(run(), export="b")


def test_a_run_of_some_days_is_doubted_beside_one_of_more():
    """Also where nothing is committed that it could be compared with."""
    [month] = months([run(1, 2), run(2, 3, last=date(2026, 8, 9))], YEAR)

    assert "2" == month.run.id
    [doubt] = month.doubts
    assert (
        "the newest run, costs/acme/2/manifest.json, is of 2026-08-01 to 2026-08-09 alone, and an "
        "older one, costs/acme/1/manifest.json, of 2026-08-01 to 2026-08-31" == doubt
    )


def test_a_run_that_goes_further_is_not_doubted():
    """Month to date, day after day."""
    [month] = months([run(1, 2, last=date(2026, 8, 9)), run(2, 3, last=date(2026, 8, 10))], YEAR)

    assert () == month.doubts


def test_a_run_has_no_days_that_were_to_come_when_it_was_made():
    """One of the whole month, made on the 10th by hand, casts no doubt on those by day after it."""
    whole = run(1, submitted=datetime(2026, 8, 10, 12, tzinfo=UTC))
    daily = [
        run(day, submitted=datetime(2026, 8, day, 6, tzinfo=UTC), last=date(2026, 8, last))
        for day, last in ((9, 8), (11, 10))
    ]
    [month] = months([whole, *daily], YEAR)
    [doubted] = months([whole, run(2, 11, last=date(2026, 8, 9))], YEAR)

    assert ("11", ()) == (month.run.id, month.doubts)
    assert "is of 2026-08-01 to 2026-08-09 alone" in doubted.doubts[0]


def test_a_run_that_begins_later_is_doubted():
    """It can be no whole month."""
    [month] = months([run(first=date(2026, 8, 10))], YEAR)

    assert "is of 2026-08-10 to 2026-08-31 and not from the 1st on" in month.doubts[0]


def test_a_run_of_several_months_is_refused():
    """Which of them would it replace? Other months are none the worse for it."""
    first, second = months(
        [run(last=date(2026, 9, 30)), run(2, 5, first=date(2026, 9, 1), last=date(2026, 9, 4))],
        YEAR,
    )
    with pytest.raises(FatalError, match="more than one month"):
        first.check()
    second.check()


def test_months_outside_of_the_window_are_not_listed():
    """Oldest first, whatever the order of the runs."""
    september = run(2, 5, first=date(2026, 9, 1), last=date(2026, 9, 4))

    assert ["2026-08", "2026-09"] == [one.key for one in months([september, run()], YEAR)]
    assert ["2026-09"] == [one.key for one in months([september, run()], Period.month("2026-09"))]


@pytest.mark.parametrize(
    ("day", "state"),
    [
        (datetime(2026, 8, 31, 23, tzinfo=UTC), PartitionState.OPEN),
        (datetime(2026, 9, 1, tzinfo=UTC), PartitionState.CLOSING),
        (datetime(2026, 9, 5, 23, tzinfo=UTC), PartitionState.CLOSING),
        (datetime(2026, 9, 6, tzinfo=UTC), PartitionState.CLOSED),
    ],
)
def test_a_month_closes_after_the_fifth(day, state):
    """Until then Azure may change it."""
    [month] = months([run()], YEAR)

    assert state is month.state(day)
