"""Emissions in reports over a sink that can be read."""

import pytest
from reports.stores import (
    TextSink,
    TypedSink,
    emission,
    entry,
    ledger,
    row,
)

from ogfd.reports import ReportQuery, report


@pytest.mark.parametrize("kind", [TextSink, TypedSink])
async def test_emissions_add_up_beside_the_cost(kind):
    """Both methods in columns of their own, and neither in a currency."""
    sink = kind(
        [
            row(),
            emission(),
            emission(location_based_kg="0.1", market_based_kg="0"),
            emission(location_based_kg="0.2", line_count=3),
            emission(service="AmazonS3", location_based_kg="7", market_based_kg="-1"),
        ]
    )
    made = await report(sink, ReportQuery(by=("service", "currency")))

    assert (
        {"service": "AmazonS3", "location_based_kg": 7.0, "market_based_kg": -1.0, "line_count": 1},
        {"service": "AmazonEC2", "location_based_kg": 2.3, "market_based_kg": 2.0, "line_count": 5},
    ) == made.emissions
    assert [1] == [r["line_count"] for r in made.rows]
    assert made.complete


@pytest.mark.parametrize("kind", [TextSink, TypedSink])
async def test_a_method_that_a_provider_does_not_report_is_named(kind):
    """Azure knows the market-based one alone: the other sum lacks it, and zero it is not."""
    azure = {"provider": "azure", "connector": "azure", "location_based_kg": None}
    sink = kind([emission(), emission(**azure), emission(**azure, period_start="2026-11-01")])
    made = await report(sink, ReportQuery(by=("provider",)))

    assert [("aws", 2.0, 1.0), ("azure", None, 2.0)] == [
        (r["provider"], r["location_based_kg"], r["market_based_kg"]) for r in made.emissions
    ]
    [gap] = made.missing
    assert "azure/carbon has no location_based_kg for 2026-10..2026-11" in gap
    assert gap.endswith(": excludes azure: market-based only")


async def test_cost_beside_which_emissions_are_missing_is_named():
    """A month that is not published yet, a provider that is not asked; a late refund is neither."""
    sink = TextSink(
        [row(), row(period_start="2026-09-30"), row(provider="gcp", connector="gcp"), emission()],
        ledger=ledger(
            entry("aws-prod/cost/a", "2026-10..2026-11"),
            entry("gcp/cost/2026-10"),
            entry("aws-prod/carbon/2026-10", sums={"location_based_kg": "2"}),
        ),
    )
    made = await report(sink, ReportQuery())

    assert (
        "aws-prod/carbon holds nothing for 2026-11",
        "gcp reports no emissions",
    ) == made.missing


async def test_a_month_without_rows_is_no_gap_of_a_stream_that_counts():
    """It is held, and empty: the ledger has no sums of it."""
    sink = TextSink(
        [emission()],
        ledger=ledger(
            entry("aws-prod/carbon/2026-09", "2026-09", rows=0, sums={"line_count": "0"}),
            entry("aws-prod/carbon/2026-10", sums={"location_based_kg": "2"}),
        ),
    )

    assert () == (await report(sink, ReportQuery(first="2026-09", last="2026-10"))).missing


async def test_a_sink_without_emissions_is_not_searched_for_them():
    """Nor is one that was asked for a currency."""
    cost = TextSink([row()], ledger=ledger(entry("aws-prod/cost/2026-10")))
    await report(cost, ReportQuery())
    both = TextSink([row(), emission()])
    made = await report(both, ReportQuery(where={"currency": ("USD",)}))

    assert ["ogfd_cost"] == [scan[0] for scan in cost.scans]
    assert (["ogfd_cost"], ()) == ([scan[0] for scan in both.scans], made.emissions)
