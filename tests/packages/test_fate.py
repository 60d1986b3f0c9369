"""The fate of rows, where what came with them is no text."""

import json

import pytest
from making import batch_of, row

LONE = "mars-\ud800"  # JSON may spell it; it is no character, and UTF-8 cannot have it


async def test_half_a_character_is_put_on_record_readably(workshop):
    """It must cost neither the slice nor the record: files and databases refuse it."""
    with workshop() as (writer, final):
        await writer.write(batch_of([row()]), source_rows=2)
        writer.unknown("region", LONE)
        writer.reject(f"page {LONE}", f"region {LONE} is bad", LONE)
        writer.filtered(f"region {LONE}", 0)
        writer.doubt(f"region {LONE} is new")
        package = await writer.seal(final, str)

    [unknown] = package.fate["unknown"]
    [reject] = package.rejects()
    shown = "mars-\\ud800"
    assert shown == unknown["value"] == reject["raw"]
    assert [f"region {shown} is new"] == package.fate["doubts"]
    assert (f"page {shown}", f"region {shown} is bad") == (reject["where"], reject["reason"])
    assert [f"region {shown}"] == list(package.fate["filtered"])
    json.dumps(package.fate, ensure_ascii=False).encode()


@pytest.mark.parametrize("value", ["x" * 300, "\x1b[31m\nred\0"])
async def test_any_other_value_is_kept_as_it_is(workshop, value):
    """Cut, if it is no name; whoever shows it escapes what moves a terminal."""
    with workshop() as (writer, final):
        writer.unknown("region", value)
        package = await writer.seal(final, str)

    assert [value[:200]] == [each["value"] for each in package.fate["unknown"]]
