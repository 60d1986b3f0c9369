"""What the rows of each dataset say of quantities, prices, commitments, tags and days."""

import json
from collections import Counter
from decimal import Decimal, localcontext

import pytest
from ogfd_sandbox.azure.bill import (
    AzureSettings,
    Dataset,
    Kind,
)
from ogfd_sandbox.azure.bill.amounts import total
from ogfd_sandbox.azure.bill.book import USED

SETTINGS = AzureSettings(seed=7, rows=1_000, currencies=("USD", "DKK"), taxes_and_credits=True)


def test_quantity_in_details_is_in_blocks(bill, rows):
    """Times the size of a block it is physical: what the truth has by meter."""
    blocks = {entry.offer.unit: entry.offer.block for entry in bill.entries if entry.kind in USED}
    found = {}
    for row in rows(Dataset.AMORTIZED_EA):
        if row["ChargeType"] == "Usage":
            physical = Decimal(row["Quantity"]) * blocks[row["UnitOfMeasure"]]
            found.setdefault((row["MeterId"],), []).append(physical)
    expected = bill.truth.of_kinds(frozenset(USED)).by("quantity", "meter_id")

    assert {1, 100, 10_000, 100_000, 1_000_000} == set(blocks.values())
    assert expected == {meter: total(amounts) for meter, amounts in found.items()}


@pytest.mark.parametrize("dataset", [Dataset.ACTUAL_EA, Dataset.AMORTIZED_EA])
def test_quantity_times_effective_price_is_the_cost_in_details(rows, dataset):
    """Never divided by the block, and close only: meters see more digits than files."""
    checked = 0
    for row in rows(dataset):
        quantity = Decimal(row["Quantity"])
        cost = quantity * Decimal(row["EffectivePrice"])
        tolerance = Decimal("1E-8") * abs(Decimal(row["EffectivePrice"]))
        checked += abs(cost - Decimal(row["CostInBillingCurrency"])) <= tolerance

    assert len(rows(dataset)) == checked


def test_customer_agreements_are_priced_in_dollars(rows):
    """The rate turns them into the currency of the bill, exactly."""
    seen = set()
    with localcontext(prec=60):
        for row in rows(Dataset.ACTUAL_MCA):
            rate = Decimal(row["exchangeRatePricingToBilling"])
            dollars = Decimal(row["costInUsd"])
            seen.add((row["billingCurrency"], rate))
            assert Decimal(row["costInBillingCurrency"]) == dollars * rate
            assert row["costInPricingCurrency"] == row["costInUsd"]

    assert {("USD", Decimal(1)), ("DKK", Decimal("6.8"))} == seen


def test_focus_1_0_divides_priced_quantities_twice_and_1_2_does_not(bill, rows):
    """Until November 2024 the consumed quantity was the priced one."""
    old, new = (
        [row for row in rows(dataset) if row["x_PricingUnitDescription"] == "10K"]
        for dataset in (Dataset.FOCUS_1_0, Dataset.FOCUS_1_2)
    )
    used = [pair for pair in zip(old, new, strict=True) if pair[0]["ConsumedQuantity"]]

    assert len(used) > 50
    for early, late in used:
        blocks = Decimal(early["ConsumedQuantity"])
        assert blocks / 10_000 == Decimal(early["PricingQuantity"])
        assert blocks == Decimal(late["PricingQuantity"])
        assert blocks * 10_000 == Decimal(late["ConsumedQuantity"])
        assert "10000" == late["x_PricingBlockSize"]
    quantities = [Decimal(row["ConsumedQuantity"] or 0) for row in rows(Dataset.FOCUS_1_2)]
    assert total(one.quantity for one in bill.truth.totals) == total(quantities)


