"""Reports over a sink that can be read."""

import random
from contextlib import asynccontextmanager
from decimal import Decimal

import pyarrow as pa
import pytest
from reports.stores import (
    TextSink,
    TypedSink,
    entry,
    ledger,
    row,
)

from ogfd.plugin import Period, SinkError
from ogfd.reports import DIMENSIONS, ReportError, ReportQuery, query_of, report
from ogfd.reports.sums import Sums


@pytest.mark.parametrize("kind", [TextSink, TypedSink])
async def test_costs_add_up_by_the_dimensions_asked_for_highest_first(kind):
    """Over several batches and both ways in which sinks answer."""
    sink = kind(
        [
            row(billed_cost="0.1", line_count=2),
            row(service="AmazonS3", billed_cost="5", effective_cost="4"),
            row(billed_cost="0.2"),
            row(region="eu-west-1", billed_cost="7", effective_cost="-1.5"),
            row(billed_cost="-0.05"),
        ]
    )
    made = await report(sink, ReportQuery(by=("service", "region")))

    assert (
        {"service": "AmazonEC2", "region": "eu-west-1", "currency": "USD", "billed_cost": 7.0,
         "effective_cost": -1.5, "line_count": 1},
        {"service": "AmazonS3", "region": "us-east-1", "currency": "USD", "billed_cost": 5.0,
         "effective_cost": 4.0, "line_count": 1},
        {"service": "AmazonEC2", "region": "us-east-1", "currency": "USD", "billed_cost": 0.25,
         "effective_cost": 3.0, "line_count": 4},
    ) == made.rows  # fmt: skip
    assert made.complete


@pytest.mark.parametrize("kind", [TextSink, TypedSink])
async def test_currencies_are_never_added(kind):
    """Also if nobody asked for a breakdown."""
    sink = kind([row(), row(currency="EUR", billed_cost="2"), row(currency=None)])
    made = await report(sink, ReportQuery())
    by = made.document("main")["by"]

    assert [("EUR", 2.0), ("USD", 1.0), (None, 1.0)] == [
        (r["currency"], r["billed_cost"]) for r in made.rows
    ]
    assert ["currency"] == by


@pytest.mark.parametrize("kind", [TextSink, TypedSink])
async def test_month_and_day_are_those_of_usage_in_utc(kind):
    """The billing period may be another one."""
    sink = kind(
        [
            row(period_start="2026-10-31T23:00:00Z", billing_period="2026-11"),
            row(period_start="2026-11-01T00:00:00Z", billed_cost="2", billing_period="2026-11"),
        ]
    )
    made = await report(sink, ReportQuery(by=("month", "day", "billing_period")))

    assert [("2026-11", "2026-11-01", "2026-11"), ("2026-10", "2026-10-31", "2026-11")] == [
        (r["month"], r["day"], r["billing_period"]) for r in made.rows
    ]


async def test_both_months_are_inclusive():
    """The period given to the sink is half-open."""
    sink = TextSink(
        [
            row(period_start=f"{day}T00:00:00Z")
            for day in ("2025-12-31", "2026-01-01", "2026-02-28", "2026-03-01")
        ]
    )
    made = await report(sink, ReportQuery(first="2026-01", last="2026-02"))

    assert 2 == made.rows[0]["line_count"]
    assert Period.months("2026-01", "2026-02") == sink.scans[0][3]


@pytest.mark.parametrize(
    ("query", "expected"),
    [({"first": "2026-02"}, 2), ({"last": "2026-02"}, 3), ({}, 4)],
)
async def test_a_bound_may_be_left_out(query, expected):
    """From the beginning, to the end."""
    days = ("2025-12-31", "2026-01-01", "2026-02-28", "2026-03-01")
    sink = TextSink([row(period_start=f"{day}T00:00:00Z") for day in days])

    assert expected == (await report(sink, ReportQuery(**query))).rows[0]["line_count"]


