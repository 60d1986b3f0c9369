"""
Pieces of statements.

Amounts are added as decimals: a sum of floating point numbers depends on the order of its rows.
By way of its text a number is a decimal of 15 digits, or of 17 where fewer do not stand for it: 0.1
and not 0.1000000000000000055. None of them is cut, as NUMERIC would cut what is behind the ninth
decimal; BIGNUMERIC has 38, and reads exponents. What is no number (NaN, Infinity) fails the query, so
that nothing goes missing in silence.
https://cloud.google.com/bigquery/docs/reference/standard-sql/conversion_functions (2026)
https://github.com/google/googlesql, RoundTripDoubleToString in base/strings.cc (2026)
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from ogfd.plugin import Grain
from ogfd_gcp.schema import Schema

NO_TEXT: Final = "CAST(NULL AS STRING)"
NO_NUMBER: Final = "CAST(NULL AS BIGNUMERIC)"
DAY: Final = "%Y%m%d"

_FLOATS: Final = frozenset({"FLOAT", "FLOAT64"})
_UNITS: Final = {Grain.HOURLY: "HOUR", Grain.DAILY: "DAY"}


def text(schema: Schema, *paths: str) -> str:
    """Return the first of some columns of text that is not empty; null if the table has none."""
    there = [f"NULLIF({path}, '')" for path in paths if path in schema]
    if not there:
        return NO_TEXT
    return there[0] if len(there) == 1 else f"COALESCE({', '.join(there)})"


def number(path: str, type: str) -> str:
    """Return a column of numbers as an exact decimal."""
    exact = f"CAST({path} AS STRING)" if type.upper() in _FLOATS else path
    return f"CAST({exact} AS BIGNUMERIC)"


def amount(schema: Schema, path: str) -> str:
    """Return a column of numbers as an exact decimal; null if the table has it not."""
    return number(path, schema.type(path)) if path in schema else NO_NUMBER


def labelled(schema: Schema, columns: Sequence[str], parameter: str) -> str:
    """
    Return the value that some columns of keys and values have for a key, the first that has one.

    Args:
        schema: of the table.
        columns: repeated records of ``key`` and ``value``.
        parameter: name of the one that holds the key.
    """
    found = [
        f"(SELECT MAX(l.value) FROM UNNEST({column}) AS l WHERE l.key = @{parameter})"
        for column in columns
        if f"{column}.key" in schema
    ]
    if not found:
        return NO_TEXT
    return found[0] if len(found) == 1 else f"COALESCE({', '.join(found)})"


def periods(start: str, end: str, grain: Grain) -> tuple[str, str]:
    """
    Return the bounds of a row's period in microseconds, widened to *grain* if it fits in.

    The pipeline widens them so itself; here it makes rows of one period equal, so that they can be
    added up before they are sent.
    """
    if grain is Grain.LINE:
        return f"UNIX_MICROS({start})", f"UNIX_MICROS({end})"
    if grain is Grain.MONTHLY:
        month = f"DATE_TRUNC(CAST({start} AS DATE), MONTH)"
        floor, ceiling = f"TIMESTAMP({month})", f"TIMESTAMP(DATE_ADD({month}, INTERVAL 1 MONTH))"
    else:
        floor = f"TIMESTAMP_TRUNC({start}, {_UNITS[grain]})"
        ceiling = f"TIMESTAMP_ADD({floor}, INTERVAL 1 {_UNITS[grain]})"
    fits = f"{end} <= {ceiling}"
    return (
        f"UNIX_MICROS(IF({fits}, {floor}, {start}))",
        f"UNIX_MICROS(IF({fits}, {ceiling}, {end}))",
    )
