"""Months that must be exported once more."""

from datetime import UTC, date, datetime

from ogfd_gcp.carbon.corrections import corrections, outdated

from ogfd.plugin import Period


def test_a_month_exported_before_its_correction_is_named():
    """With what was corrected, and for which day its owner must ask."""
    found = outdated(
        {
            "2025-10": datetime(2025, 11, 15, tzinfo=UTC),
            "2025-11": datetime(2025, 12, 15, tzinfo=UTC),
            "2025-12": datetime(2026, 2, 1, tzinfo=UTC),
        }
    )

    assert ["2025-11"] == [one.month for one in found]
    assert date(2025, 12, 15) == found[0].run_date
    assert ["Cloud Run was not whole"] == [one.what for one in found[0].corrections]


def test_the_table_is_in_order():
    """Each correction is of months before it."""
    days = [one.published for one in corrections()]

    assert sorted(days) == days
    for one in corrections():
        assert Period.months(one.first, one.last).end.date() <= one.published
