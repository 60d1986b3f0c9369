"""Differences from the provider's totals that are no drift, and those that would like to be none."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from making import batch_of, row
from runs.bookkeeping import NOW, USD, changed, drift, reconcile, standing, sync

from ogfd.config import AccountFilter
from ogfd.daemon import open_app
from ogfd.plugin import Partition, PartitionState, Period

MORE = {USD: Decimal("0.2")}


@pytest.fixture
def month(diary, books):
    """One month that is over; totals that it differs from come by the path of its rows."""
    diary.months = ["2026-10"]
    books.months = {"2026-10": MORE}
    books.independent = False
    return diary


def listing(diary, state=PartitionState.CLOSED, months=()):
    """Have the diary list other months, all of one state."""

    async def partitions(window):
        return [
            Partition(key=key, period=Period.month(key), version=diary.version, state=state)
            for key in months or diary.months
        ]

    diary.partitions = partitions


async def told(app, **params):
    """Return result and reason of the only sum."""
    [check] = (await reconcile(app, **params))["checks"]
    return check["result"], check["reason"] or ""


async def test_what_has_changed_since_the_last_run_is_no_drift(by_hand, month, books):
    """Whatever path the totals came by: the export has grown by an hour. A sync settles it."""
    async with open_app(by_hand) as app:
        await sync(app)
        month.version = "v2"
        late = await told(app)
        books.independent = True
        other = await told(app)
        assert (None, []) == (drift(app), await standing(app))

        await sync(app)
        settled = await told(app)

    changed_since = "it differs, but d/cost/2026-10: changed since the last run"
    assert [("unverified", changed_since)] * 2 == [late, other]
    assert "drift" == settled[0]


async def test_what_was_there_when_it_was_read_is_drift(by_hand, month):
    """Nothing has changed: rows were lost or doubled on the way."""
    async with open_app(by_hand) as app:
        await sync(app)

        assert "drift" == (await told(app))[0]


async def test_slices_that_nobody_has_read_yet_explain_a_difference(by_hand, month):
    """Those of the month itself, and those known to have rows of it; no others."""
    month.months = ["2026-10", "2026-11"]
    async with open_app(by_hand) as app:
        listing(month, months=["2026-10"])
        await sync(app)
        listing(month)
        later = await told(app)

        month.months = ["2026-10"]

        async def partitions(window):
            return [
                Partition(key=key, period=Period.month("2026-10"), version="v1")
                for key in ("2026-10", "late", "latest")
            ]

        month.partitions = partitions
        own = await told(app)

    assert "drift" == later[0]
    assert (
        "unverified",
        "it differs, but d/cost/late and 1 more: changed since the last run",
    ) == own


async def test_later_slices_that_are_known_to_have_rows_of_the_month_count(by_hand, month):
    """An export writes late rows on the day that they come."""

    async def read(partition, out):
        await out.write(batch_of([row(), row(billing_period=partition.key, service="own")]))

    month.read = read
    month.months = ["2026-10", "2026-11"]
    async with open_app(by_hand) as app:
        await sync(app)
        month.version = "v2"
        listing(month, months=["2026-11"])
        october = (await reconcile(app))["checks"][1]

    assert ("2026-10", "unverified") == (october["billing_period"], october["result"])
    assert "d/cost/2026-11: changed since the last run" in october["reason"]


async def test_rows_that_the_source_has_no_more_are_drift(by_hand, month, books):
    """They may have been cut off by age there, or be held twice: whoever looks is told which."""
    month.months = ["2026-09", "2026-10"]
    books.months = {"2026-10": MORE, "2026-09": {USD: Decimal("0.1")}}
    async with open_app(by_hand) as app:
        await sync(app)
        listing(month, months=["2026-09"])
        first, _ = (await reconcile(app))["checks"]

    reason = "d/cost/2026-10: no longer listed by the provider, and the rows are kept"
    assert ("drift", reason) == (first["result"], first["reason"])


async def test_what_a_run_could_not_bring_home_is_drift(by_hand, month):
    """It fails, and the copy is old: the next run will say so too."""
    async with open_app(by_hand) as app:
        await sync(app)
        month.version = "v2"
        month.break_("2026-10")
        await sync(app)

        assert "drift" == (await told(app))[0]


async def test_what_nobody_has_looked_at_for_long_is_drift(by_hand, month, monkeypatch):
    """A daemon that was off for weeks has late rows, whatever the source says of itself."""
    async with open_app(by_hand) as app:
        await sync(app)
    month.version = "v2"
    monkeypatch.setattr("ogfd.daemon.utc_now", lambda: NOW + timedelta(days=9))
    async with open_app(by_hand) as app:
        assert "drift" == (await told(app))[0]


async def test_a_month_of_which_nothing_is_held_is_missing(by_hand, month):
    """Nobody has read it: that the provider may still change it is no excuse."""
    listing(month, PartitionState.CLOSING)
    async with open_app(by_hand) as app:
        assert "missing" == (await told(app, **{"from": "2026-10", "to": "2026-10"}))[0]


async def test_a_month_that_the_provider_has_not_closed_is_compared_in_vain(by_hand, month, books):
    """Late rows come for days, and to two exports not in the same hour. A match is one all the same."""
    listing(month, PartitionState.CLOSING)
    books.independent = True
    async with open_app(by_hand) as app:
        await sync(app)
        differs = await told(app)
        books.months["2026-10"] = {USD: Decimal("0.1")}
        agrees = await told(app)
        listing(month, PartitionState.CLOSED)
        books.months["2026-10"] = MORE
        closed = await told(app)

    assert ("unverified", True) == (differs[0], "has not closed the month" in differs[1])
    assert ["match", "drift"] == [agrees[0], closed[0]]


async def test_rows_of_other_settings_are_no_drift(by_hand, month):
    """Of a closed month they stay until somebody applies what was set."""
    listing(month)
    strict = AccountFilter(exclude=("9*",))
    async with open_app(changed(by_hand, table={"accounts": strict})) as app:
        await sync(app)
    async with open_app(by_hand) as app:
        result, reason = await told(app)

    assert "unverified" == result
    assert "d/cost/2026-10: read with other settings; see ogfd apply" in reason


async def test_a_new_version_of_the_mapping_is_no_excuse(by_hand, month):
    """It decides what rows look like, not which there are: `ogfd apply` may never be called."""
    listing(month)
    async with open_app(by_hand) as app:
        await sync(app)
    connector = by_hand.connectors["d"]
    newer = replace(connector, spec=replace(connector.spec, mapping_version=2))
    async with open_app(replace(by_hand, connectors={"d": newer})) as app:
        assert "drift" == (await told(app))[0]


async def test_totals_without_the_accounts_that_are_left_out_are_compared(by_hand, month, books):
    """They say so; then the setting explains nothing."""
    books.selected = True
    strict = AccountFilter(exclude=("9*",))
    async with open_app(changed(by_hand, table={"accounts": strict})) as app:
        await sync(app)

        assert "drift" == (await told(app))[0]


async def test_a_source_is_listed_only_to_explain_a_difference(by_hand, month, books):
    """Once for all months: some sources read rows to tell what changed."""
    month.months = ["2026-09", "2026-10"]
    books.months = {key: {USD: Decimal("0.1")} for key in month.months}
    async with open_app(by_hand) as app:
        await sync(app)
        month.entries.clear()
        await reconcile(app)
        equal = list(month.entries)
        books.months = dict.fromkeys(month.months, MORE)
        await reconcile(app)

    assert ([], ["listed"]) == (equal, month.entries)


async def test_a_month_that_was_off_is_reconciled_when_it_changes(bound, diary, books):
    """However old it is: what `ogfd reconcile` found of it stands until then."""
    diary.months = ["2026-07", "2026-08", "2026-09", "2026-10"]
    books.months = {key: {USD: Decimal("0.1")} for key in diary.months} | {"2026-07": MORE}
    async with open_app(bound) as app:
        await sync(app)
        await reconcile(app, **{"from": "2026-07"})
        assert ["2026-07"] == [each["billing_period"] for each in await standing(app)]

        diary.version, diary.rows = "v2", 2
        books.months = dict.fromkeys(diary.months, MORE)
        books.asked.clear()
        await sync(app)

        assert ["2026-10", "2026-09", "2026-08", "2026-07"] == books.asked
        assert (0.0, []) == (drift(app), await standing(app))


@pytest.mark.parametrize("how", ["not published", "no totals"])
async def test_what_can_be_told_no_more_stands_no_more(by_hand, month, books, how):
    """The reference was taken away: nobody could ever take the drift back."""
    books.independent = True
    async with open_app(by_hand) as app:
        chosen = {"from": "2026-10", "to": "2026-10"}
        await reconcile(app, **chosen)
        assert (["missing"], 1.0) == ([each["result"] for each in await standing(app)], drift(app))

        if how == "no totals":
            del month.totals
        books.months.clear()
        document = await reconcile(app, **chosen)

        assert [] == document["checks"]
        assert (None, []) == (drift(app), await standing(app))
