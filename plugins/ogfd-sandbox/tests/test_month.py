"""Billing months."""

import pytest
from ogfd_sandbox.cur import Month


def test_months_count_across_years():
    """Adding and subtracting months carries into the year."""
    assert Month(2027, 1) == Month(2026, 12).plus(1)
    assert Month(2025, 11) == Month(2026, 2).plus(-3)
    assert "20261201-20270101" == Month(2026, 12).folder
    assert 29 == Month(2024, 2).days


@pytest.mark.parametrize("text", ["2026", "2026-13", "2026-1", "x"])
def test_what_is_no_month_is_refused(text):
    """With a message that names it, or the calendar's own."""
    with pytest.raises(ValueError, match="month"):
        Month.parse(text)
