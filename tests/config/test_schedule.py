"""Schedules."""

from datetime import timedelta

import pytest

from ogfd.config import Cron, parse_cron, parse_schedule


@pytest.mark.parametrize(
    ("text", "interval"),
    [
        ("6h", timedelta(hours=6)),
        ("30m", timedelta(minutes=30)),
        ("1d", timedelta(days=1)),
        ("2w", timedelta(weeks=2)),
        ("90s", timedelta(seconds=90)),
    ],
)
def test_an_interval_is_a_number_and_a_unit(text, interval):
    """Each unit means what it says."""
    assert interval == parse_schedule(text)


def test_a_cron_line_has_five_fields():
    """Lists, ranges, steps and names all count."""
    cron = parse_schedule("15,45 */6 1-3 jan,MAR mon-fri/2")

    assert isinstance(cron, Cron)
    assert ({15, 45}, {0, 6, 12, 18}, {1, 2, 3}) == (cron.minutes, cron.hours, cron.days)
    assert ({1, 3}, {1, 3, 5}) == (cron.months, cron.weekdays)
    assert (False, False) == (cron.any_day, cron.any_weekday)


@pytest.mark.parametrize("sunday", ["0", "7", "sun", "SUN"])
def test_sunday_is_zero(sunday):
    """Cron's two numbers for Sunday and its name are one day."""
    assert {0} == parse_cron(f"0 0 * * {sunday}").weekdays


def test_a_start_with_a_step_goes_on_to_the_end():
    """``10/20`` is 10, 30, 50, as cron reads it."""
    assert {10, 30, 50} == parse_cron("10/20 * * * *").minutes


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "write an interval"),
        ("6", "write an interval"),
        ("0h", "write an interval"),
        ("-6h", "write an interval"),
        ("6 h", "write an interval"),
        ("60 * * * *", "minute .* 0-59"),
        ("* 24 * * *", "hour .* 0-23"),
        ("* * 0 * *", "day .* 1-31"),
        ("* * * 13 *", "month .* 1-12"),
        ("* * * * 8", "weekday .* 0-7"),
        ("*/0 * * * *", "minute"),
        ("5-1 * * * *", "ends before it starts"),
        ("1,,2 * * * *", "minute"),
        ("٣ * * * *", "minute"),
        ("0 0 30 feb *", "no month"),
        ("0 0 31 4,6,9,11 *", "no month"),
    ],
)
def test_what_is_no_schedule_is_refused(text, message):
    """The message names the field."""
    with pytest.raises(ValueError, match=message):
        parse_schedule(text)


def test_a_leap_day_does_come():
    """29 February is a date, and a weekday saves an impossible one."""
    assert {29} == parse_cron("0 0 29 2 *").days
    assert {31} == parse_cron("0 0 31 2 mon").days
