"""Rows that sinks are tried with, and whether a sink gives back what it was given."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from ogfd.plugin import ACTIVITY_SCHEMA

Row = Mapping[str, Any]

_FLOAT_TOLERANCE: Final = 1e-9


def cost_row(number: int, **values: Any) -> dict[str, Any]:
    """Return a usual cost row; *values* replace or add columns."""
    start = datetime(2026, 10, 1, tzinfo=UTC) + timedelta(days=number % 31)
    row = {
        "source": "aws_cur2",
        "billing_account_id": "123456789012",
        "account_id": f"{number % 3:012d}",
        "billing_period": "2026-10",
        "service": ("AmazonEC2", "AmazonS3")[number % 2],
        "category": ("compute", "storage")[number % 2],
        "region": "eu-central-1",
        "charge_category": "usage",
        "period_start": start,
        "period_end": start + timedelta(days=1),
        "quantity": Decimal(number),
        "unit": "Hrs",
        "billed_cost": Decimal("0.1") * number,
        "effective_cost": Decimal("0.1") * number,
        "currency": "USD",
        "ghg_scope": 3,
        "ghg_category": 1,
        "data_quality": "reported",
        "line_count": number % 5 + 1,
    }
    return {**row, **values}


def cost_rows(count: int, **values: Any) -> list[dict[str, Any]]:
    """Return *count* different cost rows."""
    return [cost_row(number, **values) for number in range(count)]


def awkward_rows() -> list[dict[str, Any]]:
    """Return rows that hold what stores get wrong."""
    return [
        cost_row(1, service="Zürich ☁ 東京 \U0001f30d", sku='it\'s "quoted" \\ back\tslash\nline'),
        cost_row(2, tags=[("team", "ops"), ("a", "1")], metadata=[("k", 'v "quoted"\n\\')]),
        cost_row(3, tags=[], metadata=None),
        cost_row(4, billed_cost=None, effective_cost=None, quantity=None, unit=None),
        cost_row(5, billed_cost=Decimal("0.000000000000000001"), charge_category="tax"),
        cost_row(6, billed_cost=Decimal("-12345678901234.123456789012345678")),
        cost_row(7, billed_cost=Decimal("12345678901234.123456789012345679")),
        cost_row(8, billed_cost=Decimal("0.1"), effective_cost=Decimal("0.2"), currency="EUR"),
        cost_row(9, location_based_kg=Decimal("0.000000000001"), market_based_kg=Decimal(0)),
        cost_row(10, service="", region="NULL", operation="0123", resource_id="1e5"),
        {"period_start": datetime(2026, 10, 1, tzinfo=UTC)},
    ]


def differences(expected: Sequence[Row], found: Sequence[Row]) -> list[str]:
    """
    Compare rows by ``activity_id``: one sentence per difference, at most ten.

    A decimal may come back as a binary float, a time as ISO text, a map as JSON text or pairs.
    """
    known = {row["activity_id"]: row for row in expected}
    got = {row["activity_id"]: row for row in found}
    sentences = []
    if len(found) != len(got):
        sentences.append(f"{len(found) - len(got)} rows came more than once")
    sentences += [f"row {key} is missing" for key in known.keys() - got.keys()]
    sentences += [f"row {key} is too much" for key in got.keys() - known.keys()]
    for key in sorted(known.keys() & got.keys()):
        for name in ACTIVITY_SCHEMA.names:
            if not _same(name, known[key].get(name), got[key].get(name)):
                sentences.append(
                    f"row {key}: {name} is {got[key].get(name)!r}, not {known[key].get(name)!r}"
                )
    return sentences[:10]


def _same(name: str, expected: Any, found: Any) -> bool:
    if name in {"tags", "metadata"}:
        return _labels(expected) == _labels(found)
    if expected is None or found is None:
        return expected is found
    if isinstance(expected, Decimal):
        near = abs(float(found) - float(expected))
        return near <= _FLOAT_TOLERANCE * max(abs(float(expected)), 1e-12)
    if isinstance(expected, datetime):
        instant = datetime.fromisoformat(found) if isinstance(found, str) else found
        return bool(expected == instant)
    return bool(expected == found)


def _labels(value: Any) -> dict[str, str | None]:
    """Null and empty are one: a row without labels."""
    return dict(json.loads(value) if isinstance(value, str) else value or ())
