"""What a plugin says may be shown as it is, or what would do harm is taken out of it."""

import pytest

from ogfd.telemetry.legible import legible


@pytest.mark.parametrize(
    "text",
    [
        "ogfd-reader@acme-finops.iam.gserviceaccount.com",
        "arn:aws:sts::123456789012:assumed-role/ogfd/botocore-session-1733048280",
        "00000000-0000-4000-8000-000000000001",
        "jo@acme.example",
        "Jürgen Groß",
    ],
)
def test_who_somebody_is_stays_as_it_is(text):
    """None of it looks like a secret."""
    assert text == legible(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a\nb\tc ", "a b c"),
        ("a\x1b[31mb\u202ec", "a\\u001b[31mb\\u202ec"),
        ("key AKIAIOSFODNN7EXAMPLE", "key ***"),
        ("-----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY-----", "***"),
        (" \n", ""),
    ],
)
def test_what_would_do_harm_is_taken_out(text, expected):
    """It comes to one line, whose characters are all to be seen."""
    assert expected == legible(text)
    assert expected == legible(expected)


def test_what_is_long_is_cut():
    """To the same length each time."""
    assert "x" * 500 == legible("x" * 500)
    assert f"{'x' * 497}..." == legible("x" * 501) == legible(legible("x" * 501))
