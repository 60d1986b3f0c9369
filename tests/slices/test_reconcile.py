"""Committed sums beside the provider's totals."""

from decimal import Decimal

import pytest

from ogfd.plugin import Totals
from ogfd.slices import Agreement, compared, worst

USD, EUR = "billed_cost:USD", "billed_cost:EUR"


def sums(**amounts):
    return {name.replace("_in_", ":"): Decimal(text) for name, text in amounts.items()}


def found(committed, provider, *, independent=True, excuse=None):
    """Return what each measure comes to."""
    totals = Totals(origin="the other door", independent=independent, sums=provider)
    return {each.measure: each for each in compared(committed, totals, excuse=excuse)}


def only(committed, provider, **how):
    [each] = found({USD: Decimal(committed)}, {USD: Decimal(provider)}, **how).values()
    return each


@pytest.mark.parametrize(
    ("committed", "provider"),
    [
        ("10.5", "10.5"),
        ("10.500", "10.5"),
        ("10.504", "10.5"),  # half a unit of the last place is no more than 0.005
        ("0.1234567890499", "0.1234567890"),
        ("1000000.9", "1000000.00"),  # 0.0001 %
        ("-3.00", "-3.00"),
        ("0", "0"),
    ],
)
def test_what_rounding_explains_is_a_match(committed, provider):
    """The provider rounds its total; the sink's sum is exact."""
    assert Agreement.MATCH is only(committed, provider).agreement


@pytest.mark.parametrize(
    ("committed", "provider", "share"),
    [
        ("10.51", "10.5", "0.000952"),
        ("120.4", "120", "0.003333"),  # a round figure is not one that was rounded to units
        ("100.4", "1E+2", "0.004000"),
        ("0.1234570", "0.1234567890", "0.000002"),
        ("1000002", "1000000.00", "0.000002"),
        ("3.00", "-3.00", "2.000000"),
        ("-0.5", "0", "-1.000000"),
    ],
)
def test_anything_more_is_drift(committed, provider, share):
    """With what the sink has more, as a share of the provider's total."""
    each = only(committed, provider)

    assert Agreement.DRIFT is each.agreement
    assert Decimal(committed) - Decimal(provider) == each.difference
    assert Decimal(share) == each.share.quantize(Decimal("0.000001"))


@pytest.mark.parametrize(("lines", "agreement"), [("1000", "match"), ("100", "drift")])
def test_what_rounding_of_the_rows_explains_is_a_match(lines, agreement):
    """Kilograms have twelve decimals, and an export of small ones has more of each."""
    kg = "location_based_kg"
    committed = {kg: Decimal("0.000000001500"), "line_count": Decimal(lines)}
    [each] = found(committed, {kg: Decimal("0.00000000130000001")}).values()

    assert agreement == each.agreement


def test_a_currency_that_one_side_lacks_is_told():
    """Missing in the sink; unknown to the provider. Measures it has no totals of are left out."""
    committed = sums(billed_cost_in_USD="1", effective_cost_in_USD="7", line_count="3")
    each = found(committed, {EUR: Decimal("2.00")})

    assert {EUR: Agreement.MISSING, USD: Agreement.DRIFT} == {
        name: one.agreement for name, one in each.items()
    }
    assert (None, Decimal(-1)) == (each[EUR].committed, each[EUR].share)
    assert (None, Decimal(1)) == (each[USD].provider, each[USD].share)


def test_a_total_of_zero_needs_no_rows():
    """Nothing was billed, and nothing is held."""
    assert Agreement.MATCH is found({}, {USD: Decimal(0)})[USD].agreement


def test_totals_by_the_path_of_the_rows_prove_nothing_right():
    """That they agree is said, but a match it is not."""
    each = only("10.5", "10.5", independent=False)

    assert (Agreement.UNVERIFIED, True) == (each.agreement, each.agrees)
    assert "it agrees, but the totals come by the same path as the rows" == each.reason


def test_totals_by_the_path_of_the_rows_prove_something_wrong():
    """What the source itself has another sum of is lacking, or late; an excuse holds here too."""
    drift = only("11", "10.5", independent=False)
    missing = found({}, {USD: Decimal(1)}, independent=False)[USD]
    late = only("11", "10.5", independent=False, excuse="not over")

    assert [Agreement.DRIFT, Agreement.MISSING] == [drift.agreement, missing.agreement]
    assert "the source has changed since" in drift.reason
    assert (Agreement.UNVERIFIED, "not over") == (late.agreement, late.reason)


def test_a_difference_with_an_excuse_is_no_drift():
    """What agrees all the same is a match, and needs none."""
    same = only("10.5", "10.5", excuse="not over")
    late = only("10", "10.5", excuse="not over")

    assert (Agreement.MATCH, None) == (same.agreement, same.reason)
    assert (Agreement.UNVERIFIED, "not over") == (late.agreement, late.reason)


def test_totals_without_sums_verify_nothing():
    """An empty answer is no zero."""
    [each] = found({USD: Decimal(1)}, {}).values()

    assert (Agreement.UNVERIFIED, "the other door gives no sums") == (each.agreement, each.reason)


def test_the_worst_counts_and_nothing_is_unverified():
    assert Agreement.UNVERIFIED is worst([])
    assert Agreement.UNVERIFIED is worst([Agreement.MATCH, Agreement.UNVERIFIED])
    assert Agreement.DRIFT is worst([Agreement.MISSING, Agreement.DRIFT, Agreement.MATCH])
