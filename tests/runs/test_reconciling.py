"""What sinks hold of a month beside the provider's totals: asked for, and after a run."""

import shutil
from dataclasses import replace
from decimal import Decimal

import pytest
from making import batch_of, row
from runs.bookkeeping import EUR, NOW, USD, changed, drift, reconcile, results, standing, sync

from ogfd.config import AccountFilter, load
from ogfd.daemon import open_app
from ogfd.plugin import AuthError, NotPublished, SinkError, TransientError
from ogfd.registry import Registry, bind
from ogfd.runs import RunOutcome


def with_lines(tmp_path, bound):
    """Return the configuration with a second sink, which cannot be read and has no ledger."""
    path = tmp_path / "ogfd.toml"
    path.write_text(f'[sinks.lines]\ntype = "jsonl"\npath = "{tmp_path}/lines"\n')
    lines, _ = load(path, {})
    settings = replace(bound.settings, sinks={**bound.settings.sinks, **lines.sinks})
    return replace(bound, settings=settings, sinks={**bound.sinks, **bind(lines, Registry()).sinks})


def by_sink(document):
    return {(each["sink"], each["result"]) for each in document["checks"]}


async def test_months_that_equal_the_totals_match(by_hand, diary, books):
    """Newest first, by measure and sink, with both figures."""
    async with open_app(by_hand) as app:
        await sync(app)
        assert [] == books.asked
        document = await reconcile(app)

        assert ["2026-10", "2026-09"] == books.asked
        assert {("2026-10", USD): "match", ("2026-09", USD): "match"} == results(document)
        first = document["checks"][0]
        assert ("main", "0.1", "0.1", "0", 0.0) == tuple(
            first[name] for name in ("sink", "committed", "provider", "difference", "share")
        )
        assert ("the books", True, NOW.isoformat()) == (
            first["origin"], first["independent"], first["checked_at"],
        )  # fmt: skip
        assert ("match", []) == (document["result"], document["errors"])
        assert (0.0, []) == (drift(app), await standing(app))


async def test_drift_is_told_by_status_and_metric_also_after_a_restart(by_hand, diary, books):
    """Until the month is checked again."""
    books.months["2026-09"] = {USD: Decimal("0.08"), EUR: Decimal("2.00")}
    async with open_app(by_hand) as app:
        assert None is drift(app)
        await sync(app)
        document = await reconcile(app)
        assert {
            ("2026-10", USD): "match", ("2026-09", USD): "drift", ("2026-09", EUR): "missing",
        } == results(document)  # fmt: skip
        assert "drift" == document["result"]
        assert 1.0 == drift(app)
    async with open_app(by_hand) as app:
        assert 1.0 == drift(app)
        told = {each["measure"]: each for each in await standing(app)}
        assert ("d/cost", "2026-09", "drift", "0.02", 0.25) == tuple(
            told[USD][name]
            for name in ("stream", "billing_period", "result", "difference", "share")
        )
        assert {USD, EUR} == set(told)

        books.months["2026-09"] = {USD: Decimal("0.1")}
        await reconcile(app)
        assert (0.0, []) == (drift(app), await standing(app))


async def test_a_month_is_the_sum_of_all_slices_with_rows_of_it(by_hand, diary, books):
    """Exactly: a day or a month of the provider may have rows of two billing periods."""

    async def read(partition, out):
        later = row(billing_period="2026-10", billed_cost=Decimal("0.000000000000000001"))
        own = row(billing_period=partition.key, service="own", billed_cost=Decimal("0.1"))
        await out.write(batch_of([later, own]))

    diary.read = read
    books.months["2026-10"] = {USD: Decimal("0.100000000000000002")}
    async with open_app(by_hand) as app:
        await sync(app)
        document = await reconcile(app)

    assert {"match"} == set(results(document).values())
    assert "0.100000000000000002" == document["checks"][0]["committed"]


@pytest.mark.parametrize("is_old", [False, True])
async def test_rows_without_a_payer_count_for_their_month(
    by_hand, diary, books, monkeypatch, is_old
):
    """Also in a package that says no more than what it claims, from before there was more."""

    async def read(partition, out):
        await out.write(batch_of([row(billing_period=partition.key)]))
        if partition.key == "2026-10":
            late = row(billing_period="2026-09", billing_account_id=None, service="late")
            await out.write(batch_of([late]))

    diary.read = read
    books.months["2026-09"] = {USD: Decimal("0.2")}
    if is_old:
        monkeypatch.setattr("ogfd.packages.totals.Totals.billing_periods", None)
    async with open_app(by_hand) as app:
        await sync(app)
        document = await reconcile(app)

    assert {("2026-10", USD): "match", ("2026-09", USD): "match"} == results(document)