def test_every_kind_of_charge_is_where_it_belongs(bill, rows):
    """Actual costs have purchases, amortized ones what is unused, FOCUS both and more."""
    types = {
        dataset: {(row["ChargeType"], row["PricingModel"]) for row in rows(dataset)}
        for dataset in (Dataset.ACTUAL_EA, Dataset.AMORTIZED_EA)
    }
    common = {
        ("Usage", "OnDemand"),
        ("Usage", "Reservation"),
        ("Usage", "SavingsPlan"),
        ("Purchase", "OnDemand"),
        ("Refund", "OnDemand"),
        ("RoundingAdjustment", ""),
    }
    categories = Counter(row["ChargeCategory"] for row in rows(Dataset.FOCUS_1_2))
    statuses = {
        (row["CommitmentDiscountType"], row["CommitmentDiscountStatus"])
        for row in rows(Dataset.FOCUS_1_2)
    }

    assert (
        common | {("Purchase", "Reservation"), ("Purchase", "SavingsPlan")}
        == types[Dataset.ACTUAL_EA]
    )
    assert (
        common
        | {
            ("UnusedReservation", "Reservation"),
            ("UnusedSavingsPlan", "SavingsPlan"),
        }
        == types[Dataset.AMORTIZED_EA]
    )
    assert {"Usage", "Purchase", "Adjustment", "Tax", "Credit"} == set(categories)
    assert SETTINGS.rows == len(rows(Dataset.FOCUS_1_2)) == bill.truth.rows
    assert {"Used", "Unused", ""} == {status for kind, status in statuses if kind}


def test_commitments_cost_where_they_are_used_or_unused(bill):
    """A savings plan's months add up; a reservation was paid for a year ahead."""
    billed, effective = (bill.truth.by(measure, "kind") for measure in ("billed", "effective"))

    assert 0 == billed[Kind.RESERVED,] == billed[Kind.UNUSED_PLAN,] == effective[Kind.PLAN,]
    assert 0 < effective[Kind.RESERVED,] + effective[Kind.UNUSED_RESERVATION,]
    assert billed[Kind.PLAN,] == pytest.approx(
        effective[Kind.PLANNED,] + effective[Kind.UNUSED_PLAN,], abs=Decimal("1E-6")
    )
    assert billed[Kind.RESERVATION,] > 10 * effective[Kind.UNUSED_RESERVATION,]
    assert bill.truth.billed() != bill.truth.effective()


def test_rows_are_as_awkward_as_real_ones(rows):
    """28 digits, scientific notation, negative rows, blanks, Unassigned, case that differs."""
    details, focus = rows(Dataset.ACTUAL_EA), rows(Dataset.FOCUS_1_0)
    costs = [row["CostInBillingCurrency"] for row in details]
    groups = {row["ResourceGroup"] for row in details}

    assert any(len(cost.partition(".")[2]) == 28 for cost in costs)
    assert not any("E" in cost for cost in costs)
    assert any("E-" in row["BilledCost"] for row in focus)
    assert any(Decimal(cost) < 0 for cost in costs)
    assert any(row["ChargeType"] == "Usage" and row["Quantity"].startswith("-") for row in details)
    assert any(not row["SubscriptionId"] for row in details)
    assert any(row["UnitOfMeasure"] == "0 Unassigned" for row in details)
    assert any(group != group.lower() and group.lower() in groups for group in groups if group)
    assert any(row["ResourceId"].isupper() for row in details)


def test_tags_come_with_braces_and_without(rows):
    """All hold the same once wrapped, also those that contain what separates tags."""
    plain = {row["Tags"] for row in rows(Dataset.ACTUAL_EA)} - {""}
    both = {row["tags"] for row in rows(Dataset.ACTUAL_MCA)} - {""}
    focus = {row["Tags"] for row in rows(Dataset.FOCUS_1_2)} - {"{}"}

    def parsed(cells):
        wrapped = (cell if cell.startswith("{") else f"{{{cell}}}" for cell in cells)
        return {json.dumps(json.loads(cell), sort_keys=True) for cell in wrapped}

    assert not any(cell.startswith("{") for cell in plain)
    assert {True, False} == {cell.startswith("{") for cell in both}
    assert parsed(plain) == parsed(both) == parsed(focus)
    assert any(" org" in json.loads(cell) for cell in focus)
    assert any('","' in json.loads(cell).get("note", "") for cell in focus)


def test_periods_end_inclusively_in_details_and_exclusively_in_focus(rows):
    """In the notation of each."""
    ea, focus, mended = (
        rows(dataset)[0] for dataset in (Dataset.ACTUAL_EA, Dataset.FOCUS_1_0, Dataset.FOCUS_1_2)
    )

    assert ("02/01/2026", "02/28/2026") == (
        ea["BillingPeriodStartDate"],
        ea["BillingPeriodEndDate"],
    )
    assert "2026-03-01T00:00Z" == focus["BillingPeriodEnd"]
    assert "2026-03-01T00:00:00Z" == mended["BillingPeriodEnd"]
