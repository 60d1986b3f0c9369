"""The collecting output takes what the engine takes and refuses what it refuses."""

from datetime import UTC, datetime
from decimal import Decimal

import pyarrow as pa
import pytest

from ogfd.testing import Collected, NotConformant


async def test_rows_are_normalised_to_the_schema(ogfd_output):
    """Dictionaries are decoded, measures rounded half-even, line_count defaults to 1."""
    await ogfd_output.write(
        pa.record_batch(
            {
                "service": pa.array(["a"]).dictionary_encode(),
                "billed_cost": pa.array([Decimal("0.0000000000000000125")]),
                "quantity": pa.array([0.1]),
                "tags": pa.array([[("k", "v")]], pa.map_(pa.string(), pa.string())),
                "period_start": pa.array([datetime(2026, 10, 1, tzinfo=UTC)]),
            }
        )
    )

    assert [
        {
            "service": "a",
            "billed_cost": Decimal("0.000000000000000012"),
            "quantity": Decimal("0.1"),
            "tags": [("k", "v")],
            "period_start": datetime(2026, 10, 1, tzinfo=UTC),
            "line_count": 1,
        }
    ] == ogfd_output.rows()


@pytest.mark.parametrize(
    "columns",
    [
        {"servise": ["x"]},
        {"activity_id": ["x"]},
        {"service": [{"a": 1}]},
        {"billed_cost": [float("nan")]},
    ],
)
async def test_what_is_not_in_the_schema_is_refused(ogfd_output, columns):
    """Unknown columns, the engine's own, wrong types and NaN are errors."""
    with pytest.raises(ValueError, match=next(iter(columns))):
        await ogfd_output.write(pa.record_batch(columns))


async def test_every_source_row_needs_a_fate():
    """source rows = accepted + rejected + filtered."""
    out = Collected()
    await out.write(pa.record_batch({"service": ["a", "b"], "line_count": [3, 1]}), source_rows=6)
    out.reject("file 1, row 5", "cost: not a number", "x")
    with pytest.raises(NotConformant, match="6 source rows, but 4 accepted"):
        out.check()
    out.filtered("zero cost", 1)

    out.check()


async def test_source_rows_come_with_all_writes_or_none():
    """A sum over some of the writes says nothing."""
    out = Collected()
    await out.write(pa.record_batch({"service": ["a"]}), source_rows=1)
    await out.write(pa.record_batch({"service": ["b"]}))

    with pytest.raises(NotConformant, match="some writes"):
        out.check()
