"""
The carbon footprint of one billing account and month.

Two faults of the export are mended while it is read. Rows that are wholly equal are copies, which
the export made between 2022-09-28 and 2022-10-13: they count once. What is equal but for a column
that Google has added since is none. A project was split in two rows,
with its id and without, before 2023-12-13: these are added up, by its number.
https://cloud.google.com/carbon-footprint/docs/release-notes

A market-based figure is null before 2023-01, and 0 in what was exported before 2022-08-23; where a
part of a sum is null, the sum is. https://cloud.google.com/carbon-footprint/docs/data-schema
"""

from __future__ import annotations

from typing import Final

from ogfd.plugin import Period
from ogfd_gcp.identifiers import TableName
from ogfd_gcp.query import Parameter, Query
from ogfd_gcp.schema import Schema
from ogfd_gcp.sql.expressions import NO_NUMBER, number, text

REQUIRED: Final = (
    "usage_month",
    "billing_account_id",
    "project.number",
    "service.id",
    "location.region",
    "carbon_model_version",
    "carbon_footprint_kgco2e.scope1",
    "carbon_footprint_kgco2e.scope2.location_based",
    "carbon_footprint_kgco2e.scope3",
    "carbon_footprint_total_kgco2e.location_based",
)

MEASURES: Final = {
    "scope1_kg": "carbon_footprint_kgCO2e.scope1",
    "scope2_location_kg": "carbon_footprint_kgCO2e.scope2.location_based",
    "scope2_market_kg": "carbon_footprint_kgCO2e.scope2.market_based",
    "scope3_kg": "carbon_footprint_kgCO2e.scope3",
    "location_based_kg": "carbon_footprint_total_kgCO2e.location_based",
    "market_based_kg": "carbon_footprint_total_kgCO2e.market_based",
}
_KNOWN: Final = frozenset(
    path.lower()
    for path in (
        *REQUIRED,
        *MEASURES.values(),
        "project.id",
        "service.description",
        "location.location",
    )
)
COLUMNS: Final = (
    "project",
    "project_number",
    "service_id",
    "service",
    "region",
    "model",
    *MEASURES,
    "lines",
    "copies",
)

HEALTH: Final = ("month", "total_rows", "without_market", "models")

_MARKET: Final = frozenset({"scope2_market_kg", "market_based_kg"})
MARKET_SINCE: Final = "2023-01"


def footprint(table: TableName, schema: Schema, account: str, month: Period) -> Query:
    """Return the query for the rows of *account* in *month*, with the columns `COLUMNS`."""
    return Query(
        purpose="carbon",
        sql=folded(table, schema, "billing_account_id = @account"),
        parameters=(
            Parameter(name="account", kind="STRING", value=account),
            *within(month),
        ),
    )


def folded(table: TableName, schema: Schema, condition: str) -> str:
    """
    Return the statement for rows without copies and splits, with the columns `COLUMNS`.

    Args:
        table: the export.
        schema: its columns.
        condition: which of the rows between the parameters `within` a period.
    """
    inner = [
        f"{text(schema, 'project.id')} AS project",
        "billing_account_id AS account",
        f"{text(schema, 'project.number')} AS project_number",
        f"{text(schema, 'service.id')} AS service_id",
        f"{text(schema, 'service.description')} AS service",
        f"{text(schema, 'location.region')} AS area",
        f"{text(schema, 'location.location')} AS place",
        "CAST(carbon_model_version AS STRING) AS model",
        *(f"{_measure(schema, name, path)} AS {name}" for name, path in MEASURES.items()),
    ]
    if schema.leaves - _KNOWN:
        inner.append("TO_JSON_STRING(t) AS whole")
    sums = [
        f"IF(COUNT({name}) = COUNT(*), SUM({number(name, 'FLOAT')}), NULL) AS {name}"
        for name in MEASURES
    ]
    return f"""
SELECT
  MAX(project) AS project,
  project_number,
  service_id,
  MAX(service) AS service,
  IFNULL(area, place) AS region,
  model,
  {_joined(sums)},
  COUNT(*) AS lines,
  SUM(copies) AS copies
FROM (
  SELECT
    {_joined(inner, 4)},
    COUNT(*) AS copies
  FROM {table.quoted} AS t
  WHERE {condition} AND usage_month >= @first AND usage_month < @last
  GROUP BY {", ".join(str(place + 1) for place in range(len(inner)))}
)
GROUP BY account, project_number, service_id, area, place, model
"""


def within(period: Period) -> tuple[Parameter, Parameter]:
    """Return the parameters of `folded` for the months of *period*."""
    return (
        Parameter(name="first", kind="DATE", value=period.start.date()),
        Parameter(name="last", kind="DATE", value=period.end.date()),
    )


def health(table: TableName, schema: Schema, period: Period) -> Query:
    """Return the query for what is odd about each month of *period*, with the columns `HEALTH`."""
    market = MEASURES["market_based_kg"]
    missing = f"COUNTIF({market} IS NULL)" if market in schema else "COUNT(*)"
    return Query(
        purpose="health",
        sql=f"""
SELECT
  FORMAT_DATE('%Y-%m', usage_month) AS month,
  COUNT(*) AS total_rows,
  {missing} AS without_market,
  COUNT(DISTINCT carbon_model_version) AS models
FROM {table.quoted}
WHERE usage_month >= @first AND usage_month < @last
GROUP BY 1
""",
        parameters=within(period),
    )


def _measure(schema: Schema, name: str, path: str) -> str:
    if path not in schema:
        return NO_NUMBER
    if name not in _MARKET:
        return path
    return f"IF(usage_month < DATE '{MARKET_SINCE}-01', NULLIF({path}, 0), {path})"


def _joined(items: list[str], depth: int = 2) -> str:
    return (",\n" + " " * depth).join(items)
