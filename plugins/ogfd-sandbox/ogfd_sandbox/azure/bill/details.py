"""
Charges as cost and usage details, actual or amortized, of both kinds of agreement.

``Quantity`` is in units of the price, so that quantity times ``EffectivePrice`` is the cost:
``2`` of ``10K`` are 20,000 operations. Prices are in the currency of the bill under an enterprise
agreement, in the currency of prices under a customer agreement.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Final, Literal

from ogfd_sandbox.azure.bill.book import UNUSED, USED, Book, Entry, Kind, Tags, tag_sets
from ogfd_sandbox.azure.bill.columns import EA, MCA
from ogfd_sandbox.azure.bill.lines import Lines, Price, prices
from ogfd_sandbox.azure.bill.sheet import Cells, Layout
from ogfd_sandbox.cur.settings import Month

Agreement = Literal["ea", "mca"]

_COSTS: Final[Mapping[str, tuple[bool, bool]]] = {
    "costInBillingCurrency": (True, False),
    "costInPricingCurrency": (False, False),
    "costInUsd": (False, False),
    "paygCostInBillingCurrency": (True, True),
    "paygCostInUsd": (False, True),
}
"""Columns of customer agreements: whether in the currency of the bill, whether at list price."""


def details(
    agreement: Agreement, book: Book, entries: Sequence[Entry], month: Month, price: Price
) -> Layout:
    """
    Return the layout of cost and usage details.

    Args:
        agreement: whose columns.
        book: the customer.
        entries: what can be charged in the month.
        month: the billing month.
        price: ``paid`` for actual costs, ``effective`` for amortized ones.
    """
    last = month.end - timedelta(days=1)
    if agreement == "ea":
        return Layout(
            columns=EA,
            cells=partial(_ea, book, price),
            instants=lambda day: {
                "Date": month.start + timedelta(days=day),
                "BillingPeriodStartDate": month.start,
                "BillingPeriodEndDate": last,
            },
            own={
                "Quantity": lambda lines: lines.quantity,
                "CostInBillingCurrency": partial(Lines.times, prices=prices(entries, price)),
            },
            blank={},
            date="%m/%d/%Y",
            style="plain",
            mark=b"\xef\xbb\xbf",
            line_end="\r\n",
        )
    return Layout(
        columns=MCA,
        cells=partial(_mca, book, price),
        instants=partial(_mca_instants, month),
        own={
            "quantity": lambda lines: lines.quantity,
            **{
                column: partial(
                    Lines.times,
                    prices=prices(entries, "listed" if listed else price, billed=billed),
                )
                for column, (billed, listed) in _COSTS.items()
            },
        },
        blank={},
        date="%m/%d/%Y",
        style="plain",
        mark=b"\xef\xbb\xbf",
        line_end="\n",
    )


def amount(value: Decimal) -> str:
    """Return *value* in plain digits, without needless zeros."""
    return f"{value.normalize():f}"


def product(entry: Entry) -> str:
    """Return the name of the product."""
    if entry.benefit and entry.kind not in USED:
        return entry.benefit.product
    if entry.marketplace:
        return "Acme Firewall - Standard, monthly"
    offer = entry.offer
    place = entry.region.location if entry.region and offer.regional else ""
    return " - ".join(filter(None, (offer.category, offer.subcategory, offer.meter, place)))


def frequency(entry: Entry) -> str:
    """Return ``Frequency``."""
    if entry.kind in USED | UNUSED | {Kind.REFUND}:
        return "UsageBased"
    return "OneTime" if entry.kind is Kind.RESERVATION else "Recurring"


def additional_info(entry: Entry) -> dict[str, object]:
    """Return what Azure adds about machines; the numbers in it are no strings."""
    if not entry.offer.machine or entry.resource is None:
        return {}
    found: dict[str, object] = {
        "UsageType": "ComputeHR",
        "ServiceType": entry.offer.machine,
        "VMName": entry.resource.name,
        "VCPUs": 8 if "8" in entry.offer.machine else 2,
    }
    if entry.benefit and entry.benefit.reservation_id:
        found["ReservationId"] = entry.benefit.reservation_id
    return found


def _mca_instants(month: Month, day: int) -> Mapping[str, datetime]:
    return {
        "date": month.start + timedelta(days=day),
        "billingPeriodStartDate": month.start,
        "billingPeriodEndDate": month.end - timedelta(days=1),
        "servicePeriodStartDate": month.start,
        "servicePeriodEndDate": month.end - timedelta(days=1),
        "exchangeRateDate": month.start,
    }


def _ea(book: Book, price: Price, entry: Entry) -> Cells:
    rate, region, resource = entry.profile.rate, entry.region, entry.resource
    subscription, benefit = entry.subscription, entry.benefit
    owner = "billing@acme.example" if subscription else ""
    return {
        **_meter(entry),
        **_purchase(entry),
        "InvoiceSectionName": "Acme, Engineering",
        "AccountName": "Acme Team" if subscription else "",
        "AccountOwnerId": owner,
        "AccountId": "262145" if subscription else "",
        "SubscriptionId": entry.subscription_id,
        "SubscriptionName": subscription.name if subscription else "",
        "CostCenter": subscription.cost_center if subscription else "",
        "OfferId": "MS-AZR-0017P" if subscription else "",
        "ResourceGroup": resource.group if resource else "",
        "ResourceLocation": resource.location if resource else _nowhere(entry),
        "ResourceLocationNormalized": region.id if region else "",
        "ResourceId": resource.id if resource else benefit.id if benefit else "",
        "ResourceName": resource.name if resource else "",
        "Tags": _without_braces(tag_sets()[entry.tags]),
        "AdditionalInfo": _json(additional_info(entry)),
        "EffectivePrice": amount(getattr(entry, price) * rate),
        "UnitPrice": amount(entry.contracted * rate),
        "PayGPrice": amount(entry.listed * rate),
        "BillingAccountId": book.enrollment,
        "BillingAccountName": "Acme Corp",
        "BillingCurrencyCode": entry.profile.currency,
        "BillingProfileId": book.enrollment,
        "BillingProfileName": "Acme Corp",
        "PublisherType": "Marketplace" if entry.marketplace else "Azure",
    }


def _mca(book: Book, price: Price, entry: Entry) -> Cells:
    region, resource, profile = entry.region, entry.resource, entry.profile
    subscription, benefit = entry.subscription, entry.benefit
    words = {**_meter(entry), **_purchase(entry)}
    lowered = {name[0].lower() + name[1:]: text for name, text in words.items()}
    tags = tag_sets()[entry.tags]
    return {
        **lowered,
        "ProductName": words["ProductName"],
        "ProductId": f"DZH318Z{entry.meter_id[:8].upper()}",
        "billingAccountId": book.account,
        "billingAccountName": "Acme Corp",
        "billingProfileId": profile.id,
        "billingProfileName": profile.name,
        "invoiceSectionId": f"{profile.id[:4]}-PJA-PGB",
        "invoiceSectionName": "Acme, Engineering",
        "costCenter": subscription.cost_center if subscription else "",
        "SubscriptionId": entry.subscription_id,
        "subscriptionName": subscription.name if subscription else "",
        "resourceGroupName": resource.group if resource else "",
        "resourceLocation": resource.location if resource else _nowhere(entry),
        "location": region.location if region else _nowhere(entry),
        "ResourceId": resource.id if resource else benefit.id if benefit else "",
        "additionalInfo": _json(additional_info(entry)),
        # both forms are in use: some providers send tags with braces, some without
        "tags": _json(tags) if entry.tags % 2 else _without_braces(tags),
        "effectivePrice": amount(getattr(entry, price)),
        "unitPrice": amount(entry.contracted),
        "PayGPrice": amount(entry.listed),
        "billingCurrency": profile.currency,
        "pricingCurrency": "USD",
        "exchangeRatePricingToBilling": amount(profile.rate),
        "publisherType": "Marketplace" if entry.marketplace else "Microsoft",
        "provider": "Marketplace" if entry.marketplace else "Azure",
    }


def _meter(entry: Entry) -> Cells:
    offer, region = entry.offer, entry.region
    return {
        "ProductName": product(entry),
        "MeterCategory": offer.category,
        "MeterSubCategory": offer.subcategory,
        "MeterId": entry.meter_id if offer.category else "",
        "MeterName": offer.meter,
        "MeterRegion": region.meter if region and offer.regional else "",
        "UnitOfMeasure": offer.unit,
        "ServiceFamily": offer.family,
        "ConsumedService": _consumed(entry),
        "PlanName": offer.meter if entry.kind is Kind.USAGE else "",
        "PartNumber": f"AAA-{int(entry.meter_id[:6], 16) % 10**5:05}",
    }


def _purchase(entry: Entry) -> Cells:
    benefit = entry.benefit
    return {
        "ChargeType": entry.kind.charge_type,
        "PricingModel": entry.kind.pricing_model,
        "Frequency": frequency(entry),
        "PublisherName": entry.publisher,
        "IsAzureCreditEligible": "False" if entry.marketplace else "True",
        "ReservationId": benefit.reservation_id if benefit else "",
        "ReservationName": benefit.name if benefit and benefit.reservation_id else "",
        "ProductOrderId": benefit.order_id if benefit else "",
        "ProductOrderName": benefit.product if benefit else "",
        "Term": benefit.term if benefit else "",
        "BenefitId": benefit.id if benefit else "",
        "BenefitName": benefit.name if benefit else "",
        "benefitId": benefit.id if benefit else "",
        "benefitName": benefit.name if benefit else "",
    }


def _consumed(entry: Entry) -> str:
    if entry.resource:
        return entry.resource.appliance.provider
    if entry.benefit:
        return "Microsoft.Capacity" if entry.benefit.reservation_id else "Microsoft.BillingBenefits"
    return "Microsoft.SaaS" if entry.marketplace else ""


def _nowhere(entry: Entry) -> str:
    return "Unassigned" if entry.marketplace else ""


def _json(values: Mapping[str, object]) -> str:
    return json.dumps(values, ensure_ascii=False, separators=(",", ":")) if values else ""


def _without_braces(tags: Tags) -> str:
    parts = [
        f"{json.dumps(name, ensure_ascii=False)}: {json.dumps(value, ensure_ascii=False)}"
        for name, value in tags.items()
    ]
    return ",".join(parts)
