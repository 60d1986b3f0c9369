"""
The rows of one day of a billing export, added up to the grain.

Columns that an export has not are null. Credits are added up row by row, within the row: joined to
the rows they would multiply the cost.
https://cloud.google.com/billing/docs/how-to/bq-examples
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from ogfd.plugin import Grain, Period, Wanted
from ogfd_gcp.identifiers import TableName
from ogfd_gcp.query import Parameter, Query
from ogfd_gcp.schema import Schema
from ogfd_gcp.slicing import Slicing
from ogfd_gcp.sql.expressions import amount, labelled, number, periods, text

TAG: Final = "tag_"
KEYS: Final = (
    "account",
    "invoice_month",
    "project",
    "project_name",
    "service_id",
    "service",
    "sku_id",
    "sku",
    "region",
    "charge",
    "unit",
    "currency",
    "conversion_rate",
    "seller",
    "machine_type",
    "resource",
    "period_start",
    "period_end",
)
COSTS: Final = ("billed_cost", "effective_cost")
MEASURES: Final = ("quantity", *COSTS)
LINES: Final = "lines"

_MACHINE: Final = "compute.googleapis.com/machine_spec"


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """
    What a kind of export calls its columns.

    Attributes:
        required: paths without which it is none.
        columns: key to the paths that it may be at, best first.
        start: of the usage.
        end: of the usage.
        exported: the time of export.
        labels: repeated records of keys and values, for tags.
        system_labels: likewise, of Google's own.
    """

    required: tuple[str, ...]
    columns: Mapping[str, tuple[str, ...]]
    start: str
    end: str
    exported: str
    labels: tuple[str, ...]
    system_labels: str

    def cost(self, schema: Schema) -> str:
        """Return the cost of a row without its credits, exact; of FOCUS, with them."""
        return amount(schema, "BilledCost" if self is FOCUS else "cost")

    def credits(self, schema: Schema) -> str:
        """Return the sum of a row's credits, exact; they are negative."""
        if self is FOCUS or "credits.amount" not in schema:
            return "CAST(0 AS BIGNUMERIC)"
        each = number("c.amount", schema.type("credits.amount"))
        return f"IFNULL((SELECT SUM({each}) FROM UNNEST(credits) AS c), 0)"

    def costs(self, schema: Schema) -> dict[str, str]:
        """Return the billed and the effective cost of a row, exact."""
        if self is FOCUS:
            spread = "EffectiveCost" if "EffectiveCost" in schema else "BilledCost"
            return {"billed_cost": self.cost(schema), "effective_cost": amount(schema, spread)}
        net = f"{self.cost(schema)} + {self.credits(schema)}"
        return {"billed_cost": net, "effective_cost": net}

    @property
    def invoice_month(self) -> str:
        """The invoice that a row is on, such as ``202610``."""
        if self is BILLING:
            return "invoice.month"
        # Months begin at midnight in California, seven or eight hours later than here.
        return f"FORMAT_TIMESTAMP('%Y%m', TIMESTAMP_ADD({self.required[1]}, INTERVAL 12 HOUR))"


BILLING: Final = Layout(
    required=(
        "billing_account_id", "invoice.month", "service.id", "sku.id", "usage_start_time",
        "usage_end_time", "project.id", "cost", "currency", "credits.amount", "export_time",
    ),
    columns={
        "account": ("billing_account_id",),
        "project": ("project.id", "project.number"),
        "project_name": ("project.name",),
        "service_id": ("service.id",),
        "service": ("service.description",),
        "sku_id": ("sku.id",),
        "sku": ("sku.description",),
        "region": ("location.region", "location.location"),
        "charge": ("cost_type",),
        "unit": ("usage.unit",),
        "currency": ("currency",),
        "seller": ("seller_name",),
        "resource": ("resource.global_name", "resource.name"),
    },
    start="usage_start_time",
    end="usage_end_time",
    exported="export_time",
    labels=("labels", "tags", "project.labels"),
    system_labels="system_labels",
)  # fmt: skip
"""https://cloud.google.com/billing/docs/how-to/export-data-bigquery-tables/detailed-usage"""

