"""
The same charges as FOCUS 1.0 and 1.2, which have actual and amortized costs side by side.

Quantities differ. FOCUS 1.0 is as Microsoft wrote it until November 2024: ``ConsumedQuantity`` is
in units of the price, ``PricingQuantity`` was divided by the size of a block once more, so 2 of
``10K`` are consumed 2, priced 0.0002. FOCUS 1.2 is as mended: priced 2, consumed 20,000.
https://github.com/microsoft/finops-toolkit/issues/727, 2024-11
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Final, Literal

import numpy as np

from ogfd_sandbox.azure.bill.book import COMMITMENTS, UNUSED, USED, Book, Entry, Kind, tag_sets
from ogfd_sandbox.azure.bill.columns import FOCUS_1_0, FOCUS_1_2
from ogfd_sandbox.azure.bill.details import additional_info, amount, frequency, product
from ogfd_sandbox.azure.bill.lines import Lines, prices
from ogfd_sandbox.azure.bill.sheet import Cells, Layout, Own
from ogfd_sandbox.cur.numbers import Numbers
from ogfd_sandbox.cur.settings import Month

Version = Literal["1.0", "1.2"]

_FREQUENCIES: Final[Mapping[str, str]] = {
    "OneTime": "One-Time",
    "Recurring": "Recurring",
    "UsageBased": "Usage-Based",
}
_CATEGORIES: Final[Mapping[str, str]] = {
    "Usage": "Usage",
    "UnusedReservation": "Usage",
    "UnusedSavingsPlan": "Usage",
    "Purchase": "Purchase",
    "Refund": "Purchase",
    "RoundingAdjustment": "Adjustment",
    "Tax": "Tax",
    "Credit": "Credit",
}


def focus(
    version: Version,
    book: Book,
    entries: Sequence[Entry],
    month: Month,
    *,
    effective_purchases: bool,
) -> Layout:
    """
    Return the layout of FOCUS.

    Args:
        version: of FOCUS.
        book: the customer.
        entries: what can be charged in the month.
        month: the billing month.
        effective_purchases: whether purchases of commitments have an effective cost in 1.0.
    """
    first = version == "1.0"
    return Layout(
        columns=FOCUS_1_0 if first else FOCUS_1_2,
        cells=partial(_cells, book, version),
        instants=partial(_instants, month),
        own={
            **_costs(entries, doubled=first and effective_purchases, listed=not first),
            **(_early_quantities(entries) if first else _quantities(entries)),
        },
        blank={
            "ConsumedQuantity": np.array([entry.kind not in USED for entry in entries]),
            "CommitmentDiscountQuantity": np.array([entry.benefit is None for entry in entries]),
        },
        # 1.0 has no seconds; 1.0r2 and later have
        date="%Y-%m-%dT%H:%MZ" if first else "%Y-%m-%dT%H:%M:%SZ",
        style="scientific",
        mark=b"",
        line_end="\n",
    )


def _costs(entries: Sequence[Entry], *, doubled: bool, listed: bool) -> dict[str, Own]:
    bought = np.array([entry.kind in COMMITMENTS for entry in entries])
    found: dict[str, Own] = {}
    for suffix, billed in (("", True), ("InUsd", False)):
        mark = "x_" if suffix else ""
        paid = prices(entries, "paid", billed=billed)
        effective = prices(entries, "effective", billed=billed)
        # enterprise agreements had no list cost at first: zero, not blank
        price = prices(entries, "listed", billed=billed) if listed else Numbers.zeros(len(entries))
        for name, each in {
            "BilledCost": paid,
            "ContractedCost": prices(entries, "contracted", billed=billed),
            "EffectiveCost": effective.where(~bought, paid) if doubled else effective,
            "ListCost": price,
        }.items():
            found[f"{mark}{name}{suffix}"] = partial(Lines.times, prices=each)
    return found


def _early_quantities(entries: Sequence[Entry]) -> dict[str, Own]:
    # blocks are powers of ten, so that the quotient is exact
    parts = Numbers.of([1 / Decimal(entry.offer.block) for entry in entries])
    return {
        "ConsumedQuantity": _shown,
        "PricingQuantity": lambda lines: lines.quantity * parts.take(lines.entry),
    }


def _quantities(entries: Sequence[Entry]) -> dict[str, Own]:
    blocks = Numbers.of([Decimal(entry.offer.block) for entry in entries])
    return {
        "ConsumedQuantity": lambda lines: lines.quantity * blocks.take(lines.entry),
        "PricingQuantity": _shown,
        "CommitmentDiscountQuantity": _shown,
    }


def _shown(lines: Lines) -> Numbers:
    return lines.quantity


def _instants(month: Month, day: int) -> Mapping[str, datetime]:
    start = month.start + timedelta(days=day)
    return {
        "BillingPeriodStart": month.start,
        "BillingPeriodEnd": month.end,
        "ChargePeriodStart": start,
        "ChargePeriodEnd": start + timedelta(days=1),
        "x_BillingExchangeRateDate": month.start,
    }


def _cells(book: Book, version: Version, entry: Entry) -> Cells:
    rate, profile, subscription = entry.profile.rate, entry.profile, entry.subscription
    words = _words(entry)
    listed = entry.listed if version != "1.0" else Decimal(0)
    return {
        **words,
        **_where(entry),
        **_commitment(entry),
        **_sku(entry),
        "BillingAccountId": book.scope,
        "BillingAccountName": "Acme Corp",
        "BillingAccountType": "Billing Account",
        "BillingCurrency": profile.currency,
        "ConsumedUnit": entry.offer.distinct if entry.kind in USED else "",
        "ContractedUnitPrice": amount(entry.contracted * rate),
        "ListUnitPrice": amount(listed * rate),
        "x_BilledUnitPrice": amount(entry.paid * rate),
        "x_EffectiveUnitPrice": amount(entry.effective * rate),
        "x_BillingExchangeRate": amount(rate),
        "PricingCurrency": "USD",
        "x_PricingCurrency": "USD",
        "PricingUnit": entry.offer.distinct,
        "x_PricingBlockSize": str(entry.offer.block),
        "x_PricingUnitDescription": entry.offer.unit,
        "SubAccountId": f"/subscriptions/{subscription.id}" if subscription else "",
        "SubAccountName": subscription.name if subscription else "",
        "SubAccountType": "Subscription" if subscription else "",
        "Tags": json.dumps(dict(tag_sets()[entry.tags]), ensure_ascii=False),
        "x_AccountId": "262145" if subscription else "",
        "x_AccountName": "Acme Team" if subscription else "",
        "x_AccountOwnerId": "billing@acme.example" if subscription else "",
        "x_BillingAccountId": book.enrollment,
        "x_BillingAccountName": "Acme Corp",
        "x_BillingProfileId": book.enrollment,
        "x_BillingProfileName": "Acme Corp",
        "x_CostCenter": subscription.cost_center if subscription else "",
        "x_InvoiceSectionName": "Acme, Engineering",
    }


def _words(entry: Entry) -> Cells:
    return {
        "ChargeCategory": _CATEGORIES[entry.kind.charge_type],
        "ChargeClass": "Correction" if entry.kind is Kind.REFUND else "",
        "ChargeDescription": product(entry),
        "ChargeFrequency": _FREQUENCIES[frequency(entry)],
        "InvoiceIssuerName": "Microsoft",
        "ProviderName": "Microsoft",
        "PublisherName": entry.publisher,
        "x_PublisherCategory": "Vendor" if entry.marketplace else "Cloud Provider",
        "PricingCategory": _pricing(entry),
        "x_AmortizationClass": _amortization(entry),
    }


def _pricing(entry: Entry) -> str:
    if entry.kind.pricing_model == "OnDemand":
        return "Standard"
    return "Committed" if entry.benefit else ""


def _amortization(entry: Entry) -> str:
    if entry.kind in COMMITMENTS:
        return "Principal"
    return "Amortized Charge" if entry.benefit else ""


def _where(entry: Entry) -> Cells:
    region, resource = entry.region, entry.resource
    found = {
        "RegionId": region.id if region else "",
        "RegionName": region.name if region else "",
    }
    if resource is None:
        benefit = entry.benefit
        return {**found, "ResourceId": benefit.id if benefit else ""}
    appliance = resource.appliance
    return {
        **found,
        "ResourceId": resource.id.lower(),
        "ResourceName": resource.name,
        "ResourceType": appliance.type,
        "ServiceCategory": appliance.category,
        "ServiceName": appliance.service,
        "ServiceSubcategory": appliance.subcategory,
        "x_ResourceGroupName": resource.group,
        "x_ResourceType": appliance.type_id,
        "x_ServiceModel": appliance.model,
    }


def _commitment(entry: Entry) -> Cells:
    benefit = entry.benefit
    if benefit is None:
        return {}
    reservation = bool(benefit.reservation_id)
    status = "Used" if entry.kind in USED else "Unused" if entry.kind in UNUSED else ""
    return {
        "CommitmentDiscountCategory": "Usage" if reservation else "Spend",
        "CommitmentDiscountId": benefit.id,
        "CommitmentDiscountName": benefit.name,
        "CommitmentDiscountStatus": status,
        "CommitmentDiscountType": "Reservation" if reservation else "Savings Plan",
        "CommitmentDiscountUnit": "Hours" if reservation else "USD",
        "x_SkuOrderId": benefit.order_id,
        "x_SkuOrderName": benefit.product,
        "x_SkuTerm": benefit.term,
    }


def _sku(entry: Entry) -> Cells:
    offer, region = entry.offer, entry.region
    info = additional_info(entry)
    about = json.dumps({f"x_{name}": value for name, value in info.items()}) if info else ""
    return {
        "SkuId": f"DZH318Z{entry.meter_id[:8].upper()}",
        "SkuPriceId": f"DZH318Z{entry.meter_id[:8].upper()}_{entry.profile.currency}",
        "SkuMeter": offer.meter,
        "SkuPriceDetails": about,
        "x_SkuDetails": json.dumps(info) if info else "",
        "x_SkuDescription": product(entry),
        "x_SkuIsCreditEligible": "false" if entry.marketplace else "true",
        "x_SkuMeterCategory": offer.category,
        "x_SkuMeterId": entry.meter_id if offer.category else "",
        "x_SkuMeterName": offer.meter,
        "x_SkuMeterSubcategory": offer.subcategory,
        "x_SkuOfferId": "MS-AZR-0017P" if entry.subscription else "",
        "x_SkuPartNumber": f"AAA-{int(entry.meter_id[:6], 16) % 10**5:05}",
        "x_SkuRegion": region.meter if region and offer.regional else "",
        "x_SkuServiceFamily": offer.family,
        "x_SkuTier": "",
    }
