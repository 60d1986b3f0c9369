"""
What one result of ``GetEstimatedCarbonEmissions`` says, checked and in kilograms.

https://docs.aws.amazon.com/sustainability/latest/APIReference/API_EstimatedCarbonEmissions.html
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final

from ogfd.plugin import FatalError

TOTAL_LBM: Final = "TOTAL_LBM_CARBON_EMISSIONS"
TOTAL_MBM: Final = "TOTAL_MBM_CARBON_EMISSIONS"
SCOPE_1: Final = "TOTAL_SCOPE_1_CARBON_EMISSIONS"
SCOPE_2_LBM: Final = "TOTAL_SCOPE_2_LBM_CARBON_EMISSIONS"
SCOPE_2_MBM: Final = "TOTAL_SCOPE_2_MBM_CARBON_EMISSIONS"
SCOPE_3_LBM: Final = "TOTAL_SCOPE_3_LBM_CARBON_EMISSIONS"
SCOPE_3_MBM: Final = "TOTAL_SCOPE_3_MBM_CARBON_EMISSIONS"

EMISSIONS_TYPES: Final = (
    TOTAL_LBM,
    TOTAL_MBM,
    SCOPE_1,
    SCOPE_2_LBM,
    SCOPE_2_MBM,
    SCOPE_3_LBM,
    SCOPE_3_MBM,
)
"""All that there are. The service gives the two totals alone unless asked for the others."""

ACCOUNT: Final = "USAGE_ACCOUNT_ID"
REGION: Final = "REGION"
SERVICE: Final = "SERVICE"
DIMENSIONS: Final = (ACCOUNT, REGION, SERVICE)

_KILOGRAMS: Final[Mapping[str, int]] = {"MTCO2e": 1000}
"""Kilograms of CO2 equivalent in each unit that the service is known to use: metric tons alone."""

_LIMIT: Final = Decimal(10) ** 15  # as of exports
_REQUIRED: Final = ("TimePeriod", "DimensionsValues", "ModelVersion", "EmissionsValues")


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """
    The emissions of one month and group.

    Attributes:
        start: of the month, in UTC.
        model: version of the carbon model.
        dimensions: dimension to its value, for those that were asked for and are filled.
        kg: emissions type to kgCO2e; a type that is absent is not reported, which is not zero.
    """

    start: datetime
    model: str
    dimensions: Mapping[str, str]
    kg: Mapping[str, Decimal]


def parse(result: Mapping[str, Any] | None) -> Estimate:
    """
    Read one result as the SDK gives it.

    Raises:
        FatalError: if it lacks a part, or has a unit or a number that cannot be converted.
    """
    if result is None:
        raise FatalError("a result of the service is empty")
    for name in _REQUIRED:
        if result.get(name) is None:
            raise FatalError(f"a result of the service lacks {name}")
    start = result["TimePeriod"].get("Start")
    if not isinstance(start, datetime):
        raise FatalError("a result of the service lacks TimePeriod.Start")
    return Estimate(
        # The SDK gives times in the zone of this machine: west of UTC a month would begin in the
        # one before it.
        start=start.astimezone(UTC),
        model=str(result["ModelVersion"]),
        dimensions={name: value for name, value in result["DimensionsValues"].items() if value},
        kg={
            kind: _kilograms(kind, amount)
            for kind, amount in result["EmissionsValues"].items()
            if amount and amount.get("Value") is not None
        },
    )


def _kilograms(kind: str, amount: Mapping[str, Any]) -> Decimal:
    unit = str(amount.get("Unit"))
    if (factor := _KILOGRAMS.get(unit)) is None:
        raise FatalError(
            f"{kind} comes in the unit {unit!r}, which is not known",
            hint=f"known is {', '.join(_KILOGRAMS)}; a newer ogfd-aws may know more",
        )
    # The shortest text that stands for the number: the digits that the service sent.
    value = Decimal(repr(float(amount["Value"])))
    if not value.is_finite() or abs(value) >= _LIMIT:
        raise FatalError(f"{kind} is {value}, which is no finite number below 10^15")
    return value * factor
