"""Schedules as the operator writes them: an interval, or a cron line of five fields."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import product
from typing import Final

_INTERVAL: Final = re.compile(r"([1-9]\d{0,5})([smhdw])")
_UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_MONTHS: Final = [
    "jan",
    "feb",
    "mar",
    "apr",
    "may",
    "jun",
    "jul",
    "aug",
    "sep",
    "oct",
    "nov",
    "dec",
]
_WEEKDAYS: Final = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"]
_LONGEST: Final = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_FORMS: Final = 'write an interval such as "6h" or a cron line such as "15 */6 * * *"'


@dataclass(frozen=True, slots=True, kw_only=True)
class Cron:
    """
    A cron line, each field as the set of values it matches. Sunday is 0.

    Attributes:
        any_day: the field of the day of the month is ``*``.
        any_weekday: the field of the weekday is ``*``. If neither is, a day matches when one of
            the two does, as in crontab(5).
    """

    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    any_day: bool
    any_weekday: bool


def parse_schedule(text: str) -> timedelta | Cron:
    """
    Return what *text* means: the interval, or the cron line.

    Raises:
        ValueError: if it is neither, or a date that never comes.
    """
    found = _INTERVAL.fullmatch(text.strip())
    if found:
        return timedelta(**{_UNITS[found[2]]: int(found[1])})
    if len(text.split()) != 5:
        raise ValueError(_FORMS)
    return parse_cron(text)


def parse_cron(text: str) -> Cron:
    """
    Return the five fields of *text*: minute, hour, day, month, weekday (0 and 7 are Sunday).

    Raises:
        ValueError: naming the field that is wrong.
    """
    minute, hour, day, month, weekday = text.split()
    weekdays = _field("weekday", weekday, 0, 7, {name: at for at, name in enumerate(_WEEKDAYS)})
    cron = Cron(
        minutes=_field("minute", minute, 0, 59),
        hours=_field("hour", hour, 0, 23),
        days=_field("day", day, 1, 31),
        months=_field("month", month, 1, 12, {name: at for at, name in enumerate(_MONTHS, 1)}),
        weekdays=frozenset(value % 7 for value in weekdays),
        any_day=day == "*",
        any_weekday=weekday == "*",
    )
    if cron.any_weekday and not any(
        day <= _LONGEST[month - 1] for day, month in product(cron.days, cron.months)
    ):
        raise ValueError("no month that the cron line names has such a day")
    return cron


def _field(
    name: str, text: str, low: int, high: int, names: Mapping[str, int] | None = None
) -> frozenset[int]:
    values: set[int] = set()
    for part in text.split(","):
        span, slash, step_text = part.partition("/")
        step = _number(name, step_text, 1, high, {}) if slash else 1
        if span == "*":
            first, last = low, high
        else:
            bounds = [_number(name, bound, low, high, names or {}) for bound in _bounds(span)]
            first, last = bounds[0], high if slash and len(bounds) == 1 else bounds[-1]
        if last < first:
            raise ValueError(f"the {name} of the cron line has a range that ends before it starts")
        values.update(range(first, last + 1, step))
    return frozenset(values)


def _bounds(span: str) -> Sequence[str]:
    return span.split("-", 1)


def _number(name: str, text: str, low: int, high: int, names: Mapping[str, int]) -> int:
    value = names.get(text.lower())
    if value is None and text.isascii() and text.isdigit():
        value = int(text)
    if value is None or not low <= value <= high:
        raise ValueError(f"the {name} of the cron line is not within {low}-{high}; {_FORMS}")
    return value
