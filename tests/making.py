"""Small rows for tests of the pipeline."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pyarrow as pa

from ogfd.plugin import ACTIVITY_SCHEMA

NOON = datetime(2026, 10, 5, 12, tzinfo=UTC)


def row(**changes: Any) -> dict[str, Any]:
    """Return a usage row of one hour."""
    plain: dict[str, Any] = {
        "billing_account_id": "111111111111",
        "account_id": "222222222222",
        "billing_period": "2026-10",
        "service": "Amazon S3",
        "currency": "USD",
        "period_start": NOON,
        "period_end": NOON + timedelta(hours=1),
        "billed_cost": Decimal("0.1"),
    }
    return plain | changes


def batch_of(rows: Sequence[dict[str, Any]]) -> pa.RecordBatch:
    """Return rows as a batch, with the columns that any of them has."""
    names = list(dict.fromkeys(name for each in rows for name in each))
    columns = {}
    for name in names:
        kind = ACTIVITY_SCHEMA.field(name).type
        values = [each.get(name) for each in rows]
        columns[name] = pa.array(values) if pa.types.is_decimal(kind) else pa.array(values, kind)
    return pa.RecordBatch.from_pydict(columns)


def rows_in(package) -> list[dict[str, Any]]:
    """Return the rows of a package."""
    return [each for batch in package.batches() for each in batch.to_pylist()]
