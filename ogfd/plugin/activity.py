"""
The Activity record: one row of usage, cost or carbon over a half-open UTC period.

Names follow FOCUS 1.2 (https://focus.finops.org/focus-specification/v1-2/) for cost and the GHG
Protocol Corporate Value Chain Standard for carbon.
"""

from __future__ import annotations

from typing import Final

import pyarrow as pa

MONEY: Final = pa.decimal128(38, 18)
AMOUNT: Final = pa.decimal128(38, 12)
INSTANT: Final = pa.timestamp("us", tz="UTC")
LABELS: Final = pa.map_(pa.string(), pa.string())

ACTIVITY_SCHEMA: Final = pa.schema(
    [
        ("activity_id", pa.string()),
        ("org_id", pa.string()),
        ("provider", pa.string()),
        ("connector", pa.string()),
        ("stream", pa.string()),
        ("partition", pa.string()),
        ("source", pa.string()),
        ("billing_account_id", pa.string()),
        ("account_id", pa.string()),
        ("account_name", pa.string()),
        ("billing_period", pa.string()),
        ("invoice_id", pa.string()),
        ("service", pa.string()),
        ("category", pa.string()),
        ("region", pa.string()),
        ("location", pa.string()),
        ("country", pa.string()),
        ("sku", pa.string()),
        ("operation", pa.string()),
        ("machine_type", pa.string()),
        ("resource_group", pa.string()),
        ("resource_id", pa.string()),
        ("charge_category", pa.string()),
        ("period_start", INSTANT),
        ("period_end", INSTANT),
        ("quantity", AMOUNT),
        ("unit", pa.string()),
        ("billed_cost", MONEY),
        ("effective_cost", MONEY),
        ("currency", pa.string()),
        ("energy_kwh", AMOUNT),
        ("location_based_kg", AMOUNT),
        ("market_based_kg", AMOUNT),
        ("scope1_kg", AMOUNT),
        ("scope2_location_kg", AMOUNT),
        ("scope2_market_kg", AMOUNT),
        ("scope3_kg", AMOUNT),
        ("ghg_scope", pa.int8()),
        ("ghg_category", pa.int8()),
        ("method", pa.string()),
        ("data_quality", pa.string()),
        ("model_version", pa.string()),
        ("factor_id", pa.string()),
        ("tags", LABELS),
        ("metadata", LABELS),
        ("line_count", pa.int64()),
    ]
)
"""One row is one activity. A connector writes any subset of the columns; the engine sets
``activity_id``, ``org_id``, ``provider``, ``connector``, ``stream`` and ``partition`` itself."""

ENGINE_COLUMNS: Final = (
    "activity_id",
    "org_id",
    "provider",
    "connector",
    "stream",
    "partition",
)
"""Columns that the engine sets; a connector must not write them."""

MEASURES: Final = (
    "quantity",
    "billed_cost",
    "effective_cost",
    "energy_kwh",
    "location_based_kg",
    "market_based_kg",
    "scope1_kg",
    "scope2_location_kg",
    "scope2_market_kg",
    "scope3_kg",
    "line_count",
)
"""Columns that aggregation sums. A sum over nulls alone stays null: null is not zero."""

KEY_COLUMNS: Final = tuple(
    name
    for name in ACTIVITY_SCHEMA.names
    if name not in MEASURES and name not in ENGINE_COLUMNS and name != "metadata"
)
"""Columns that tell activities apart. ``metadata`` is no key: a pair is kept where all rows of a
group carry it."""

CHARGE_CATEGORIES: Final = ("usage", "purchase", "tax", "credit", "adjustment", "emission")
"""FOCUS ChargeCategory in lower case, and ``emission`` for rows of a provider's carbon report."""
