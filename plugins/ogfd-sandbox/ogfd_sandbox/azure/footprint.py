"""
A seeded generator of what Azure would report of a customer's emissions.

    made = footprint(7, [Month(2026, 8), Month(2026, 9)])
    made.publish(azure)                             # the stand-in answers with it
    restated(made, Month(2026, 8)).publish(azure)   # Microsoft has computed August anew
    made.kg(Month(2026, 8))                         # {"scope1": Decimal("1.234"), ...}

All is in whole grams, so that sums are exact, in kilograms and in metric tonnes.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Final, Literal

import numpy as np

from ogfd_sandbox.azure.seeds import CarbonItem, DashboardEmission, Subscription
from ogfd_sandbox.azure.server import AzureServer
from ogfd_sandbox.cur import Month

Scope = Literal["scope1", "scope2", "scope3"]
Dimension = Literal["subscription_id", "month", "resource_group", "resource_type", "location"]

SCOPES: Final[tuple[Scope, ...]] = ("scope1", "scope2", "scope3")
# resource type, what the dashboard calls the service, and a part of it
_TYPES: Final = (
    ("microsoft.compute/virtualmachines", "Virtual Machines", "Dsv5 Series"),
    ("microsoft.compute/disks", "Storage", "Premium SSD Managed Disks"),
    ("microsoft.storage/storageaccounts", "Storage", "Tables"),
    ("microsoft.sql/servers/databases", "SQL Database", "General Purpose"),
    ("microsoft.web/serverfarms", "Azure App Service", "Premium v3 Plan"),
    ("microsoft.containerservice/managedclusters", "Azure Kubernetes Service", "Standard"),
)
_SERVICES: Final = {kind: (service, part) for kind, service, part in _TYPES}
_LOCATIONS: Final = ("east us", "west europe", "sweden central", "southeast asia")
_GROUPS: Final = ("web-prod", "data-prod", "shared", "build")
_MONTHS_OF_LIFE: Final = 9


@dataclass(frozen=True, slots=True, kw_only=True)
class Footprint:
    """
    The emissions of some months.

    Attributes:
        subscriptions: of the customer, with emissions or without.
        months: in order.
        items: one for each resource and month in which it lived.
    """

    subscriptions: tuple[Subscription, ...]
    months: tuple[Month, ...]
    items: tuple[CarbonItem, ...]

    def kg(self, month: Month | None = None) -> dict[Scope, Decimal]:
        """Return the exact kilograms of *month*, or of all months, by scope."""
        items = [item for item in self.items if month is None or item.month == str(month)]
        return _kilograms(items)

    def kg_by(self, *dimensions: Dimension) -> dict[tuple[str, ...], dict[Scope, Decimal]]:
        """Return the exact kilograms by *dimensions*, then by scope."""
        groups: dict[tuple[str, ...], list[CarbonItem]] = {}
        for item in self.items:
            groups.setdefault(tuple(getattr(item, name) for name in dimensions), []).append(item)
        return {key: _kilograms(items) for key, items in sorted(groups.items())}

    def dashboard(self) -> tuple[DashboardEmission, ...]:
        """Return the same emissions as the Emissions Impact Dashboard has them, in tonnes."""
        names = {one.subscription_id: one.name for one in self.subscriptions}
        by = self.kg_by("subscription_id", "month", "resource_type", "location")
        return tuple(
            DashboardEmission(
                subscription_id=subscription,
                subscription_name=names[subscription],
                month=month,
                service=_SERVICES[kind][0],
                sub_service=_SERVICES[kind][1],
                region=location.replace(" ", ""),
                scope=scope.capitalize(),
                tonnes=kg[scope] / 1000,
            )
            for (subscription, month, kind, location), kg in by.items()
            for scope in SCOPES
        )

    def publish(self, azure: AzureServer, *, denied: Sequence[str] = ()) -> None:
        """
        Have *azure* answer with it, in place of all emissions and subscriptions that it had.

        Args:
            azure: the stand-in.
            denied: ids of subscriptions whose emissions may not be read.
        """
        azure.set_subscriptions(self.subscriptions)
        available = (str(self.months[0]), str(self.months[-1])) if self.months else None
        azure.set_carbon(self.items, denied=denied, available=available)


def subscriptions(seed: int, count: int) -> tuple[Subscription, ...]:
    """Return *count* subscriptions; the same at every call."""
    made = (_identifier(seed, "subscription", number) for number in range(count))
    return tuple(
        Subscription(subscription_id=one, name=f"acme-{number + 1:03}")
        for number, one in enumerate(made)
    )


def footprint(
    seed: int,
    months: Sequence[Month],
    *,
    of: Sequence[Subscription] | None = None,
    resources: int = 12,
) -> Footprint:
    """
    Return what a customer emitted; the same at every call, whatever other months are asked for.

    Args:
        seed: any whole number.
        months: in any order.
        of: the customer's subscriptions; three if None.
        resources: of each subscription, over the years. Few live for ever.
    """
    owners = tuple(subscriptions(seed, 3) if of is None else of)
    ordered = tuple(sorted(months))
    found = [
        item
        for owner in owners
        for number in range(resources)
        for item in _life(seed, owner.subscription_id, number, ordered)
    ]
    return Footprint(subscriptions=owners, months=ordered, items=tuple(found))


def restated(before: Footprint, month: Month) -> Footprint:
    """Return the same, with a *month* computed anew: an eighth more of scope 3, less of scope 2."""
    items = (
        replace(item, scope2=_grams(item.scope2, 15, 16), scope3=_grams(item.scope3, 9, 8))
        if item.month == str(month)
        else item
        for item in before.items
    )
    return replace(before, items=tuple(items))


def _life(seed: int, owner: str, number: int, months: Sequence[Month]) -> Iterator[CarbonItem]:
    random = _random(seed, owner, number)
    kind = _TYPES[int(random.integers(len(_TYPES)))][0]
    place = _LOCATIONS[int(random.integers(len(_LOCATIONS)))]
    group = _GROUPS[int(random.integers(len(_GROUPS)))]
    power = int(random.integers(1, 400_000))
    # every third is born and dies, over and over, in the same months
    born = int(random.integers(12)) if number % 3 == 2 else None
    for month in months:
        age = 0 if born is None else (month.year * 12 + month.month - born) % 12
        if age >= _MONTHS_OF_LIFE:
            continue
        drawn = _random(seed, owner, number, month)
        grams = power * int(drawn.integers(80, 121)) // 100
        renewable = int(drawn.integers(0, 101))
        yield CarbonItem(
            subscription_id=owner,
            month=str(month),
            name=f"{kind.rpartition('/')[2][:6]}-{number:03}",
            resource_group=group,
            resource_type=kind,
            location=place,
            scope1=Decimal(grams // 97) / 1000,
            scope2=Decimal(grams * (100 - renewable) // 100) / 1000,
            scope3=Decimal(grams // 3 + number) / 1000,
        )


def _kilograms(items: Sequence[CarbonItem]) -> dict[Scope, Decimal]:
    return {scope: sum((getattr(item, scope) for item in items), Decimal()) for scope in SCOPES}


def _grams(kg: Decimal, times: int, by: int) -> Decimal:
    return Decimal(int(kg * 1000) * times // by) / 1000


def _random(*purpose: object) -> np.random.Generator:
    text = repr(tuple(map(str, purpose))).encode()
    return np.random.Generator(np.random.PCG64(int(hashlib.sha256(text).hexdigest(), 16)))


def _identifier(*purpose: object) -> str:
    digest = hashlib.sha256(repr(tuple(map(str, purpose))).encode()).digest()
    return str(uuid.UUID(bytes=digest[:16], version=4))