@pytest.mark.parametrize("kind", [TextSink, TypedSink])
async def test_filters_take_any_of_the_values_and_all_of_the_names(kind):
    """A month is cut from a time, so the report filters by it itself."""
    sink = kind(
        [
            row(billed_cost="1"),
            row(service="AmazonS3", billed_cost="2"),
            row(service="AWSLambda", billed_cost="4"),
            row(period_start="2026-11-01T00:00:00Z", billed_cost="8"),
        ]
    )
    where = {"service": ("AmazonEC2", "AmazonS3"), "month": ("2026-10",), "provider": ("aws",)}
    made = await report(sink, ReportQuery(where=where))

    assert [3.0] == [r["billed_cost"] for r in made.rows]
    assert {"service": ("AmazonEC2", "AmazonS3"), "provider": ("aws",)} == sink.scans[0][2]


@pytest.mark.parametrize("kind", [TextSink, TypedSink])
async def test_a_sum_over_nulls_alone_is_null_and_the_gap_is_named(kind):
    """Null is not zero."""
    sink = kind([row(effective_cost=None), row(effective_cost=None)])
    made = await report(sink, ReportQuery())

    assert (2.0, None) == (made.rows[0]["billed_cost"], made.rows[0]["effective_cost"])
    assert not made.complete
    assert ("aws-prod/cost has no effective_cost for 2026-10",) == made.missing


async def test_a_cost_that_only_some_rows_have_is_named_too():
    """The sum of the others must not pass for that of all."""
    sink = TextSink(
        [row(), row(effective_cost=None), row(period_start="2026-11-01T00:00:00Z")],
    )
    made = await report(sink, ReportQuery())

    assert 2.0 == made.rows[0]["effective_cost"]
    assert ("aws-prod/cost has no effective_cost in some rows for 2026-10",) == made.missing


async def test_rows_without_a_billed_cost_rank_by_the_effective_one():
    """So that they are not all at the end."""
    sink = TextSink(
        [row(), row(provider="gcp", billed_cost=None, effective_cost="9"), row(provider="azure")]
    )
    made = await report(sink, ReportQuery(by=("provider",)))

    assert ["gcp", "aws", "azure"] == [r["provider"] for r in made.rows]


async def test_months_without_a_slice_are_named():
    """For every stream of the sink that counts cost, also one without any row in the report."""
    sink = TextSink(
        [row()],
        ledger=ledger(
            entry("aws-prod/cost/2026-07", "2026-07"),
            entry("aws-prod/cost/2026-10", "2026-10"),
            entry("gcp/cost/2026-09", "2026-09"),
            entry("aws-prod/carbon/2026-01", "2026-01", sums={"location_based_kg": "1"}),
        ),
    )
    query = ReportQuery(first="2026-07", last="2026-12")

    assert (
        "aws-prod/cost holds nothing for 2026-08..2026-09, 2026-11..2026-12",
        "gcp/cost holds nothing for 2026-07..2026-08, 2026-10..2026-12",
        "aws-prod/carbon holds nothing for 2026-07..2026-12",
    ) == (await report(sink, query)).missing


async def test_without_bounds_only_holes_inside_are_gaps():
    """There is no telling how far back or forth it should go."""
    sink = TextSink(
        [row()],
        ledger=ledger(entry("aws-prod/cost/a", "2026-07..2026-08"), entry("aws-prod/cost/b")),
    )

    assert ("aws-prod/cost holds nothing for 2026-09",) == (
        await report(sink, ReportQuery())
    ).missing


async def test_gaps_of_what_was_not_asked_for_are_not_named():
    """A filter by connector or month narrows them too; by provider only what was seen counts."""
    entries = ledger(entry("aws-prod/cost/2026-10"), entry("gcp/cost/2026-10"))
    sink = TextSink([row()], ledger=entries)
    span = {"first": "2026-09", "last": "2026-10"}

    for where in ({"connector": ("aws-prod",)}, {"provider": ("aws",)}):
        made = await report(sink, ReportQuery(**span, where=where))
        assert ("aws-prod/cost holds nothing for 2026-09",) == made.missing
    made = await report(sink, ReportQuery(**span, where={"month": ("2026-10",)}))
    assert () == made.missing


