"""Text for people."""

import pytest

from ogfd.cli.text import amount, clean, counted, size, table, when


@pytest.mark.parametrize(
    ("count", "expected"),
    [
        (None, None), (0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (1536, "1.5 KiB"),
        (5 << 30, "5.0 GiB"), (3 << 50, "3072.0 TiB"),
    ],
)  # fmt: skip
def test_sizes_have_a_unit(count, expected):
    """Powers of 1024."""
    assert expected == size(count)


@pytest.mark.parametrize(
    ("value", "expected"),
    [(None, None), (0, "0.00"), ("1234.5", "1,234.50"), (-0.5, "-0.50"), (0.00123, "0.0012")],
)
def test_amounts_never_look_like_zero_unless_they_are(value, expected):
    """Small ones keep their digits."""
    assert expected == amount(value)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, "-"), ("", "-"), (True, "yes"), (False, "no"), (0, "0"), ([], "-"), ({}, "-"),
        (["a", None], "a, -"), ({"a": 1}, "a=1"), ("a\nb", "a\\nb"),
    ],
)  # fmt: skip
def test_values_are_one_line(value, expected):
    """Whatever they are."""
    assert expected == clean(value)


def test_wide_characters_keep_the_columns_straight():
    """They take two cells."""
    lines = table(("name", "n"), [("東京", 1), ("abcd", 2)])

    assert ["NAME  N", "東京  1", "abcd  2"] == lines


def test_columns_that_are_empty_are_left_out():
    """Reasons and waits are rare."""
    assert ["A", "1"] == table(("a", "b"), [(1, None)])


def test_times_are_utc_to_the_second():
    """Whatever the offset; what is no time is shown as it came."""
    assert "2026-11-21 08:06:12Z" == when("2026-11-21T09:06:12.928202+01:00")
    assert (None, "soon") == (when(None), when("soon"))


def test_counts_agree_with_their_noun():
    """None, one, many."""
    assert ["no slices", "1 slice", "2 slices"] == [counted(n, "slice") for n in range(3)]