@pytest.mark.parametrize("split", [False, True])
async def test_without_packages_only_a_month_of_its_own_slices_can_be_verified(
    tmp_path, by_hand, diary, books, split
):
    """The sink keeps floats of the rows, and exact sums of the slice alone."""
    if split:

        async def read(partition, out):
            await out.write(batch_of([row(billing_period=each) for each in diary.months]))

        diary.read = read
        diary.months = ["2026-09", "2026-10"]
    keeping = replace(by_hand.settings.archive, keep="none")
    bound = replace(by_hand, settings=replace(by_hand.settings, archive=keeping))
    async with open_app(bound) as app:
        await sync(app)
        assert [] == list((tmp_path / "state" / "archive").rglob("*.parquet"))
        document = await reconcile(app)

    if not split:
        assert {"match"} == set(results(document).values())
        return
    assert {("2026-10", None): "unverified", ("2026-09", None): "unverified"} == results(document)
    assert "has rows of 2 billing periods" in document["checks"][0]["reason"]


async def test_a_sink_that_cannot_be_read_is_verified_by_the_packages_it_took(
    tmp_path, by_hand, diary, books
):
    """Without them another sink with the same rows tells; without that, nobody does."""
    both = with_lines(tmp_path, by_hand)
    async with open_app(both) as app:
        await sync(app)
        assert {("main", "match"), ("lines", "match")} == by_sink(await reconcile(app))
    shutil.rmtree(tmp_path / "state" / "archive")
    async with open_app(both) as app:
        assert {("main", "match"), ("lines", "match")} == by_sink(await reconcile(app))
    async with open_app(both) as app:
        app.runner.sinks["main"].scan = None
        document = await reconcile(app)

    assert {("main", "unverified"), ("lines", "unverified")} == by_sink(document)
    assert "which the archive has not" in document["checks"][0]["reason"]


async def test_a_package_that_waits_for_one_sink_tells_of_the_other(
    tmp_path, by_hand, diary, books
):
    """The sink that did not take it has nothing, whatever waits."""
    async with open_app(with_lines(tmp_path, by_hand)) as app:

        async def commit(*arguments):
            raise SinkError("the disk is full")

        app.runner.sinks["lines"].commit = commit
        app.runner.sinks["main"].scan = None
        await sync(app)
        assert {"d/cost/2026-09", "d/cost/2026-10"} == set(app.runner.engine.waiting)
        document = await reconcile(app)

    assert {("main", "match"), ("lines", "missing")} == by_sink(document)


async def test_a_sink_that_is_fed_no_more_is_off_no_more(tmp_path, by_hand, diary, books):
    """Nobody would ever check it again."""
    async with open_app(with_lines(tmp_path, by_hand)) as app:

        async def commit(*arguments):
            raise SinkError("the disk is full")

        app.runner.sinks["lines"].commit = commit
        await sync(app)
        await reconcile(app)
        assert ({"lines"}, 1.0) == ({each["sink"] for each in await standing(app)}, drift(app))
    async with open_app(by_hand) as app:
        assert ([], 0.0) == (await standing(app), drift(app))


async def test_an_archive_that_cannot_be_read_proves_nothing_wrong(tmp_path, by_hand, diary, books):
    """The sink itself is asked then."""
    async with open_app(by_hand) as app:
        await sync(app)
        for path in (tmp_path / "state" / "archive").rglob("manifest.json"):
            path.write_text("{}")
        assert {"match"} == set(results(await reconcile(app)).values())


async def test_what_is_not_independent_or_not_there_is_never_a_match(by_hand, diary, books):
    """Nor is a stream without totals."""
    books.independent = False
    async with open_app(by_hand) as app:
        await sync(app)
        document = await reconcile(app)
        assert {"unverified"} == set(results(document).values())
        assert [True, True] == [each["agrees"] for each in document["checks"]]
        assert None is drift(app)

        books.months["2026-10"] = None
        books.months["2026-09"] = NotPublished("in a week")
        document = await reconcile(app)
        assert {("2026-10", None): "unverified", ("2026-09", None): "unverified"} == results(
            document
        )
        assert [
            "the provider gives no totals of this month",
            "the provider gives no totals of this month: in a week",
        ] == [each["reason"] for each in document["checks"]]

        del diary.totals
        document = await reconcile(app)
        assert {"the connector has no totals of this stream"} == {
            each["reason"] for each in document["checks"]
        }


async def test_totals_by_the_path_of_the_rows_show_what_is_wrong(by_hand, diary, books):
    """A difference is drift, until there is none any more; the metric is gone with it."""
    books.independent = False
    books.months["2026-09"] = {USD: Decimal("0.2")}
    async with open_app(by_hand) as app:
        await sync(app)
        document = await reconcile(app)
        assert {("2026-10", USD): "unverified", ("2026-09", USD): "drift"} == results(document)
        assert ("drift", 0.5) == ((await standing(app))[0]["result"], drift(app))

        books.months["2026-09"] = {USD: Decimal("0.1")}
        await reconcile(app)
        assert ([], None) == (await standing(app), drift(app))