async def test_a_sink_without_rows_makes_an_empty_report():
    """Not an error."""
    made = await report(TextSink([]), ReportQuery(by=("service",)))

    assert ((), True) == (made.rows, made.complete)


async def test_the_order_of_batches_changes_nothing():
    """Ties are broken by the dimensions, nulls last."""
    rows = [
        row(service=s, region=r, billed_cost=str(c))
        for s in ("a", "b", None)
        for r in ("x", "y", None)
        for c in (1, 2, 3)
    ]
    expected = await report(TypedSink(rows), ReportQuery(by=("service", "region")))
    for seed in range(5):
        random.Random(seed).shuffle(rows)
        sink = TypedSink(rows, batch_rows=1 + seed)
        assert expected == await report(sink, ReportQuery(by=("service", "region")))
    assert [("a", "x"), ("a", "y"), ("a", None), ("b", "x")] == [
        (r["service"], r["region"]) for r in expected.rows[:4]
    ]


async def test_the_document_is_ready_for_json():
    """As operations hand it out."""
    made = await report(TextSink([row()]), ReportQuery(by=("service",), first="2026-10"))

    assert {
        "by": ["service", "currency"],
        "rows": [
            {"service": "AmazonEC2", "currency": "USD", "billed_cost": 1.0,
             "effective_cost": 1.0, "line_count": 1}
        ],
        "emissions": {"by": ["service"], "rows": []},
        "from": "2026-10",
        "to": None,
        "sink": "main",
        "complete": True,
        "missing": [],
    } == made.document("main")  # fmt: skip


async def test_every_dimension_can_be_asked_for():
    """And each is in its row."""
    made = await report(TextSink([row()]), ReportQuery(by=tuple(DIMENSIONS)))

    assert set(DIMENSIONS) <= set(made.rows[0])


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"by": ["servce"]}, "did you mean service.*provider, connector, billing_account"),
        ({"where": {"tag": ["x"]}}, "no dimension 'tag'"),
        ({"by": "service"}, "list of strings"),
        ({"by": [1]}, "list of strings"),
        ({"where": ["a=b"]}, "maps dimensions"),
        ({"where": {"service": "x"}}, "list of strings"),
        ({"from": "2026-13"}, "YYYY-MM"),
        ({"from": 2026}, "`from` is a string"),
        ({"from": "2026-03", "to": "2026-02"}, "wrong way round"),
        ({"basis": "best"}, "basis 'best'"),
    ],
)
def test_a_wrong_query_is_refused_with_what_is_allowed(params, message):
    """Before any sink is asked."""
    with pytest.raises(ReportError, match=message):
        query_of(params)


def test_parameters_that_are_null_are_as_if_left_out():
    """As the command line sends them."""
    params = {"from": None, "to": None, "by": None, "where": None, "basis": None, "sink": None}

    assert ReportQuery() == query_of(params)


async def test_errors_of_the_sink_pass_through():
    """They say what is wrong and what to do."""

    class Broken(TextSink):
        @asynccontextmanager
        async def scan(self, *args):
            raise SinkError("no such view")
            yield

    with pytest.raises(SinkError, match="no such view"):
        await report(Broken([]), ReportQuery())


def test_sums_stay_bounded_and_exact_over_many_batches():
    """Parts are merged as they come, so memory is that of the groups; decimals stay exact."""
    sums = Sums(["key"], ["billed_cost", "effective_cost", "line_count"])
    for number in range(40):
        keys = [f"k{i % 3000}" for i in range(5000)]
        sums.add(
            pa.table(
                {
                    "key": keys,
                    "billed_cost": pa.array([Decimal("0.1")] * 5000, pa.decimal256(76, 18)),
                    "effective_cost": pa.array([float(number)] * 5000),
                    "line_count": pa.array([1] * 5000),
                }
            )
        )
        assert len(sums._parts) < 30

    table = sums.table()
    assert 3000 == table.num_rows
    assert Decimal(20000) == sum(table["billed_cost"].to_pylist())
    assert 200_000 == sum(table["line_count"].to_pylist())
