"""
The dictionary of a customer: everything that can be charged, apart from when and how much.

A charge of a month is an entry of this dictionary, a day and a quantity. The entry knows all else:
meter, prices, resource, subscription, tags, the commitment that pays.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from enum import StrEnum
from typing import Final

import numpy as np
import numpy.typing as npt

from ogfd_sandbox.azure.bill.catalog import (
    APPLIANCES,
    REGIONS,
    RESERVABLE,
    Appliance,
    Offer,
    Region,
)
from ogfd_sandbox.azure.bill.settings import RATES, AzureSettings

Index = npt.NDArray[np.int32]
Tags = Mapping[str, str]

_NEGOTIATED: Final = Decimal("0.9")
_RESERVED_PRICE: Final = Decimal("0.0576")
_PLAN_SHARE: Final = Decimal("0.7")


class Kind(StrEnum):
    """
    What a charge is.

    The value is its ``ChargeType`` and ``PricingModel`` in cost details, where it has them.
    """

    USAGE = "Usage/OnDemand"
    RESERVED = "Usage/Reservation"
    PLANNED = "Usage/SavingsPlan"
    UNUSED_RESERVATION = "UnusedReservation/Reservation"
    UNUSED_PLAN = "UnusedSavingsPlan/SavingsPlan"
    RESERVATION = "Purchase/Reservation"
    PLAN = "Purchase/SavingsPlan"
    PURCHASE = "Purchase/OnDemand"
    REFUND = "Refund/OnDemand"
    ROUNDING = "RoundingAdjustment/"
    TAX = "Tax/"
    CREDIT = "Credit/"

    @property
    def charge_type(self) -> str:
        """``ChargeType`` of cost details."""
        return self.partition("/")[0]

    @property
    def pricing_model(self) -> str:
        """``PricingModel`` of cost details."""
        return self.partition("/")[2]


USED: Final = frozenset({Kind.USAGE, Kind.RESERVED, Kind.PLANNED})
"""What has a physical quantity."""
UNUSED: Final = frozenset({Kind.UNUSED_RESERVATION, Kind.UNUSED_PLAN})
COMMITMENTS: Final = frozenset({Kind.RESERVATION, Kind.PLAN})
"""Purchases that amortized costs spread over their usage."""
INVOICED: Final = frozenset({Kind.TAX, Kind.CREDIT})
"""What only FOCUS has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """A billing profile: what is billed in one currency; *rate* is the price of a dollar."""

    id: str
    name: str
    currency: str
    rate: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscription:
    """A subscription and what it is billed to."""

    id: str
    name: str
    profile: Profile
    cost_center: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """
    A resource.

    Attributes:
        group: its resource group, as its provider spells it; two may differ in case alone.
        location: its region, as its provider spells it.
    """

    id: str
    name: str
    group: str
    location: str
    appliance: Appliance


@dataclass(frozen=True, slots=True, kw_only=True)
class Benefit:
    """A reservation or a savings plan of one billing profile."""

    id: str
    order_id: str
    name: str
    product: str
    profile: Profile
    price: Decimal
    term: str

    @property
    def reservation_id(self) -> str:
        """The id of the reservation, or nothing if it is a savings plan."""
        return self.id.rpartition("/")[2] if "/reservations/" in self.id else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """
    One thing that can be charged.

    Attributes:
        kind: what it is.
        offer: its meter.
        profile: what it is billed to.
        subscription: none where Azure gives none: unused commitments and rounding.
        region: none where it has none.
        resource: none for charges that are no usage.
        benefit: the commitment that pays for it, or that it is about.
        publisher: who sells it.
        listed: list price of a unit, in dollars, as all prices here.
        contracted: the customer's own price.
        paid: what is invoiced for a unit.
        effective: what it costs when commitments are spread over their usage.
    """

    kind: Kind
    offer: Offer
    profile: Profile
    subscription: Subscription | None = None
    region: Region | None = None
    resource: Resource | None = None
    tags: int = 0
    benefit: Benefit | None = None
    publisher: str = "Microsoft"
    listed: Decimal = Decimal(0)
    contracted: Decimal = Decimal(0)
    paid: Decimal = Decimal(0)
    effective: Decimal = Decimal(0)

    @property
    def subscription_id(self) -> str:
        """The subscription's id; empty if there is none."""
        return self.subscription.id if self.subscription else ""

    @property
    def resource_group(self) -> str:
        """The resource group, in lower case; empty if there is none."""
        return self.resource.group.lower() if self.resource else ""

    @property
    def meter_id(self) -> str:
        """The id of the meter."""
        return self.offer.meter_id(self.region)

    @property
    def marketplace(self) -> bool:
        """Whether somebody else than Microsoft sells it."""
        return self.publisher != "Microsoft"