@pytest.mark.parametrize("first", ["2026-09", "2026-08"])
async def test_a_month_before_the_start_may_be_there_in_part(by_hand, diary, books, first):
    """Its late rows came with a slice of after the start; a slice of its own has all of it."""
    diary.months = [first, "2026-10"]

    async def read(partition, out):
        late = row(billing_period="2026-08", service="late")
        await out.write(batch_of([row(billing_period=partition.key), late]))

    diary.read = read
    books.months["2026-08"] = {USD: Decimal(5)}
    async with open_app(by_hand) as app:
        await sync(app)
        check = (await reconcile(app))["checks"][-1]

    excused = first == "2026-09"
    assert ("2026-08", "unverified" if excused else "drift") == (
        check["billing_period"], check["result"],
    )  # fmt: skip
    assert excused == ("the stream starts later" in (check["reason"] or ""))


async def test_a_difference_may_have_a_reason(by_hand, diary, books):
    """The month is not over, or accounts are left out that the totals may have."""
    diary.months = ["2026-10", "2026-11"]
    books.months = {month: {USD: Decimal("0.2")} for month in diary.months}
    accounts = AccountFilter(exclude=("999*",))
    async with open_app(changed(by_hand, table={"accounts": accounts})) as app:
        await sync(app)
        november, october = (await reconcile(app))["checks"]

        assert ("unverified", "unverified") == (november["result"], october["result"])
        assert "the month is not over" in november["reason"]
        assert "the setting accounts leaves rows out" in october["reason"]
        assert (None, []) == (drift(app), await standing(app))


async def test_the_newest_three_months_unless_others_are_asked_for(by_hand, diary, books):
    """A range is that of the stream: a month that no sink holds is missing, not passed over."""
    diary.months = ["2026-06", "2026-07", "2026-08", "2026-10", "2026-11"]
    books.months = {month: {USD: Decimal("0.1")} for month in [*diary.months, "2026-09"]}
    async with open_app(by_hand) as app:
        await sync(app)
        await reconcile(app)
        assert ["2026-11", "2026-10", "2026-08"] == books.asked

        books.asked.clear()
        document = await reconcile(app, **{"from": "2026-07", "to": "2026-12"})
    # The stream starts in 2026-09; what is held from before is checked all the same.
    assert ["2026-11", "2026-10", "2026-09", "2026-08", "2026-07"] == books.asked
    assert ("missing", {"match"}) == (
        results(document)["2026-09", USD],
        {result for (month, _), result in results(document).items() if month != "2026-09"},
    )


async def test_a_provider_that_cannot_be_asked_is_an_error_beside_what_was_known(
    by_hand, diary, books
):
    """A drift stays one until a check says otherwise."""
    books.months["2026-10"] = {USD: Decimal("0.2")}
    async with open_app(by_hand) as app:
        await sync(app)
        await reconcile(app)
        books.months["2026-10"] = AuthError("denied")
        document = await reconcile(app)

        assert [("d", "cost", "auth", "denied")] == [
            (each["connector"], each["stream"], each["class"], each["message"])
            for each in document["errors"]
        ]
        assert [] == document["checks"]
        assert ["drift", "failed"] == [each["result"] for each in await standing(app)]
        assert 0.5 == drift(app)


async def test_a_sink_that_is_down_is_an_error(by_hand, diary, books):
    """What it held once is no proof of what it holds."""
    async with open_app(by_hand) as app:
        await sync(app)

        async def down(slices=None):
            raise SinkError("no")

        app.runner.sinks["main"].ledger = down
        document = await reconcile(app)

    assert [] == document["checks"]
    assert ["transient"] == [each["class"] for each in document["errors"]]


async def test_a_run_reconciles_the_months_over_that_it_changed(bound, diary, books):
    """By itself, where that is free; not months that it left alone or that are not over."""
    diary.months = ["2026-09", "2026-10", "2026-11"]
    books.months["2026-09"] = {USD: Decimal("1.00")}
    async with open_app(bound) as app:
        await sync(app)
        assert ["2026-10", "2026-09"] == books.asked
        assert 0.9 == drift(app)

        books.asked.clear()
        await sync(app)
        assert [] == books.asked


async def test_a_run_succeeds_whatever_becomes_of_its_reconciliation(bound, diary, books, caplog):
    """It is logged, and status shows it."""
    books.months["2026-10"] = TransientError("throttled")
    async with open_app(bound) as app:
        result = await sync(app)

        assert RunOutcome.SUCCEEDED is result.outcome
        [failed] = await standing(app)
        assert ("d/cost", "2026-10", "failed", "throttled") == (
            failed["stream"], failed["billing_period"], failed["result"],
            failed["error"]["message"],
        )  # fmt: skip
    assert "a stream could not be reconciled" in caplog.messages
