"""Exact numbers by the million."""

from decimal import Decimal, localcontext

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from ogfd_sandbox.cur.numbers import Numbers, exact

EXACT = st.builds(
    lambda coefficient, places: Decimal(f"{coefficient}E-{places}"),
    st.integers(-(10**17), 10**17),
    st.integers(0, 17),
)


@given(st.lists(EXACT, max_size=40))
def test_a_text_is_the_number_to_its_last_digit(values):
    """Whatever notation a text is in, reading it as a decimal gives the value back."""
    texts = Numbers.of(values).texts().to_pylist()

    assert values == [Decimal(text) for text in texts]


@given(st.lists(st.tuples(st.integers(0, 3), EXACT), max_size=40))
def test_sums_by_group_are_exact(pairs):
    """Sums equal those of the decimal module with enough precision."""
    with localcontext(prec=60):
        expected = {
            group: sum((value for g, value in pairs if g == group), Decimal(0))
            for group, _ in pairs
        }
    numbers = Numbers.of([value for _, value in pairs])

    found = numbers.sums(np.array([group for group, _ in pairs], np.int64))

    assert expected == {group: exact(units) for group, units in found.items()}


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("0", "0.0"),
        ("1", "1.0"),
        ("0.0416", "0.0416"),
        ("0.001", "0.001"),
        ("0.0009", "9.0E-4"),
        ("-0.0000009984", "-9.984E-7"),
        ("1.500", "1.5"),
    ],
)
def test_numbers_are_written_as_aws_writes_them(value, text):
    """Java's notation: a decimal at least, scientific below a thousandth."""
    assert [text] == Numbers.of([Decimal(value)]).texts().to_pylist()


def test_a_sum_of_large_coefficients_does_not_overflow():
    """64-bit sums of such coefficients would wrap around."""
    numbers = Numbers(np.full(50, 9 * 10**18, np.int64), np.full(50, 18, np.int8))

    assert Decimal(450) == numbers.total()
