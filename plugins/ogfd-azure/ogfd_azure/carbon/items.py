"""
What one item of an ``ItemDetailsReport`` by resource says, checked.

Azure/azure-rest-api-specs, specification/carbon/resource-manager/Microsoft.Carbon, 2025-04-01
(MIT): ``ResourceCarbonEmissionItemDetailData``. Amounts are kilograms of CO2 equivalent.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from ogfd.plugin import FatalError

_NAMES: Final = (
    "subscriptionId", "resourceGroup", "resourceType", "location", "resourceId", "itemName",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Place:
    """
    What tells activities of a month apart; texts in lower case, None if the item has none.

    *resource_id* is None in all of them unless somebody wants it.
    """

    resource_group: str | None
    resource_type: str | None
    location: str | None
    resource_id: str | None


@dataclass(frozen=True, slots=True)
class Item:
    """
    The emissions of one resource in one month, in the scopes that were asked for.

    Attributes:
        name: what no two items of a report share: texts as they were sent. Two that differ in case
            alone are parts of one resource.
        subscription: in lower case.
        place: with the id of the resource.
        kg: of the month.
        previous_kg: of the month before it; None if the service does not say.
    """

    name: tuple[str, ...]
    subscription: str
    place: Place
    kg: Decimal
    previous_kg: Decimal | None


def parse(item: Any) -> Item:
    """
    Read one item. Fields that are not known are left alone.

    Raises:
        FatalError: if it lacks its subscription or its emissions, or they are no number.
    """
    if not isinstance(item, Mapping):
        raise FatalError("an item of the emissions is no object")
    subscription = _text(item, "subscriptionId")
    if subscription is None:
        raise FatalError("an item of the emissions lacks subscriptionId")
    kg = _amount(item, "latestMonthEmissions")
    if kg is None:
        raise FatalError("an item of the emissions lacks latestMonthEmissions")
    return Item(
        name=tuple(str(item.get(each)) for each in _NAMES),
        subscription=subscription,
        place=Place(
            resource_group=_text(item, "resourceGroup"),
            resource_type=_text(item, "resourceType"),
            location=_text(item, "location"),
            resource_id=_text(item, "resourceId") or _text(item, "itemName"),
        ),
        kg=kg,
        previous_kg=_amount(item, "previousMonthEmissions"),
    )


def _text(item: Mapping[str, Any], name: str) -> str | None:
    value = item.get(name)
    # The case of ids varies from answer to answer, and they are equal all the same.
    return value.strip().lower() or None if isinstance(value, str) else None


def _amount(item: Mapping[str, Any], name: str) -> Decimal | None:
    value = item.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise FatalError(f"{name} of an item of the emissions is no finite number")
    return Decimal(value)
