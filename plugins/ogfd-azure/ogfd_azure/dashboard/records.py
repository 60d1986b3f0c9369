"""
What one record of ``EnrollmentEmission`` says, checked and in kilograms.

https://learn.microsoft.com/rest/api/industry/sustainability/o-data/emissions-by-enrollment
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from ogfd.plugin import FatalError
from ogfd_azure.scopes import SCOPES

_KILOGRAMS: Final = 1000  # in the metric tonne that the API counts in
_NUMBER: Final = "rowNum"
_SCOPE: Final = re.compile(r"scope\s*([123])", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Place:
    """What tells activities of a month apart."""

    subscription: str | None
    subscription_name: str | None
    service: str | None
    part: str | None
    region: str | None


@dataclass(frozen=True, slots=True)
class Record:
    """
    The emissions of one *scope* in the month of *date_key*, which is ``yyyymm01``.

    Attributes:
        identity: a hash of all that it says, but for its number in the answer.
    """

    identity: int
    place: Place
    date_key: int
    scope: int
    kg: Decimal


def parse(record: Any) -> Record:
    """
    Read one record. Fields that are not known are left alone.

    Raises:
        FatalError: if it lacks its month, scope or emissions, or they are none.
    """
    if not isinstance(record, Mapping):
        raise FatalError("a record of the emissions is no object")
    tonnes, date_key = record.get("totalEmissions"), record.get("dateKey")
    if isinstance(tonnes, bool) or not isinstance(tonnes, int | Decimal):
        raise FatalError("totalEmissions of a record is no finite number")
    if not isinstance(date_key, int):
        raise FatalError("dateKey of a record is no number")
    subscription = _text(record, "subscriptionId")
    return Record(
        identity=hash(frozenset((k, str(v)) for k, v in record.items() if k != _NUMBER)),
        place=Place(
            subscription=subscription.lower() if subscription else None,
            subscription_name=_text(record, "subscriptionName"),
            service=_text(record, "azureServiceName"),
            part=_text(record, "subService"),
            region=_text(record, "azureRegionName"),
        ),
        date_key=date_key,
        scope=_scope(record),
        kg=Decimal(tonnes) * _KILOGRAMS,
    )


def _scope(record: Mapping[str, Any]) -> int:
    # By its name: nothing says that the ids of scopes are their numbers.
    found = _SCOPE.fullmatch(_text(record, "scope") or "")
    if found is not None:
        return int(found[1])
    number = record.get("scopeId")
    if record.get("scope") is None and isinstance(number, int) and number in SCOPES:
        return number
    raise FatalError(
        f"a record has the scope {record.get('scope')!r}, which is not known",
        hint="known are Scope 1, Scope 2 and Scope 3; a newer ogfd-azure may know more",
    )


def _text(record: Mapping[str, Any], name: str) -> str | None:
    value = record.get(name)
    return value.strip() or None if isinstance(value, str) else None
