"""
What changed: a token for each partition of a table.

    partitions(table)           from what BigQuery keeps about partitions: next to nothing is read
    cost_tokens(...)            where there is none, from the rows: how many, the newest, their sums
    carbon_months(...)          which accounts and months a carbon export has
    carbon_tokens(...)          the same, with a fingerprint of the rows

The view needs ``bigquery.tables.get`` and ``bigquery.tables.list``, which the role to read a dataset
has, and may look at a thousand tables at most. It has two rows for rows that are in no partition yet
if they are stored in two ways.
https://cloud.google.com/bigquery/docs/information-schema-partitions (2026)
"""

from __future__ import annotations

from typing import Final

from ogfd.plugin import Period
from ogfd_gcp.identifiers import TableName
from ogfd_gcp.query import Parameter, Query
from ogfd_gcp.slicing import Slicing
from ogfd_gcp.sql.expressions import DAY

PARTITION: Final = ("partition_id", "total_rows", "total_bytes", "modified")
TOKENS: Final = ("partition_id", "total_rows", "newest", "cost", "credits")
MONTHS: Final = ("account", "month", "total_rows")
MONTH_TOKENS: Final = (*MONTHS, "fingerprint")

_FINGERPRINT: Final = "SUM(MOD(FARM_FINGERPRINT(TO_JSON_STRING(t)), 1099511627776))"
"""Of all rows in any order. Of two that are equal, an exclusive or would tell nothing."""


def partitions(table: TableName) -> Query:
    """Return the query for the partitions of *table*, with the columns `PARTITION`."""
    return Query(
        purpose="partitions",
        sql=f"""
SELECT
  partition_id,
  SUM(total_rows) AS total_rows,
  SUM(total_logical_bytes) AS total_bytes,
  UNIX_MICROS(MAX(last_modified_time)) AS modified
FROM {table.quoted_partitions}
WHERE table_name = @table
GROUP BY partition_id
""",
        parameters=(Parameter(name="table", kind="STRING", value=table.table),),
    )


def cost_tokens(
    table: TableName, slicing: Slicing, period: Period, *, newest: str, cost: str, credits: str
) -> Query:
    """
    Return the query for the days of a billing export, with the columns `TOKENS`.

    Args:
        table: to ask.
        slicing: what a row's day is.
        period: days to ask for.
        newest: the time of export.
        cost: of a row, exact.
        credits: of a row, exact.
    """
    return Query(
        purpose="tokens",
        sql=f"""
SELECT
  FORMAT_DATE('{DAY}', CAST({slicing.column} AS DATE)) AS partition_id,
  COUNT(*) AS total_rows,
  UNIX_MICROS(MAX({newest})) AS newest,
  SUM({cost}) AS cost,
  SUM({credits}) AS credits
FROM {table.quoted}
WHERE {slicing.condition}
GROUP BY 1
""",
        parameters=slicing.parameters(period),
    )


def carbon_months(table: TableName, period: Period) -> Query:
    """Return the query for the months of a carbon export, with the columns `MONTHS`."""
    return _months(table, period, "months", "")


def carbon_tokens(table: TableName, period: Period) -> Query:
    """Return the query for the months of a carbon export, with the columns `MONTH_TOKENS`."""
    return _months(table, period, "tokens", f",\n  {_FINGERPRINT} AS fingerprint")


def _months(table: TableName, period: Period, purpose: str, more: str) -> Query:
    return Query(
        purpose=purpose,
        sql=f"""
SELECT
  billing_account_id AS account,
  FORMAT_DATE('%Y-%m', usage_month) AS month,
  COUNT(*) AS total_rows{more}
FROM {table.quoted} AS t
WHERE usage_month >= @first AND usage_month < @last
GROUP BY 1, 2
""",
        parameters=(
            Parameter(name="first", kind="DATE", value=period.start.date()),
            Parameter(name="last", kind="DATE", value=period.end.date()),
        ),
    )
