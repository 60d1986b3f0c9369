"""Windows are whole months, both ends of --from and --to included."""

from datetime import UTC, datetime, timedelta

import pytest

from ogfd.plugin import Kind, Period, PluginConfig, StreamSpec
from ogfd.runs import asked_window, default_window

NOW = datetime(2026, 11, 10, 3, tzinfo=UTC)
COST = StreamSpec(config=PluginConfig, kind=Kind.COST)


@pytest.mark.parametrize(
    ("spec", "start", "expected"),
    [
        (COST, None, Period.months("2025-01", "2026-11")),
        (COST, "2026-09", Period.months("2026-09", "2026-11")),
        (COST, "2027-01", Period.months("2026-11", "2026-11")),
        (
            StreamSpec(config=PluginConfig, kind=Kind.CARBON, history=timedelta(days=365)),
            None,
            Period.months("2025-11", "2026-11"),
        ),
    ],
)
def test_the_default_window_ends_with_the_current_month(spec, start, expected):
    """It begins with the configured start, the stream's history or January of last year."""
    assert expected == default_window(spec, start, NOW)


def test_both_months_asked_for_are_included():
    """`--from 2026-08 --to 2026-09` is two months."""
    default = Period.months("2025-01", "2026-11")

    assert Period.months("2026-08", "2026-09") == asked_window("2026-08", "2026-09", default)
    assert Period.months("2026-08", "2026-11") == asked_window("2026-08", None, default)
    assert asked_window(None, None, default) is None


@pytest.mark.parametrize(("first", "last"), [("2026-10", "2026-09"), ("2026-13", None)])
def test_a_window_that_is_none_is_refused(first, last):
    """A typo says so instead of reading nothing."""
    with pytest.raises(ValueError, match="2026-1"):
        asked_window(first, last, Period.months("2025-01", "2026-11"))
