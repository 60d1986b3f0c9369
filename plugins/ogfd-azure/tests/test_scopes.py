"""Emissions by scope: what nothing was said of is null, not zero."""

from decimal import Decimal

from ogfd_azure.scopes import Emitted


def test_a_scope_that_nothing_was_said_of_is_null():
    """Zero is what the provider says, not what it leaves out."""
    emitted = Emitted()
    emitted.add(3, Decimal("0.1"))
    emitted.add(3, Decimal("0.2"))
    emitted.add(1, Decimal(0))
    found = emitted.columns()

    assert (Decimal(0), None, Decimal("0.3")) == (
        found["scope1_kg"], found["scope2_market_kg"], found["scope3_kg"],
    )  # fmt: skip
    assert Decimal("0.3") == found["market_based_kg"]
    assert 3 == found["line_count"]
    assert not {"location_based_kg", "scope2_location_kg"} & found.keys()


def test_digits_are_added_exactly():
    """However many there are."""
    emitted = Emitted()
    for kg in ("12345678901234567890.000000000000000001", "-12345678901234567890", "1E-30"):
        emitted.add(2, Decimal(kg))

    assert Decimal("0.000000000000000001000000000001") == emitted.columns()["market_based_kg"]