@dataclass(frozen=True, slots=True, kw_only=True)
class Book:
    """
    A customer.

    Attributes:
        enrollment: number of the billing account, as agreements with enterprises have it.
        account: id of the billing account, as customer agreements have it.
        profiles: one for each currency.
        subscriptions: all.
        entries: usage on demand first, then its like under a commitment, then commitments.
        usage: how many entries are usage on demand.
        covered: usage on demand to its like under a commitment; -1 if it has none.
        benefits: a reservation and a savings plan for each profile, in this order.
    """

    enrollment: str
    account: str
    profiles: tuple[Profile, ...]
    subscriptions: tuple[Subscription, ...]
    entries: tuple[Entry, ...]
    usage: int
    covered: Index
    benefits: tuple[Benefit, ...]

    @property
    def scope(self) -> str:
        """The scope of the whole account."""
        return f"/providers/Microsoft.Billing/billingAccounts/{self.enrollment}"


def make_book(settings: AzureSettings) -> Book:
    """Return the customer of *settings*."""
    random = settings.random("book")
    profiles = tuple(_profile(settings, currency) for currency in settings.currencies)
    subscriptions = _subscriptions(settings, profiles)
    benefits = [benefit for profile in profiles for benefit in _benefits(settings, profile)]
    usage = _usage(settings, subscriptions, random)
    covered = np.full(len(usage), -1, np.int32)
    entries = list(usage)
    for number, entry in enumerate(usage):
        if entry.offer.machine:
            covered[number] = len(entries)
            entries.append(_covered(entry, benefits))
    return Book(
        enrollment=str(10**7 + settings.seed % 10**7),
        account=f"{settings.uuid('account')}:{settings.uuid('agreement')}_2019-05-31",
        profiles=profiles,
        subscriptions=subscriptions,
        entries=tuple(entries),
        usage=len(usage),
        covered=covered,
        benefits=tuple(benefits),
    )


def tag_sets() -> tuple[Tags, ...]:
    """Return sets of tags; the first is empty. Some hold what separates tags, or begin with it."""
    return (
        {},
        {"env": "prod", "team": "payments"},
        {"env": "prod", " org": "trey", "CostCenter": "1234"},
        {"env": "dev", "team": 'data, "insight"', "note": 'a": "b","c'},
        {"hidden-link:/app": "Resource", "env": "staging", "owner": ""},
        {"env": "prod", "team": "søk & {rank}"},
    )


def _profile(settings: AzureSettings, currency: str) -> Profile:
    letters = settings.uuid("profile", currency).upper()
    return Profile(
        id=f"{letters[:4]}-{letters[4:8]}-BG7-PGB",
        name=f"Acme {currency}",
        currency=currency,
        rate=RATES[currency],
    )


def _subscriptions(
    settings: AzureSettings, profiles: Sequence[Profile]
) -> tuple[Subscription, ...]:
    names = ("Production", "Development", "Data, analytics", "Shared services")
    return tuple(
        Subscription(
            id=settings.uuid("subscription", number),
            name=f"{names[number % len(names)]} {number + 1}",
            profile=profiles[number % len(profiles)],
            cost_center=("ACM9000", "acm9000", "")[number % 3],
        )
        for number in range(settings.subscriptions)
    )


