"""
What Cost Explorer groups by, and which columns of an activity its keys become.

    SERVICE           service, category; charge_category of the service ``Tax``
    LINKED_ACCOUNT    account_id, account_name
    RECORD_TYPE       charge_category, metadata[record_type]
    REGION, AZ        region, location, country
    USAGE_TYPE        sku
    OPERATION         operation
    INSTANCE_TYPE     machine_type
    TAG:key           tags[key]
    COST_CATEGORY:x   tags[costCategory/x], as the stream ``cost`` spells it

Dimensions without a column are left out: their rows would be added up again. ``REGION`` is a
dimension of the API that its page does not name among those to group by; the service takes it.
https://docs.aws.amazon.com/aws-cost-management/latest/APIReference/API_GetCostAndUsage.html

Names of services are those of the console, which splits EC2 in two and has taxes as a service.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Self

from ogfd_aws import lines
from ogfd_aws.cur.fields import COST_CATEGORY
from ogfd_aws.regions import region_of, where
from ogfd_aws.services import OTHER, service_of

SERVICE: Final = "SERVICE"
LINKED_ACCOUNT: Final = "LINKED_ACCOUNT"
RECORD_TYPE: Final = "RECORD_TYPE"

_DIMENSION: Final = "DIMENSION"
_TAX: Final = "Tax"
_NONE: Final = re.compile(r"No[A-Z]\w*|")  # such as NoRegion and NoInstanceType
_PRODUCTS: Final[Mapping[str, str]] = {
    "Amazon Elastic Compute Cloud - Compute": "AmazonEC2",
    "EC2 - Other": "AmazonEC2",
    "Amazon Elastic Load Balancing": "AWSELB",
}
"""Names that Cost Explorer alone has, to the product code."""

_RECORD_TYPES: Final[Mapping[str, str]] = {
    **{name: line.charge for name, line in lines.LINES.items()},
    **dict.fromkeys(
        ("Recurring", "Upfront", "Support", "FlatRateSubscription", "Other out-of-cycle charges"),
        "purchase",
    ),
}
"""
Charge categories of the charge types that are not named as line items are.

https://docs.aws.amazon.com/cost-management/latest/userguide/ce-filtering.html, 2026
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Meaning:
    """
    What a key says.

    Attributes:
        columns: of the activity.
        tags: its tags.
        metadata: what has no column.
        unknown: field and value, if no table knows the key.
    """

    columns: Mapping[str, Any] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    metadata: Mapping[str, str] = field(default_factory=dict)
    unknown: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """
    One thing to group by.

    Attributes:
        kind: ``DIMENSION``, ``TAG`` or ``COST_CATEGORY``.
        key: the dimension, tag key or name of the category.
    """

    kind: str
    key: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``SERVICE``, ``TAG:team`` or ``COST_CATEGORY:Team``, as the configuration has it."""
        kind, colon, key = text.partition(":")
        return cls(kind=kind, key=key) if colon else cls(kind=_DIMENSION, key=text)

    @property
    def definition(self) -> Mapping[str, str]:
        """The group as the API wants it."""
        return {"Type": self.kind, "Key": self.key}

    @property
    def dimension(self) -> str | None:
        """The dimension; None of a tag or a category."""
        return self.key if self.kind == _DIMENSION else None

    @property
    def tag(self) -> str | None:
        """The key of ``tags`` that it becomes; None of a dimension."""
        match self.kind:
            case "TAG":
                return self.key
            case "COST_CATEGORY":
                return f"{COST_CATEGORY}{self.key}"
            case _:
                return None

    def meaning(self, key: str) -> Meaning:
        """Return what *key* of this group says."""
        if (tag := self.tag) is None:
            return _MEANINGS[self.key](key)
        value = key.removeprefix(f"{self.key}$")  # ``team$`` stands for costs without the tag
        return Meaning(tags={tag: value} if value else {})


def _service(key: str) -> Meaning:
    if key == _TAX:
        return Meaning(columns={"service": key, "category": OTHER, "charge_category": "tax"})
    known = service_of(_PRODUCTS.get(key, key))
    return Meaning(
        columns={"service": key, "category": known.category if known is not None else OTHER},
        unknown=("service", key) if known is None else None,
    )


def _record_type(key: str) -> Meaning:
    charge = _RECORD_TYPES.get(key)
    if charge is None and key.endswith("Discount"):
        charge = lines.LINES["Discount"].charge
    return Meaning(
        columns={"charge_category": charge or lines.UNKNOWN.charge},
        metadata={"record_type": key},
        unknown=("charge_category", key) if charge is None else None,
    )


def _region(key: str) -> Meaning:
    return _place(region_of(_filled(key), None, None, None))


def _zone(key: str) -> Meaning:
    return _place(region_of(None, None, _filled(key), None))


def _place(region: str | None) -> Meaning:
    if region is None:
        return Meaning()
    place = where(region)
    return Meaning(
        columns={
            "region": region,
            "location": place.location if place is not None else None,
            "country": place.country if place is not None else None,
        },
        unknown=("region", region) if place is None else None,
    )


def _column(name: str) -> Callable[[str], Meaning]:
    return lambda key: Meaning(columns={name: _filled(key)})


def _filled(key: str) -> str | None:
    return None if _NONE.fullmatch(key) else key


_MEANINGS: Final[Mapping[str, Callable[[str], Meaning]]] = {
    SERVICE: _service,
    LINKED_ACCOUNT: _column("account_id"),
    RECORD_TYPE: _record_type,
    "REGION": _region,
    "AZ": _zone,
    "USAGE_TYPE": _column("sku"),
    "OPERATION": _column("operation"),
    "INSTANCE_TYPE": _column("machine_type"),
}
