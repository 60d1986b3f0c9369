"""Times of all kinds."""

from datetime import UTC, datetime

import pytest
from ogfd_azure.exports.dates import instant


@pytest.mark.parametrize(
    "text",
    [
        "2026-02-03T00:00Z",
        "2026-02-03T00:00:00Z",
        "2026-02-03T00:00:00",
        "2026-02-03T00:00:00.0000000Z",
        "2026-02-03T01:00:00+01:00",
        "2026-02-03 00:00:00.000000Z",
        "2026-02-03",
        "20260203",
        "02/03/2026",
        "2/3/2026",
        " 2/3/2026 ",
        "2/3/2026 0:00",
        "2/3/2026 12:00:00 AM",
    ],
)
def test_a_day_is_read_however_it_is_written(text):
    """Of two numbers before a year the first is the month; without zone it is UTC."""
    assert datetime(2026, 2, 3, tzinfo=UTC) == instant(text)


def test_a_fraction_of_seven_digits_is_cut():
    """Manifests and some exports have a tenth of a microsecond."""
    assert datetime(2026, 2, 3, 18, 33, 3, 103207, UTC) == instant("2026-02-03T18:33:03.1032074")


@pytest.mark.parametrize("text", ["", "13/01/2026", "2/30/2026", "yesterday", "3.2.2026", "45000"])
def test_what_is_no_time_is_none(text):
    """A day before the month is not guessed."""
    assert instant(text) is None


@pytest.mark.parametrize(
    "text",
    ["0001-01-01T00:00:00", "1/1/0001", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"],
)
def test_an_empty_date_of_a_program_is_none(text):
    """And no month of the year 1; in UTC some of them would be of no year at all."""
    assert instant(text) is None
