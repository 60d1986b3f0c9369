"""
The columns of cost exports, as data: one name for each meaning, and how every generation writes it.

    legacy CUR   ``lineItem/UsageType``       csv; in Parquet by the naming rule of `canonical`
    CUR 2.0      ``line_item_usage_type``     by the same rule; some are keys of a map column
    FOCUS        ``SkuMeter``                 the same in 1.0 and 1.2, but for what is noted

https://docs.aws.amazon.com/cur/latest/userguide/data-dictionary.html
https://docs.aws.amazon.com/cur/latest/userguide/table-dictionary-cur2.html
https://docs.aws.amazon.com/cur/latest/userguide/table-dictionary-focus-1-2-aws-columns.html
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import Enum
from typing import Final


class Family(Enum):
    """What the columns of an export mean: line items of AWS, or charges as FOCUS defines them."""

    CUR = "cur"
    FOCUS = "focus"


Spellings = tuple[str, ...]
"""Of one column, the best first; ``product[region]`` is the key ``region`` of a map column."""

_BOTH: Final[tuple[tuple[str, Spellings, Spellings], ...]] = (
    # name            CUR, legacy spelling                              FOCUS
    ("payer", ("bill/PayerAccountId",), ("BillingAccountId",)),
    ("month", ("bill/BillingPeriodStartDate",), ("BillingPeriodStart",)),
    ("invoice", ("bill/InvoiceId",), ("InvoiceId",)),  # FOCUS 1.2
    ("account", ("lineItem/UsageAccountId",), ("SubAccountId",)),
    ("account_name", ("lineItem/UsageAccountName",), ("SubAccountName",)),  # not in legacy CUR
    ("start", ("lineItem/UsageStartDate",), ("ChargePeriodStart",)),
    ("end", ("lineItem/UsageEndDate",), ("ChargePeriodEnd",)),
    ("product_code", ("lineItem/ProductCode",), ("x_ServiceCode",)),
    ("product_name", ("product/ProductName", "product[product_name]"), ("ServiceName",)),
    ("usage_type", ("lineItem/UsageType",), ("x_UsageType", "SkuMeter")),  # 1.0, 1.2
    ("operation", ("lineItem/Operation",), ("x_Operation",)),
    ("zone", ("lineItem/AvailabilityZone",), ("AvailabilityZone",)),
    ("region_code", ("product/regionCode", "product[region_code]"), ("RegionId",)),
    ("region", ("product/region", "product[region]"), ()),
    ("place", ("product/location", "product[location]"), ("RegionName",)),
    (
        "instance_type",
        ("product/instanceType", "product[instance_type]"),
        ("SkuPriceDetails[InstanceType]",),  # 1.2
    ),
    ("amount", ("lineItem/UsageAmount",), ("ConsumedQuantity",)),
    ("unit", ("pricing/unit",), ("ConsumedUnit",)),
    ("currency", ("lineItem/CurrencyCode",), ("BillingCurrency",)),
    ("billed", ("lineItem/UnblendedCost",), ("BilledCost",)),
    ("resource", ("lineItem/ResourceId",), ("ResourceId",)),
)

_CUR: Final[Mapping[str, Spellings]] = {
    "line_type": ("lineItem/LineItemType",),
    "product_family": ("product/productFamily", "product[product_family]"),
    "pricing_term": ("pricing/term",),
    "purchase_option": ("pricing/PurchaseOption",),
    "reservation": ("reservation/ReservationARN",),
    "reservation_used": ("reservation/EffectiveCost",),
    "reservation_unused_upfront": ("reservation/UnusedAmortizedUpfrontFeeForBillingPeriod",),
    "reservation_unused_recurring": ("reservation/UnusedRecurringFee",),
    "plan_used": ("savingsPlan/SavingsPlanEffectiveCost",),
    "plan_commitment": ("savingsPlan/TotalCommitmentToDate",),
    "plan_commitment_used": ("savingsPlan/UsedCommitment",),
}

_FOCUS: Final[Mapping[str, Spellings]] = {
    "charge": ("ChargeCategory",),
    "charge_class": ("ChargeClass",),
    "charge_frequency": ("ChargeFrequency",),
    "commitment_status": ("CommitmentDiscountStatus",),
    "effective": ("EffectiveCost",),
    "pricing_category": ("PricingCategory",),
    "service_category": ("ServiceCategory",),
}

FIELDS: Final[Mapping[Family, Mapping[str, Spellings]]] = {
    Family.CUR: {**{name: cur for name, cur, _ in _BOTH}, **_CUR},
    Family.FOCUS: {**{name: focus for name, _, focus in _BOTH if focus}, **_FOCUS},
}

REQUIRED: Final[Mapping[Family, tuple[str, ...]]] = {
    Family.CUR: (
        "payer", "month", "account", "line_type", "start", "end", "product_code", "usage_type",
        "operation", "amount", "currency", "billed",
    ),
    Family.FOCUS: (
        "payer", "month", "account", "charge", "start", "end", "product_name", "currency",
        "billed", "effective",
    ),
}  # fmt: skip
"""Without these a file cannot be counted right; AWS leaves out only those nobody has a use for."""

NUMBERS: Final = frozenset(
    {
        "amount", "billed", "effective", "plan_commitment", "plan_commitment_used", "plan_used",
        "reservation_used", "reservation_unused_recurring", "reservation_unused_upfront",
    }
)  # fmt: skip

RESOURCE: Final = "resource"
TAG: Final = "tag:"
COST_CATEGORY: Final = "costCategory/"


def canonical(header: str) -> str:
    """
    Return the name that a column of the CSV report has in Athena, Parquet and CUR 2.0.

    ``lineItem/UsageType`` is ``line_item_usage_type``. Every upper-case letter begins a word, so
    ``savingsPlan/SavingsPlanARN`` is ``savings_plan_savings_plan_a_r_n``. The rule loses case and
    punctuation: two tags may get one name.
    """
    words = re.sub(r"([A-Z])", r"_\1", header.replace("/", "_"))
    return re.sub(r"_+", "_", re.sub(r"[^a-z0-9]", "_", words.lower()))


def letters(header: str) -> str:
    """Return what two spellings of one column have in common: ``...ARN`` and ``..._arn``."""
    return canonical(header).replace("_", "")
