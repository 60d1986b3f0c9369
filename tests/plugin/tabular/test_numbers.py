"""Decimals out of the text of a report, exact or rejected."""

from decimal import ROUND_HALF_EVEN, Context, Decimal

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ogfd.plugin.tabular.numbers import numbers

MONEY = pa.decimal128(38, 18)
WIDE = Context(prec=2000, rounding=ROUND_HALF_EVEN)


def read(*cells, kind=MONEY):
    return numbers(pa.array(cells, pa.binary()), kind)


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        (b"1.25", "1.25"),
        (b"-0.0000001", "-0.0000001"),
        (b"6.71E-8", "0.0000000671"),
        (b"4e-07", "0.0000004"),
        (b"1.0E7", "10000000"),
        (b"1.5e+3", "1500"),
        (b"0E99", "0"),
        (b" 2.5 ", "2.5"),
        (b"+.5", "0.5"),
        (b"5.", "5"),
        (b"1e-999", "0"),
        (b"999999999999999.999999999999999999", "999999999999999.999999999999999999"),
    ],
)
def test_every_way_to_write_a_number_is_exact(cell, expected):
    """Plain and scientific notation give the same decimals."""
    found = read(cell)

    assert [Decimal(expected)] == found.values.to_pylist()
    assert [False] == found.bad.tolist()


@pytest.mark.parametrize(
    "cell",
    [
        b"NaN", b"nan", b"inf", b"-Infinity", b"1e999", b"1e30", b"1e15", b"1000000000000000",
        b"-1e38", b"1,5", b"1_0", b"0x1f", b"abc", b"--1", b".", b"1e", b"\xff\xfe", b"1\xff",
        b"\xd9\xa1", b"1e9999999",
    ],
)  # fmt: skip
def test_what_is_no_finite_number_below_10_15_is_bad(cell):
    """A bad cell neither passes as a number nor spoils its neighbours."""
    found = read(b"1.5", cell, None, b"2e-3")

    assert [False, True, False, False] == found.bad.tolist()
    assert [Decimal("1.5"), None, None, Decimal("0.002")] == found.values.to_pylist()


def test_empty_cells_are_null_and_not_bad():
    """An empty column is a column of nulls."""
    found = read(None, None)

    assert [None, None] == found.values.to_pylist()
    assert [False, False] == found.bad.tolist()


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        (b"0.0000000000000000005", "0"),
        (b"0.0000000000000000015", "0.000000000000000002"),
        (b"0.00000000000000000250000000001", "0.000000000000000003"),
        (b"-2.5E-18", "-0.000000000000000002"),
        (b"1." + b"3" * 45, "1.333333333333333333"),
    ],
)
def test_more_digits_than_the_type_are_rounded_half_even_and_counted(cell, expected):
    """Money keeps 18 decimals."""
    found = read(cell, b"1.5")

    assert [Decimal(expected), Decimal("1.5")] == found.values.to_pylist()
    assert 1 == found.rounded


@pytest.mark.parametrize(
    ("kind", "cells"),
    [
        (pa.decimal128(38, 2), ["-1.25", "999999999999999.99", "3e34"]),
        (pa.decimal128(38, 18), ["1000000000000000", "-1e19", "7e-18"]),
        (pa.decimal256(76, 38), ["3e37", "2.5e-18", "5e-19", "-2.500000001e-18", "0.5"]),
    ],
)
def test_decimals_read_as_their_text_does(kind, cells):
    """Rounded, counted and refused alike."""
    column = pa.array([*map(Decimal, cells), Decimal(0), None], kind)
    text = [None if one is None else format(one, "f").encode() for one in column.to_pylist()]

    expected, found = read(*text), numbers(column, MONEY)

    assert expected.values.equals(found.values)
    assert expected.bad.tolist() == found.bad.tolist()
    assert expected.rounded == found.rounded


def test_a_slice_of_a_longer_column_is_read_alone():
    """Bytes outside of the slice do not matter."""
    cells = pa.array([b"1e30", b"2.5", b"NaN"], pa.binary()).slice(1, 1)

    assert [Decimal("2.5")] == numbers(cells, MONEY).values.to_pylist()


@given(
    st.lists(
        st.one_of(
            st.decimals(-(10**14), 10**14, places=9).map(str),
            st.floats(-1e14, 1e14).map(repr),
            st.floats(-1e14, 1e14).map(lambda x: f"{x:E}"),
            st.decimals(allow_nan=True, allow_infinity=True).map(str),
            st.sampled_from(["", "x", "1e14", "9" * 15]),
        ),
        max_size=40,
    )
)
def test_a_column_reads_as_python_reads_each_cell(cells):
    """Whatever stands beside it, a cell gives what `Decimal` gives, rounded half-even."""
    found = numbers(pa.array([cell.encode() or None for cell in cells], pa.binary()), MONEY)

    for cell, value, bad in zip(cells, found.values.to_pylist(), found.bad.tolist(), strict=True):
        expected = _expected(cell)
        assert (expected, expected is None and cell != "") == (value, bad), cell


def _expected(cell):
    try:
        number = Decimal(cell)
    except ArithmeticError:
        return None
    if not number.is_finite() or abs(number) >= 10**15 or abs(number.adjusted()) > 990:
        return None if not number.is_finite() or number else Decimal(0)
    return number.quantize(Decimal("1e-18"), context=WIDE)