FOCUS: Final = Layout(
    required=(
        "BillingAccountId", "BillingPeriodStart", "ServiceName", "ChargePeriodStart",
        "ChargePeriodEnd", "ChargeCategory", "BilledCost", "BillingCurrency", "x_ExportTime",
    ),
    columns={
        "account": ("BillingAccountId",),
        "project": ("x_Project.Id", "x_Project.Number", "SubAccountId"),
        "project_name": ("x_Project.Name", "SubAccountName"),
        "service_id": ("x_ServiceId",),
        "service": ("ServiceName",),
        "sku_id": ("SkuId",),
        "sku": ("ChargeDescription",),
        "region": ("RegionId", "x_Location"),
        "charge": ("ChargeCategory",),
        "unit": ("ConsumedUnit",),
        "currency": ("BillingCurrency",),
        "seller": ("PublisherName",),
        "resource": ("ResourceId",),
    },
    start="ChargePeriodStart",
    end="ChargePeriodEnd",
    exported="x_ExportTime",
    labels=("x_Labels", "x_Tags", "x_ProjectLabels"),
    system_labels="x_SystemLabels",
)  # fmt: skip
"""https://cloud.google.com/billing/docs/how-to/export-data-bigquery-tables/focus-export"""


def layout_of(schema: Schema) -> Layout:
    """
    Return what *schema* is the schema of, by its columns.

    Raises:
        FatalError: if it is no billing export.
    """
    layout = FOCUS if "BilledCost" in schema else BILLING
    schema.require(layout.required, "billing export")
    return layout


def columns_of(wanted: Wanted) -> tuple[str, ...]:
    """Return the columns of `charges`."""
    tags = (f"{TAG}{place}" for place in range(len(wanted.tags)))
    return (*KEYS, *tags, *MEASURES, LINES)


def charges(
    table: TableName, schema: Schema, slicing: Slicing, day: Period, wanted: Wanted
) -> Query:
    """Return the query for the rows of *day*, with the columns `columns_of`."""
    layout = layout_of(schema)
    keys = _keys(layout, schema, wanted)
    rows = f"""SELECT
    {_listed(keys, 4)},
    {_listed(_measures(layout, schema), 4)}
  FROM {table.quoted}
  WHERE {slicing.condition}"""
    return Query(
        purpose="cost",
        sql=_lines(keys, rows) if wanted.grain is Grain.LINE else _sums(keys, rows),
        parameters=(*slicing.parameters(day), *_labels(wanted)),
    )


def _lines(keys: Mapping[str, str], rows: str) -> str:
    return f"""
SELECT {", ".join([*keys, *MEASURES])}, 1 AS {LINES}
FROM (
  {rows}
)
"""


def _sums(keys: Mapping[str, str], rows: str) -> str:
    # A cost that is null is no zero: the pipeline rejects what has one, and so all that has it.
    sums = {"quantity": "SUM(quantity)"} | {
        name: f"IF(COUNT({name}) = COUNT(*), SUM({name}), NULL)" for name in COSTS
    }
    return f"""
SELECT
  {", ".join(keys)},
  {_listed(sums, 2)},
  COUNT(*) AS {LINES}
FROM (
  {rows}
)
GROUP BY {", ".join(str(place + 1) for place in range(len(keys)))}
"""


def _keys(layout: Layout, schema: Schema, wanted: Wanted) -> dict[str, str]:
    found = {name: text(schema, *layout.columns.get(name, ())) for name in KEYS}
    found["invoice_month"] = layout.invoice_month
    found["conversion_rate"] = _rate(schema)
    found["machine_type"] = labelled(schema, [layout.system_labels], "machine")
    if not wanted.resource_ids:
        found["resource"] = text(schema)
    found["period_start"], found["period_end"] = periods(layout.start, layout.end, wanted.grain)
    for place in range(len(wanted.tags)):
        found[f"{TAG}{place}"] = labelled(schema, layout.labels, f"{TAG}{place}")
    return found


def _rate(schema: Schema) -> str:
    paths = ("currency_conversion_rate", "x_CurrencyConversionRate")
    there = next((path for path in paths if path in schema), None)
    return text(schema) if there is None else f"CAST({there} AS STRING)"


def _measures(layout: Layout, schema: Schema) -> dict[str, str]:
    used = "ConsumedQuantity" if layout is FOCUS else "usage.amount"
    return {"quantity": amount(schema, used)} | layout.costs(schema)


def _labels(wanted: Wanted) -> list[Parameter]:
    keys = {"machine": _MACHINE} | {f"{TAG}{place}": tag for place, tag in enumerate(wanted.tags)}
    return [Parameter(name=name, kind="STRING", value=key) for name, key in keys.items()]


def _listed(items: Mapping[str, str], depth: int) -> str:
    return (",\n" + " " * depth).join(f"{sql} AS {name}" for name, sql in items.items())
