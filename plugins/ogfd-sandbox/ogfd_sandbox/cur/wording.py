"""How AWS words the columns of accounts, resources, tags, commitments and usage."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Final

import numpy as np

from ogfd_sandbox.cur.catalog import MARKETPLACE, Offer, Region

Cells = Mapping[str, str]

SELLER: Final = "Amazon Web Services, Inc."
LATE_TAG: Final = "resourceTags/user:CostCentre"
"""A tag that only a few resources carry; their rows are in the last file of an assembly."""
NEW_TAG: Final = "resourceTags/user:Project"
"""A tag that is activated between two assemblies."""


def accounts(
    count: int, currencies: Sequence[str], random: np.random.Generator
) -> tuple[Cells, ...]:
    """Return the cells of *count* accounts."""
    numbers = random.choice(10**9, size=count, replace=False)
    ends = [f"{number:09}" for number in numbers.tolist()]
    # ids are text: some begin with zeros
    return tuple(
        {
            "lineItem/UsageAccountId": ("000" if place % 4 == 1 else "417") + end,
            "lineItem/CurrencyCode": currencies[place % len(currencies)],
            "pricing/currency": currencies[place % len(currencies)],
        }
        for place, end in enumerate(ends)
    )


def tag_sets() -> tuple[Cells, ...]:
    """Return sets of tags; the first is empty."""
    names = ("web", 'batch, "nightly"', "db\nreplica", "")
    found: list[Cells] = [{}]
    for number, name in enumerate(names * 5):
        found.append(
            {
                "resourceTags/aws:createdBy": "" if number % 3 else f"Root:{number}",
                "resourceTags/user:Env": ("prod", "staging", "dev")[number % 3],
                "resourceTags/user:Name": name and f"{name} {number}",
                "resourceTags/user:Team": ("payments", "search", "", "data & insight")[number % 4],
                LATE_TAG: f"CC-{number:03}" if number % 10 == 9 else "",
                NEW_TAG: f"P-{number % 3}" if number % 2 else "",
                "costCategory/Business unit": ("Retail", "Platform, shared")[number % 2],
            }
        )
    return tuple(found)


def commitments(payer: str) -> tuple[Cells, ...]:
    """Return no commitment, a savings plan and a reservation, in this order."""
    return (
        {},
        {
            "savingsPlan/SavingsPlanARN": f"arn:aws:savingsplans::{payer}:savingsplan/6f2c2a4e",
            "savingsPlan/OfferingType": "ComputeSavingsPlans",
            "savingsPlan/PaymentOption": "No Upfront",
            "savingsPlan/PurchaseTerm": "1yr",
            "savingsPlan/Region": "Any",
        },
        {
            "reservation/ReservationARN": f"arn:aws:ec2:us-east-1:{payer}:reserved-instances/b7d1",
            "reservation/SubscriptionId": "2417710334",
            "reservation/ModificationStatus": "Original",
            "reservation/NumberOfReservations": "4",
            "reservation/UnitsPerReservation": "1",
            "pricing/LeaseContractLength": "1yr",
            "pricing/OfferingClass": "standard",
            "pricing/PurchaseOption": "Partial Upfront",
        },
    )


def resource(offer: Offer, region: Region, account: str, hexed: str) -> Cells:
    """Return the cells of one resource; *hexed* tells it from others."""
    service = offer.code.lower().removeprefix("amazon").removeprefix("aws")
    name = offer.resource.format(service=service, region=region.id, account=account, hex=hexed)
    zoned = offer.resource.startswith(("i-", "vol-"))
    zone = f"{region.id}{'abc'[int(hexed[0], 16) % 3]}" if zoned else ""
    return {"lineItem/ResourceId": name, "lineItem/AvailabilityZone": zone}


def offer_key(offer: Offer, region: Region) -> str:
    """Return what tells an offer in a region from all others."""
    return f"{offer.code} {offer.usage_type} {region.id if offer.regional else ''}"


def listed_rate(offer: Offer, region: Region) -> Decimal:
    """Return the on-demand rate."""
    rate = Decimal(offer.rate)
    return (rate * region.level / 100 if offer.regional else rate).normalize()


def usage(offer: Offer, region: Region) -> dict[str, str]:
    """Return the cells of an on-demand usage line."""
    rate = f"{listed_rate(offer, region):f}"
    place = region.name if offer.regional else "global"
    usage_type = (region.prefix if offer.regional else "") + offer.usage_type
    sku = _sku(offer, region)
    return {
        "lineItem/ProductCode": offer.code,
        "lineItem/UsageType": usage_type,
        "lineItem/Operation": offer.operation,
        "lineItem/LineItemDescription": offer.text.format(rate=rate, place=place),
        "lineItem/LegalEntity": SELLER,
        "lineItem/NormalizationFactor": "4.0" if offer.instance else "",
        "lineItem/UnblendedRate": rate,
        "lineItem/BlendedRate": rate,
        "bill/BillingEntity": "AWS Marketplace" if offer.code == MARKETPLACE else "AWS",
        "pricing/RateCode": f"{sku}.JRTCKXETXF.6YS6EN2CT7",
        "pricing/RateId": str(10**9 + _hash(sku)),
        "pricing/publicOnDemandRate": rate,
        "pricing/term": "OnDemand",
        "pricing/unit": offer.unit,
        "product/ProductName": offer.name,
        "product/productFamily": offer.family,
        "product/servicecode": offer.code,
        "product/servicename": offer.name,
        "product/operation": offer.operation,
        "product/usagetype": usage_type,
        "product/sku": sku,
        **_where(offer, region),
        **{f"product/{name}": cell for name, cell in offer.product.items()},
    }


def _where(offer: Offer, region: Region) -> Cells:
    if not offer.regional:
        return {
            "product/region": "global",
            "product/location": "Any",
            "product/locationType": "Other",
        }
    if offer.code == "AWSDataTransfer":
        return {
            "product/region": region.id,
            "product/fromLocation": region.name,
            "product/fromLocationType": "AWS Region",
            "product/fromRegionCode": region.id,
        }
    return {
        "product/region": region.id,
        "product/regionCode": region.id,
        "product/location": region.name,
        "product/locationType": "AWS Region",
    }


def _sku(offer: Offer, region: Region) -> str:
    letters = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"
    number = _hash(offer_key(offer, region)) * 2**20 + 104_729
    return "".join(letters[number // 32**place % 32] for place in range(12))


def _hash(text: str) -> int:
    number = 2_166_136_261
    for byte in text.encode():  # FNV: Python's own hash differs from process to process
        number = (number ^ byte) * 16_777_619 % 2**40
    return number
