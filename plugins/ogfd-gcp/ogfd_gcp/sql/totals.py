"""
What an export adds up to in a month, for reconciliation: by project, whose rows may be left out.

    invoiced(...)   the cost of an invoice month, read by the months alone, whatever the grain
    spanned(...)    the first and the last day that an export has of a period, by billing account
    emitted(...)    the emissions of a month, without the copies and splits that the rows are without
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from ogfd.plugin import Period
from ogfd_gcp.identifiers import TableName
from ogfd_gcp.query import Parameter, Query
from ogfd_gcp.schema import Schema
from ogfd_gcp.slicing import Slicing
from ogfd_gcp.sql.carbon import MEASURES as KILOGRAMS
from ogfd_gcp.sql.carbon import folded, within
from ogfd_gcp.sql.cost import COSTS, Layout, layout_of
from ogfd_gcp.sql.expressions import text

PURPOSE: Final = "totals"
INVOICED: Final = ("project", "currency", *COSTS)
SPAN: Final = ("account", "first_day", "last_day")
EMITTED: Final = ("project", *KILOGRAMS)


def invoiced(
    table: TableName,
    schema: Schema,
    slicing: Slicing,
    days: Period,
    *,
    month: Period,
    accounts: Sequence[str],
) -> Query:
    """
    Return the query for what the invoice of *month* comes to, with the columns `INVOICED`.

    Args:
        table: the export.
        schema: its columns.
        slicing: how it is cut into days.
        days: those that may have rows of the invoice; no others are read.
        month: of the invoice.
        accounts: the billing accounts; all if there are none.
    """
    layout = layout_of(schema)
    costs = layout.costs(schema)
    return Query(
        purpose=PURPOSE,
        sql=f"""
SELECT
  project,
  currency,
  {_sums(COSTS)}
FROM (
  SELECT
    {text(schema, *layout.columns["project"])} AS project,
    {text(schema, *layout.columns["currency"])} AS currency,
    {costs["billed_cost"]} AS billed_cost,
    {costs["effective_cost"]} AS effective_cost
  FROM {table.quoted}
  WHERE {slicing.condition}
    AND {layout.invoice_month} = @month{_chosen(layout, accounts)}
)
GROUP BY project, currency
""",
        parameters=(
            *slicing.parameters(days),
            Parameter(name="month", kind="STRING", value=f"{month.start:%Y%m}"),
            *_accounts(accounts),
        ),
    )


def spanned(
    table: TableName,
    schema: Schema,
    slicing: Slicing,
    days: Period,
    *,
    accounts: Sequence[str],
) -> Query:
    """
    Return the query for the first and last day of export of each account, as `SPAN`.

    Args:
        table: the export.
        schema: its columns.
        slicing: how it is cut into days.
        days: to look at.
        accounts: the billing accounts; all if there are none.
    """
    layout = layout_of(schema)
    day = slicing.column if slicing.by_export else layout.exported
    return Query(
        purpose=PURPOSE,
        sql=f"""
SELECT
  {layout.columns["account"][0]} AS account,
  CAST(MIN(CAST({day} AS DATE)) AS STRING) AS first_day,
  CAST(MAX(CAST({day} AS DATE)) AS STRING) AS last_day
FROM {table.quoted}
WHERE {slicing.condition}{_chosen(layout, accounts)}
GROUP BY 1
""",
        parameters=(*slicing.parameters(days), *_accounts(accounts)),
    )


def emitted(table: TableName, schema: Schema, month: Period, accounts: Sequence[str]) -> Query:
    """
    Return the query for the emissions of *month*, with the columns `EMITTED`.

    Args:
        table: the export.
        schema: its columns.
        month: of the usage.
        accounts: the billing accounts; all if there are none.
    """
    chosen = "billing_account_id IN UNNEST(@accounts)" if accounts else "TRUE"
    return Query(
        purpose=PURPOSE,
        sql=f"""
SELECT
  IFNULL(project, project_number) AS project,
  {_sums(KILOGRAMS)}
FROM (
  {folded(table, schema, chosen).strip()}
)
GROUP BY 1
""",
        parameters=(*within(month), *_accounts(accounts)),
    )


def _sums(names: Iterable[str]) -> str:
    return ",\n  ".join(f"SUM({name}) AS {name}" for name in names)


def _chosen(layout: Layout, accounts: Sequence[str]) -> str:
    """Return what goes on from a condition if only some *accounts* are wanted."""
    return f"\n  AND {layout.columns['account'][0]} IN UNNEST(@accounts)" if accounts else ""


def _accounts(accounts: Sequence[str]) -> list[Parameter]:
    return [Parameter(name="accounts", kind="STRING", value=tuple(accounts))] if accounts else []
