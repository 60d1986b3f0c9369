"""
The columns of cost exports, as data: one name for each meaning, and how every dataset writes it.

    details     actual, amortised and usage exports: ``MeterCategory`` under Enterprise Agreements,
                ``meterCategory`` under Customer Agreements, ``SubscriptionGuid`` and
                ``PreTaxCost`` in those of pay-as-you-go; older ones may bear a translated name
                with the column in parentheses: ``Abonnement-GUID (SubscriptionGuid)``
    FOCUS       1.0-preview, 1.0, 1.2-preview and 1.2; Microsoft's own columns begin with ``x_``

https://learn.microsoft.com/azure/cost-management-billing/dataset-schema/schema-index
https://learn.microsoft.com/azure/cost-management-billing/automate/understand-usage-details-fields
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import Enum
from typing import Final


class Family(Enum):
    """What the columns of an export mean: charges as Microsoft details them, or as FOCUS does."""

    DETAILS = "details"
    FOCUS = "focus"


Spellings = tuple[str, ...]
"""Of one column, the best first; case does not matter."""

_BOTH: Final[tuple[tuple[str, Spellings, Spellings], ...]] = (
    # name           details                                       FOCUS
    ("payer", ("BillingAccountId",), ("x_BillingAccountId", "BillingAccountId")),
    ("month", ("BillingPeriodStartDate",), ("BillingPeriodStart",)),
    ("invoice", ("InvoiceId",), ("InvoiceId", "x_InvoiceId")),  # 1.2; 1.0
    ("account", ("SubscriptionId", "SubscriptionGuid"), ("SubAccountId",)),
    ("account_name", ("SubscriptionName",), ("SubAccountName",)),
    ("start", ("Date", "UsageDateTime", "UsageDate"), ("ChargePeriodStart",)),
    ("charge", ("ChargeType",), ("ChargeCategory",)),
    ("charge_frequency", ("Frequency",), ("ChargeFrequency",)),
    ("resource", ("ResourceId", "InstanceId", "InstanceName"), ("ResourceId",)),
    ("resource_type", ("ResourceType",), ("x_ResourceType",)),
    ("resource_group", ("ResourceGroup", "ResourceGroupName"), ("x_ResourceGroupName",)),
    ("region", ("ResourceLocation",), ("RegionId", "Region")),  # 1.0-preview
    ("place", ("Location", "ResourceLocationNormalized"), ()),
    ("meter_category", ("MeterCategory",), ("x_SkuMeterCategory",)),
    ("meter_subcategory", ("MeterSubCategory",), ("x_SkuMeterSubcategory",)),
    ("meter", ("MeterName",), ("SkuMeter", "x_SkuMeterName")),
    ("sku_details", ("AdditionalInfo",), ("SkuPriceDetails", "x_SkuDetails")),
    ("unit_of_measure", ("UnitOfMeasure",), ("x_PricingUnitDescription",)),
    ("quantity", ("Quantity", "UsageQuantity"), ("ConsumedQuantity", "UsageQuantity")),
    ("publisher", ("PublisherType",), ("x_PublisherCategory",)),
    ("unit_price", ("EffectivePrice", "ResourceRate"), ("x_EffectiveUnitPrice",)),
    ("exchange_rate", ("ExchangeRatePricingToBilling",), ("x_BillingExchangeRate",)),
    ("currency", ("BillingCurrency", "BillingCurrencyCode", "Currency"), ("BillingCurrency",)),
)

_DETAILS: Final[Mapping[str, Spellings]] = {
    "cost": ("CostInBillingCurrency", "Cost", "PreTaxCost"),
    "consumed_service": ("ConsumedService",),
    "pricing_model": ("PricingModel",),
    "service_family": ("ServiceFamily",),
}

_FOCUS: Final[Mapping[str, Spellings]] = {
    "end": ("ChargePeriodEnd",),
    "billed": ("BilledCost",),
    "effective": ("EffectiveCost",),
    "service": ("ServiceName",),
    "service_category": ("ServiceCategory",),
    "charge_class": ("ChargeClass",),
    "pricing_category": ("PricingCategory",),
    "commitment": ("CommitmentDiscountId",),
    "commitment_status": ("CommitmentDiscountStatus", "ChargeSubcategory"),  # 1.0-preview
    "block": ("x_PricingBlockSize",),
    "priced_quantity": ("PricingQuantity",),
    "unit": ("ConsumedUnit", "UsageUnit"),
}

FIELDS: Final[Mapping[Family, Mapping[str, Spellings]]] = {
    Family.DETAILS: {**{name: details for name, details, _ in _BOTH}, **_DETAILS},
    Family.FOCUS: {**{name: focus for name, _, focus in _BOTH if focus}, **_FOCUS},
}

REQUIRED: Final[Mapping[Family, tuple[str, ...]]] = {
    Family.DETAILS: (
        "account", "start", "consumed_service", "quantity", "unit_of_measure", "currency", "cost",
    ),
    Family.FOCUS: (
        "payer", "month", "account", "charge", "start", "end", "service", "currency", "billed",
        "effective",
    ),
}  # fmt: skip
"""Without these a file cannot be counted right."""

NUMBERS: Final = frozenset(
    {
        "billed", "cost", "effective", "exchange_rate", "priced_quantity",
        "quantity", "unit_price",
    }
)  # fmt: skip

RESOURCE: Final = "resource"
RESOURCE_TYPE: Final = "resource_type"
TAGS: Final = "Tags"
TAG: Final = "tag:"

_IN_PARENTHESES: Final = re.compile(r"\(([^()]+)\)\s*$")


def column(header: str) -> str:
    """Return the column that *header* means, in lower case: what spellings have in common."""
    plain = header.strip().removeprefix("\ufeff").strip()
    translated = _IN_PARENTHESES.search(plain)
    return (translated[1].strip() if translated else plain).casefold()
