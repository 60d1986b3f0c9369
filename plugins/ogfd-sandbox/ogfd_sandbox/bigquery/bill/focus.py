"""
The table of the FOCUS export, a preview of FOCUS 1.2.

Columns: https://docs.cloud.google.com/billing/docs/how-to/export-data-bigquery-tables/focus-export,
2026, as a live table has them. BilledCost has the credits in it, ContractedCost has not; a billing
period begins at midnight of US/Pacific; what a column of FOCUS has no room for is in one of ``x_``.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa

from ogfd_sandbox.bigquery.bill import values
from ogfd_sandbox.bigquery.bill.assembly import Account
from ogfd_sandbox.bigquery.bill.book import Entry
from ogfd_sandbox.bigquery.tables import LOADED
from ogfd_sandbox.cur.settings import Month

_TEXT: Final = pa.string()
_PACIFIC: Final = ZoneInfo("America/Los_Angeles")
_LABELS: Final = pa.list_(pa.struct([("Key", _TEXT), ("Value", _TEXT)]))
_TAGS: Final = pa.list_(
    pa.struct(
        [("Key", _TEXT), ("Value", _TEXT), ("x_Inherited", pa.bool_()), ("x_Namespace", _TEXT)]
    )
)
_ANCESTORS: Final = pa.list_(pa.struct([("ResourceName", _TEXT), ("DisplayName", _TEXT)]))
_PROJECT: Final = pa.struct(
    [
        ("Id", _TEXT),
        ("Number", _TEXT),
        ("Name", _TEXT),
        ("AncestryNumbers", _TEXT),
        ("Ancestors", _ANCESTORS),
    ]
)
_CATEGORIES: Final = {"regular": "Usage", "tax": "Tax"}


def focus(account: Account) -> pa.Table:
    """Return the rows of the FOCUS export."""
    lines, found = account.lines, values.shared(account, _OF_ENTRY)
    used, (_, priced) = values.used(account), values.usage(account)
    start = lines.hour * values.HOUR
    length = np.where(used, values.HOUR, values.DAY)
    net, cost = values.exact(lines.net), values.exact(lines.cost)
    unpriced = pa.nulls(len(lines), values.NUMERIC)
    begins, ends = _periods(lines.invoice)
    found |= {
        "BilledCost": net,
        "BillingPeriodStart": values.moments(begins),
        "BillingPeriodEnd": values.moments(ends),
        "ChargePeriodStart": values.moments(start),
        "ChargePeriodEnd": values.moments(start + length),
        "ConsumedQuantity": pa.array(lines.usage, mask=~used).cast(values.NUMERIC),
        "ContractedCost": cost,
        "ContractedUnitPrice": unpriced,
        "EffectiveCost": net,
        "ListCost": cost,
        "ListUnitPrice": unpriced,
        "PricingQuantity": _rounded(priced),
        "x_Credits": values.credit_lists(
            account, ("Name", "Amount", "FullName", "Id", "Type"), values.exact
        ),
        "x_CurrencyConversionRate": values.rates(account),
        "x_ExportTime": values.exported(lines),
        "PricingCurrencyContractedUnitPrice": unpriced,
        "PricingCurrencyEffectiveCost": net,
        "PricingCurrencyListUnitPrice": unpriced,
        "x_PriceEffectivePriceDefault": unpriced,
        "x_PriceListPriceConsumptionModel": unpriced,
        "x_CostAtEffectivePriceDefault": cost,
        "x_CostAtListConsumptionModel": cost,
    }
    return pa.table({**{name: found[name] for name in _ORDER}, LOADED: values.loaded(lines)})


def _rounded(amounts: pa.Array) -> pa.Array:
    """Return FLOAT64 as NUMERIC, to the nearest of nine decimals."""
    nanos = np.rint(np.nan_to_num(amounts.to_numpy(zero_copy_only=False)) * 1e9)
    found = values.exact(nanos.astype(np.int64))
    return pa.Array.from_buffers(
        values.NUMERIC, len(found), [amounts.buffers()[0], found.buffers()[1]]
    )


def _periods(invoice: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return when the invoices' months begin and end, in microseconds since the epoch."""
    distinct, which = np.unique(invoice, return_inverse=True)
    months = [Month(one // 100, one % 100) for one in distinct.tolist()]
    begins = np.array([_midnight(month) for month in months], np.int64)
    ends = np.array([_midnight(month.plus(1)) for month in months], np.int64)
    return begins[which], ends[which]


def _midnight(month: Month) -> int:
    local = datetime(month.year, month.month, 1, tzinfo=_PACIFIC)
    return int((local - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds()) * 1_000_000


def _project(entry: Entry) -> dict[str, Any] | None:
    project = entry.project
    if project is None:
        return None
    return {
        "Id": project.id,
        "Number": project.number,
        "Name": project.name,
        "AncestryNumbers": "/500000000001/",
        "Ancestors": [{"ResourceName": f"projects/{project.number}", "DisplayName": project.name}],
    }


def _tags(entry: Entry) -> list[dict[str, Any]]:
    if entry.project is None or entry.project.id is None:
        return []
    tag = {"Key": "env", "Value": "prod", "x_Inherited": True, "x_Namespace": "500000000001"}
    return [tag]


def _place(entry: Entry, name: str) -> str | None:
    found: str | None = getattr(entry.place, name) if entry.place is not None else None
    return found


def _used(entry: Entry, value: str) -> str | None:
    return value if entry.used else None


_OF_ENTRY: Final[values.Makers] = {
    "AvailabilityZone": (_TEXT, lambda entry: _place(entry, "zone")),
    "BillingAccountId": (_TEXT, lambda entry: entry.billing_account_id),
    "BillingCurrency": (_TEXT, lambda entry: entry.currency),
    "ChargeCategory": (_TEXT, lambda entry: _CATEGORIES.get(entry.cost_type, "Adjustment")),
    "ChargeClass": (_TEXT, lambda entry: "Correction" if entry.corrected else None),
    "ChargeDescription": (_TEXT, lambda entry: entry.offer.description),
    "ConsumedUnit": (_TEXT, lambda entry: _used(entry, entry.offer.unit)),
    "PricingCategory": (_TEXT, lambda entry: _used(entry, "Standard")),
    "PricingUnit": (_TEXT, lambda entry: _used(entry, entry.offer.pricing_unit)),
    "ProviderName": (_TEXT, lambda _: "Google Cloud"),
    "PublisherName": (_TEXT, lambda _: "Google Cloud"),
    "RegionId": (_TEXT, lambda entry: _place(entry, "region")),
    "RegionName": (_TEXT, lambda entry: _place(entry, "region")),
    "ResourceId": (_TEXT, lambda entry: entry.resource and f"//google.example/{entry.resource}"),
    "ResourceName": (_TEXT, lambda entry: entry.resource),
    "ServiceName": (_TEXT, lambda entry: entry.offer.service.description),
    "SkuId": (_TEXT, lambda entry: _used(entry, entry.offer.id)),
    "SkuPriceId": (_TEXT, lambda entry: _used(entry, f"{entry.offer.id}-0")),
    "SubAccountId": (_TEXT, lambda entry: entry.project.id if entry.project else None),
    "SubAccountName": (_TEXT, lambda entry: entry.project.name if entry.project else None),
    "x_CostType": (_TEXT, lambda entry: entry.cost_type),
    "x_Location": (_TEXT, lambda entry: _place(entry, "location")),
    "x_Project": (_PROJECT, _project),
    "x_ServiceId": (_TEXT, lambda entry: entry.offer.service.id),
    "x_SystemLabels": (_LABELS, lambda one: values.pairs(one.system_labels, "Key", "Value")),
    "x_Labels": (_LABELS, lambda entry: values.pairs(entry.labels, "Key", "Value")),
    "x_ProjectLabels": (_LABELS, lambda _: []),
    "x_Tags": (_TAGS, _tags),
    "PricingCurrency": (_TEXT, lambda entry: entry.currency),
    "BillingAccountType": (_TEXT, lambda _: "Billing Account"),
    "x_SubscriptionInstanceId": (_TEXT, lambda _: None),
    "x_ConsumptionModelId": (_TEXT, lambda _: "7754-699E-0EBF"),
    "x_ConsumptionModelDescription": (_TEXT, lambda _: "Default"),
}
_ORDER: Final = (
    "AvailabilityZone",
    "BilledCost",
    "BillingAccountId",
    "BillingCurrency",
    "BillingPeriodStart",
    "BillingPeriodEnd",
    "ChargeCategory",
    "ChargeClass",
    "ChargeDescription",
    "ChargePeriodStart",
    "ChargePeriodEnd",
    "ConsumedQuantity",
    "ConsumedUnit",
    "ContractedCost",
    "ContractedUnitPrice",
    "ListCost",
    "ListUnitPrice",
    "PricingCategory",
    "PricingQuantity",
    "PricingUnit",
    "ProviderName",
    "PublisherName",
    "RegionId",
    "RegionName",
    "ResourceId",
    "ResourceName",
    "ServiceName",
    "SkuId",
    "SkuPriceId",
    "SubAccountId",
    "SubAccountName",
    "x_Credits",
    "x_CostType",
    "x_CurrencyConversionRate",
    "x_ExportTime",
    "x_Location",
    "x_Project",
    "x_ServiceId",
    "x_SystemLabels",
    "x_Labels",
    "x_ProjectLabels",
    "x_Tags",
    "EffectiveCost",
    "PricingCurrency",
    "PricingCurrencyContractedUnitPrice",
    "PricingCurrencyEffectiveCost",
    "PricingCurrencyListUnitPrice",
    "BillingAccountType",
    "x_SubscriptionInstanceId",
    "x_PriceEffectivePriceDefault",
    "x_PriceListPriceConsumptionModel",
    "x_CostAtEffectivePriceDefault",
    "x_CostAtListConsumptionModel",
    "x_ConsumptionModelId",
    "x_ConsumptionModelDescription",
)