def _benefits(settings: AzureSettings, profile: Profile) -> tuple[Benefit, Benefit]:
    orders = [settings.uuid(kind, profile.currency, "order") for kind in ("reservation", "plan")]
    ids = [settings.uuid(kind, profile.currency) for kind in ("reservation", "plan")]
    capacity = "/providers/Microsoft.Capacity/reservationOrders"
    plans = "/providers/Microsoft.BillingBenefits/savingsPlanOrders"
    return (
        Benefit(
            id=f"{capacity}/{orders[0]}/reservations/{ids[0]}",
            order_id=orders[0],
            name=f"VM_RI_{profile.currency}",
            product=f"Reserved VM Instance, {RESERVABLE}, 1 Year",
            profile=profile,
            price=_RESERVED_PRICE,
            term="12",
        ),
        Benefit(
            id=f"{plans}/{orders[1]}/savingsPlans/{ids[1]}",
            order_id=orders[1],
            name=f"Compute_SavingsPlan_{profile.currency}",
            product="Compute savings plan, 3 Years",
            profile=profile,
            price=Decimal(1),
            term="36",
        ),
    )


def _usage(
    settings: AzureSettings, subscriptions: Sequence[Subscription], random: np.random.Generator
) -> list[Entry]:
    """Return what every resource is charged for; each type of resource is there."""
    count = settings.resource_count
    kinds = np.concatenate(
        [np.arange(len(APPLIANCES)), random.integers(len(APPLIANCES), size=count)]
    )[:count]
    groups = random.integers(settings.resource_groups, size=count).tolist()
    regions = random.integers(len(REGIONS), size=count).tolist()
    tags = random.integers(len(tag_sets()), size=count).tolist()
    found: list[Entry] = []
    for number, kind in enumerate(kinds.tolist()):
        subscription = subscriptions[groups[number] % len(subscriptions)]
        region = REGIONS[regions[number]]
        resource = _resource(number, APPLIANCES[kind], groups[number], region, subscription.id)
        for offer in resource.appliance.offers:
            listed = Decimal(offer.rate) * (region.level if offer.regional else 10) / 10
            found.append(
                Entry(
                    kind=Kind.USAGE,
                    offer=offer,
                    profile=subscription.profile,
                    subscription=subscription,
                    region=region,
                    resource=resource,
                    tags=tags[number],
                    listed=listed,
                    contracted=listed * _NEGOTIATED,
                    paid=listed * _NEGOTIATED,
                    effective=listed * _NEGOTIATED,
                )
            )
    return found


def _resource(
    number: int, appliance: Appliance, group: int, region: Region, subscription_id: str
) -> Resource:
    spelled = f"rg-{('shop', 'search', 'data')[group % 3]}-{group:02}"
    name = f"{appliance.prefix}-{number:05}"
    place = spelled.upper() if number % 4 == 3 else spelled
    path = (
        f"/subscriptions/{subscription_id}/resourceGroups/{place}"
        f"/providers/{appliance.provider}/{appliance.path.format(name=name)}"
    )
    return Resource(
        id=path.upper() if appliance.provider.isupper() else path,
        name=name,
        group=place,
        location=region.spellings[number % len(region.spellings)],
        appliance=appliance,
    )


def _covered(entry: Entry, benefits: Sequence[Benefit]) -> Entry:
    reservation = entry.offer.machine == RESERVABLE
    own = [one for one in benefits if one.profile is entry.profile]
    benefit = own[0] if reservation else own[1]
    price = benefit.price if reservation else entry.listed * _PLAN_SHARE
    return replace(
        entry,
        kind=Kind.RESERVED if reservation else Kind.PLANNED,
        benefit=benefit,
        paid=Decimal(0),
        effective=price,
    )
