"""Physical quantities, exactly, from what is counted in blocks or in units."""

from decimal import Decimal

import pytest
from ogfd_azure.exports.charges import Dataset

TENK = {"UnitOfMeasure": "10K", "MeterCategory": "Storage", "EffectivePrice": "0.05"}
FOCUS_TENK = {
    "x_PricingUnitDescription": "10K",
    "x_PricingBlockSize": "10000",
    "ConsumedUnit": "Units",
    "x_EffectiveUnitPrice": "0.05",
    "EffectiveCost": "0.1",
    "BilledCost": "0.1",
}
VIRTUAL = {
    "UnitOfMeasure": "100 Hours",
    "MeterCategory": "Virtual Machines",
    "Quantity": "24",
    "Cost": "0",
    "EffectivePrice": "0",
}


def found(out):
    (row,) = out.rows()
    check = dict(row["metadata"]).get("quantity_check")
    return str(row["quantity"].normalize()), row["unit"], check


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, ("24", "Hours", None)),
        # in blocks, as the cost says
        (TENK | {"Quantity": "0.0004", "Cost": "0.00002"}, ("4", "Units", None)),
        (TENK | {"Quantity": "-2", "Cost": "-0.1"}, ("-2E+4", "Units", None)),
        # in units, as the cost says
        (TENK | {"Quantity": "20000", "Cost": "0.1"}, ("2E+4", "Units", None)),
        # nothing tells: details are in blocks
        (TENK | {"Quantity": "2", "Cost": "0"}, ("2E+4", "Units", "assumed")),
        # neither fits: as it is
        (TENK | {"Quantity": "2", "Cost": "7"}, ("2", "Units", "contradicted")),
        (VIRTUAL, ("2.4E+3", "Hours", "assumed")),
        # units that no table knows are no blocks
        ({"UnitOfMeasure": "17 Bananas"}, ("24", "17 Bananas", None)),
    ],
)
def test_quantities_of_details(read, ea, changes, expected):
    """Each row checks itself against its cost."""
    assert expected == found(read(ea(changes)))


def test_what_is_counted_in_units_is_configured(read, ea):
    """It counts where nothing tells, and only there."""
    pair = ("100 Hours: Virtual Machines",)
    told = VIRTUAL | {"Cost": "2.4", "EffectivePrice": "0.1"}

    assert ("24", "Hours", "assumed") == found(read(ea(VIRTUAL), in_units=pair))
    assert ("2.4E+3", "Hours", None) == found(read(ea(told), in_units=pair))


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, ("24", "Hours", None)),
        # until November 2024: blocks in ConsumedQuantity, divided once more in PricingQuantity
        ({"ConsumedQuantity": "2", "PricingQuantity": "2E-4"}, ("2E+4", "Units", None)),
        # since then
        ({"ConsumedQuantity": "20000", "PricingQuantity": "2"}, ("2E+4", "Units", None)),
        ({"ConsumedQuantity": "777", "PricingQuantity": "2"}, ("2E+4", "Units", None)),
        ({"ConsumedQuantity": "", "PricingQuantity": "2"}, ("2E+4", "Units", None)),
        # nothing tells, or neither fits: what was consumed, as it is
        ({"ConsumedQuantity": "2", "EffectiveCost": "0"}, ("2", "Units", "assumed")),
        ({"ConsumedQuantity": "3", "PricingQuantity": "5"}, ("3", "Units", "contradicted")),
    ],
)
def test_quantities_of_focus(read, focus, changes, expected):
    """Either quantity may be the one in blocks."""
    own = FOCUS_TENK if changes else {}

    assert expected == found(read(focus(own | changes)))


def test_what_is_priced_by_the_unit_needs_one_quantity_alone(read, focus):
    """Both are the same then."""
    out = read(focus({"ConsumedQuantity": "", "PricingQuantity": "24"}, {}))

    assert [Decimal(24), Decimal(24)] == [row["quantity"] for row in out.rows()]


def test_the_product_is_exact_and_rounded_once(read, ea):
    """Digits that a float does not have come through; what does not fit is rounded and counted."""
    cost = {"Cost": "0", "EffectivePrice": "0"}
    out = read(
        ea(
            TENK | cost | {"Quantity": "12345678.1234567890123456"},
            TENK | cost | {"Quantity": "1.234567890123456789E-7"},
        )
    )

    assert [Decimal("123456781234.567890123456"), Decimal("0.001234567890")] == [
        row["quantity"] for row in out.rows()
    ]
    assert 1 == out.roundings


@pytest.mark.parametrize("quantity", ["many", "1e14"])
def test_a_quantity_that_is_no_number_is_a_bad_row(read, ea, quantity):
    """Also one that is too large only once it is multiplied."""
    out = read(ea(TENK | {"Quantity": quantity, "Cost": "0"}, {}))

    (bad,) = out.rejected
    assert "Quantity is not a number below 10^15" == bad.reason
    assert quantity == bad.raw
    assert 1 == len(out.rows())


@pytest.mark.parametrize("kind", ["Purchase", "Refund", "UnusedReservation", "RoundingAdjustment"])
def test_only_usage_has_a_quantity(read, ea, kind):
    """Purchases carry a one; what nobody used was not consumed."""
    (row,) = read(ea({"ChargeType": kind}), Dataset.AMORTISED).rows()

    assert row.get("quantity") is None
    assert row.get("unit") is None


def test_unknown_units_of_usage_are_reported(read, ea):
    """What a marketplace purchase is measured in does not matter."""
    out = read(
        ea(
            {"UnitOfMeasure": "17 Bananas"},
            {"UnitOfMeasure": "17 Bananas"},
            {"UnitOfMeasure": "0 Unassigned", "ChargeType": "Purchase"},
        )
    )

    assert {("unit", "17 Bananas"): 2} == out.unknowns
