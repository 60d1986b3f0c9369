"""
The tables of the standard and the detailed export.

Columns: https://docs.cloud.google.com/billing/docs/how-to/export-data-bigquery-tables/standard-usage
and detailed-usage, 2026.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import pyarrow as pa

from ogfd_sandbox.bigquery.bill import values
from ogfd_sandbox.bigquery.bill.assembly import Account
from ogfd_sandbox.bigquery.bill.book import Entry
from ogfd_sandbox.bigquery.tables import LOADED

_TEXT: Final = pa.string()
_NUMBER: Final = pa.float64()
_LABELS: Final = pa.list_(pa.struct([("key", _TEXT), ("value", _TEXT)]))
_NAMED: Final = pa.struct([("id", _TEXT), ("description", _TEXT)])
_ANCESTORS: Final = pa.list_(pa.struct([("resource_name", _TEXT), ("display_name", _TEXT)]))
_PROJECT: Final = pa.struct(
    [
        ("id", _TEXT),
        ("number", _TEXT),
        ("name", _TEXT),
        ("labels", _LABELS),
        ("ancestry_numbers", _TEXT),
        ("ancestors", _ANCESTORS),
    ]
)
_LOCATION: Final = pa.struct(
    [("location", _TEXT), ("country", _TEXT), ("region", _TEXT), ("zone", _TEXT)]
)
_TAGS: Final = pa.list_(
    pa.struct([("key", _TEXT), ("value", _TEXT), ("inherited", pa.bool_()), ("namespace", _TEXT)])
)
_ADJUSTMENT: Final = pa.struct(
    [("id", _TEXT), ("description", _TEXT), ("mode", _TEXT), ("type", _TEXT)]
)
_PRICE: Final = pa.struct(
    [
        ("effective_price", values.NUMERIC),
        ("tier_start_amount", values.NUMERIC),
        ("unit", _TEXT),
        ("pricing_unit_quantity", values.NUMERIC),
    ]
)
_RESOURCE: Final = pa.struct([("name", _TEXT), ("global_name", _TEXT)])
_SUBSCRIPTION: Final = pa.struct([("instance_id", _TEXT)])
_ORGANISATION: Final = "500000000001"


def standard(account: Account, *, old: bool = False) -> pa.Table:
    """
    Return the rows of the standard export.

    Args:
        account: whose.
        old: leave out the columns that Google has added since 2022.
    """
    columns = _columns(account)
    kept = {name: one for name, one in columns.items() if not old or name in _OLDEST}
    return pa.table({**kept, LOADED: values.loaded(account.lines)})


def detailed(account: Account) -> pa.Table:
    """Return the rows of the detailed export: those of the standard one, with their resources."""
    columns = {**_columns(account), **values.shared(account, _OF_DETAILED)}
    return pa.table({**columns, LOADED: values.loaded(account.lines)})


def _columns(account: Account) -> dict[str, pa.Array]:
    lines = account.lines
    start = lines.hour * values.HOUR
    length = np.where(values.used(account), values.HOUR, values.DAY)
    amount, priced = values.usage(account)
    units = values.shared(
        account,
        {
            "unit": (_TEXT, lambda entry: entry.offer.unit if entry.used else None),
            "pricing_unit": (_TEXT, lambda entry: entry.offer.pricing_unit if entry.used else None),
        },
    )
    found = {
        **values.shared(account, _OF_ENTRY),
        "usage_start_time": values.moments(start),
        "usage_end_time": values.moments(start + length),
        "export_time": values.exported(lines),
        "cost": values.floats(lines.cost),
        "cost_at_list": values.floats(lines.cost),
        "currency_conversion_rate": values.rates(account),
        "usage": pa.StructArray.from_arrays(
            [amount, units["unit"], priced, units["pricing_unit"]],
            ["amount", "unit", "amount_in_pricing_units", "pricing_unit"],
        ),
        "credits": values.credit_lists(account, values.CREDIT_FIELDS, values.floats),
        "invoice": pa.StructArray.from_arrays([values.invoice_months(lines)], ["month"]),
    }
    return {name: found[name] for name in (*_OLDEST, *_ADDED)}


def _project(entry: Entry) -> dict[str, Any] | None:
    project = entry.project
    if project is None:
        return None
    return {
        "id": project.id,
        "number": project.number,
        "name": project.name,
        "labels": [{"key": "stage", "value": "production"}] if project.id else [],
        "ancestry_numbers": f"/{_ORGANISATION}/",
        "ancestors": [
            {"resource_name": f"projects/{project.number}", "display_name": project.name},
            {"resource_name": f"organizations/{_ORGANISATION}", "display_name": "acme.example"},
        ],
    }


def _location(entry: Entry) -> dict[str, Any] | None:
    place = entry.place
    if place is None:
        return None
    return {
        "location": place.location,
        "country": place.country,
        "region": place.region,
        "zone": place.zone,
    }


def _tags(entry: Entry) -> list[dict[str, Any]]:
    if entry.project is None or entry.project.id is None:
        return []
    tag = {"key": "env", "value": "prod", "inherited": True, "namespace": _ORGANISATION}
    return [tag]


def _adjustment(entry: Entry) -> dict[str, Any] | None:
    if not entry.corrected:
        return None
    return {
        "id": f"correction-{entry.offer.id}",
        "description": "Usage was counted twice.",
        "mode": "COMPLETE_NEGATION",
        "type": "USAGE_CORRECTION",
    }


def _price(entry: Entry) -> dict[str, Any] | None:
    return {"unit": entry.offer.pricing_unit} if entry.used else None


def _resource(entry: Entry) -> dict[str, Any] | None:
    if entry.resource is None or entry.project is None:
        return None
    host = entry.offer.service.description.lower().replace(" ", "")
    whole = f"//{host}.googleapis.com/projects/{entry.project.number}/resources/{entry.resource}"
    return {"name": entry.resource, "global_name": whole}


def _sku(entry: Entry) -> dict[str, str]:
    return {"id": entry.offer.id, "description": entry.offer.description}


def _service(entry: Entry) -> dict[str, str]:
    return {"id": entry.offer.service.id, "description": entry.offer.service.description}


_OLDEST: Final = (
    "billing_account_id",
    "service",
    "sku",
    "usage_start_time",
    "usage_end_time",
    "project",
    "labels",
    "system_labels",
    "location",
    "export_time",
    "cost",
    "currency",
    "currency_conversion_rate",
    "usage",
    "credits",
    "invoice",
    "cost_type",
    "adjustment_info",
)
_ADDED: Final = (
    "tags",
    "price",
    "transaction_type",
    "seller_name",
    "subscription",
    "consumption_model",
    "cost_at_list",
)
_OF_ENTRY: Final[values.Makers] = {
    "billing_account_id": (_TEXT, lambda entry: entry.billing_account_id),
    "service": (_NAMED, _service),
    "sku": (_NAMED, _sku),
    "project": (_PROJECT, _project),
    "labels": (_LABELS, lambda entry: values.pairs(entry.labels)),
    "system_labels": (_LABELS, lambda entry: values.pairs(entry.system_labels)),
    "location": (_LOCATION, _location),
    "tags": (_TAGS, _tags),
    "currency": (_TEXT, lambda entry: entry.currency),
    "cost_type": (_TEXT, lambda entry: entry.cost_type),
    "adjustment_info": (_ADJUSTMENT, _adjustment),
    "price": (_PRICE, _price),
    "transaction_type": (_TEXT, lambda _: "GOOGLE"),
    "seller_name": (_TEXT, lambda _: "Google LLC"),
    "subscription": (_SUBSCRIPTION, lambda _: None),
    "consumption_model": (_NAMED, lambda _: {"id": "7754-699E-0EBF", "description": "Default"}),
}
_OF_DETAILED: Final[values.Makers] = {"resource": (_RESOURCE, _resource)}
