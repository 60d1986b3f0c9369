"""Calendar months."""

from datetime import UTC, datetime

import pytest
from ogfd_azure.calendar import month_before, months_over

from ogfd.plugin import Period


@pytest.mark.parametrize(
    ("count", "expected"), [(0, "2026-01"), (1, "2025-12"), (12, "2025-01"), (13, "2024-12")]
)
def test_months_are_counted_back_over_years(count, expected):
    """December follows January then."""
    assert Period.month(expected) == month_before(Period.month("2026-01"), count)


def test_months_that_are_over_end_with_the_one_before_this():
    """Of a window that ends later, or begins in the middle of a month."""
    window = Period(datetime(2025, 11, 20, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC))
    found = months_over(window, datetime(2026, 2, 1, tzinfo=UTC))

    assert ["2025-11", "2025-12", "2026-01"] == [str(month) for month in found]
    assert [] == months_over(window, datetime(2025, 11, 30, tzinfo=UTC))
