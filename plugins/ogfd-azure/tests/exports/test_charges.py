"""What rows cost, and as what they count."""

from decimal import Decimal

import pytest
from ogfd_azure.exports.charges import Dataset, dataset_of

from ogfd.plugin import FatalError


def one(out):
    (row,) = out.rows()
    return row


@pytest.mark.parametrize(
    ("kind", "category", "said"),
    [
        ("Usage", "usage", {}),
        ("", "usage", {}),
        ("UnusedReservation", "usage", {"commitment_discount_status": "Unused"}),
        ("UnusedSavingsPlan", "usage", {"commitment_discount_status": "Unused"}),
        ("Purchase", "purchase", {}),
        ("Refund", "purchase", {"charge_class": "Correction"}),
        ("RoundingAdjustment", "adjustment", {}),
        ("Tax", "tax", {}),
    ],
)
def test_charge_types_of_details_are_categories_of_focus(read, ea, kind, category, said):
    """With what FOCUS says of them besides."""
    out = read(ea({"ChargeType": kind}), Dataset.AMORTISED)
    metadata = dict(one(out)["metadata"])

    assert category == one(out)["charge_category"]
    assert said.items() <= metadata.items()
    assert "charge_class" in said or "charge_class" not in metadata
    assert not out.unknowns


@pytest.mark.parametrize("category", ["Usage", "Purchase", "Tax", "Credit", "Adjustment"])
def test_categories_of_focus_stay(read, focus, category):
    """In lower case."""
    assert category.lower() == one(read(focus({"ChargeCategory": category})))["charge_category"]


def test_an_unknown_kind_of_charge_counts_and_is_reported(read, ea, focus):
    """Its money is not lost."""
    details, charges = read(ea({"ChargeType": "Gift"})), read(focus({"ChargeCategory": "Gift"}))

    for out in (details, charges):
        assert "adjustment" == one(out)["charge_category"]
        assert Decimal("0.24") == one(out)["billed_cost"]
        assert {("charge_category", "Gift"): 1} == out.unknowns


@pytest.mark.parametrize(
    ("dataset", "billed", "effective"),
    [
        (Dataset.ACTUAL, Decimal("0.24"), None),
        (Dataset.USAGE, Decimal("0.24"), None),
        (None, Decimal("0.24"), None),
        (Dataset.AMORTISED, None, Decimal("0.24")),
    ],
)
def test_details_have_one_of_the_two_costs(read, ea, dataset, billed, effective):
    """Which one, only the manifest says; the other one is unknown, not zero."""
    row = one(read(ea(), dataset))

    assert (billed, effective) == (row.get("billed_cost"), row.get("effective_cost"))


def test_focus_has_both_costs(read, focus):
    """What a commitment pays for is free on the invoice."""
    row = one(read(focus({"BilledCost": "0", "EffectiveCost": "0.2"})))

    assert (Decimal(0), Decimal("0.2")) == (row["billed_cost"], row["effective_cost"])


def test_buying_a_commitment_costs_nothing_once_it_is_spread(read, focus):
    """Microsoft's 1.0 has the price there too: added to its usage it would count twice."""
    bought = {"ChargeCategory": "Purchase", "BilledCost": "90", "EffectiveCost": "90"}
    out = read(focus(bought | {"CommitmentDiscountId": "/providers/Microsoft.Capacity/x"}, bought))

    assert [Decimal(90), Decimal(90)] == [row["billed_cost"] for row in out.rows()]
    assert [Decimal(0), Decimal(90)] == [row["effective_cost"] for row in out.rows()]


def test_unused_commitments_are_no_part_of_actual_costs(read, ea):
    """Such a file is of the other dataset: its costs would be taken for invoiced ones."""
    rows = ea({"ChargeType": "UnusedReservation"})

    for dataset in (None, Dataset.ACTUAL):
        with pytest.raises(FatalError, match=r"part.csv is read as actual cost") as caught:
            read(rows, dataset)
        assert 'dataset = "amortized"' in str(caught.value.hint)


def test_a_file_of_another_dataset_than_its_manifest_says_is_refused(read, ea, focus):
    """Whatever mixed them up."""
    with pytest.raises(FatalError, match=r"has the columns of cost details, .* FocusCost"):
        read(ea(), Dataset.FOCUS)
    with pytest.raises(FatalError, match=r"has the columns of FOCUS, .* ActualCost"):
        read(focus(), Dataset.ACTUAL)


def test_costs_are_exact(read, ea):
    """28 digits are rounded half-even to what the schema has; exponents and signs are read."""
    out = read(
        ea(
            {"Cost": "0.1234567890123456785000000001"},
            {"Cost": "0.123456789012345678"},
            {"Cost": "1.5E-07"},
            {"Cost": "-3"},
        )
    )

    assert [
        Decimal("0.123456789012345679"),
        Decimal("0.123456789012345678"),
        Decimal("0.00000015"),
        Decimal(-3),
    ] == [row["billed_cost"] for row in out.rows()]
    assert 1 == out.roundings


def test_a_row_without_a_cost_is_bad(read, ea, focus):
    """Nothing is not zero."""
    assert ["Cost is empty"] == [bad.reason for bad in read(ea({"Cost": ""})).rejected]
    out = read(focus({"EffectiveCost": ""}, {"BilledCost": "cheap"}))

    assert {"EffectiveCost is empty", "BilledCost is not a number below 10^15"} == {
        bad.reason for bad in out.rejected
    }


def test_currencies_are_kept_apart(read, ea):
    """Each row has that of its profile; one without is bad."""
    out = read(ea({}, {"BillingCurrency": "DKK"}, {"BillingCurrency": ""}))

    assert ["USD", "DKK"] == [row["currency"] for row in out.rows()]
    assert ["BillingCurrency is empty"] == [bad.reason for bad in out.rejected]


def test_the_manifest_names_the_dataset():
    """The operator is asked only where it does not."""
    assert Dataset.AMORTISED is dataset_of("AmortizedCost", "actual", "m")
    assert Dataset.AMORTISED is dataset_of(None, "amortized", "m")
    assert dataset_of(None, None, "m") is None
    with pytest.raises(FatalError, match=r"m/manifest.json is of an export of type PriceSheet"):
        dataset_of("PriceSheet", None, "m/manifest.json")
