"""Units of measure."""

import pytest
from ogfd_azure.tables.units import Unit, unit_of


@pytest.mark.parametrize(
    ("text", "block", "unit"),
    [
        ("1 Hour", 1, "Hours"),
        ("100 Hours", 100, "Hours"),
        ("10K", 10_000, "Units"),
        ("10M", 10_000_000, "Units"),
        ("1 GB/Month", 1, "GB/Month"),
        ("1/Month", 1, "Units/Month"),
        ("1 /Month", 1, "Units/Month"),
        ("100 ", 100, "Units"),
        ("1 gb/month", 1, "GB/Month"),
        ("1 小时", 1, "Hours"),
    ],
)
def test_a_price_is_for_a_block_of_units(text, block, unit):
    """Exactly as it is written, or but for case and outer spaces."""
    assert Unit(block, unit) == unit_of(text)


def test_an_unknown_unit_is_none():
    """Not a guess."""
    assert unit_of("17 Bananas") is None
