"""
The types of line items: what kind of charge each is, and what it costs when amortised.

Types: https://docs.aws.amazon.com/cur/latest/userguide/Lineitem-columns.html and, for discounts,
https://docs.aws.amazon.com/cur/latest/userguide/discount-details.html.

Charge categories follow the mappings of the FOCUS specification
(``supporting_content/columns/chargecategory.md`` of FinOps-Open-Cost-and-Usage-Spec/FOCUS_Spec):
fees are purchases, negations and discounts belong to the usage they lower, refunds adjust earlier
charges.

Amortised cost follows ``amortized_cost_by_charge_type.sql`` of awslabs/aws-well-architected-labs
and ``summary_view.sql`` of aws-samples/aws-cudos-framework-deployment: usage covered by a
commitment costs its share of the commitment, the unused rest stays with the fee, and what was paid
up front counts nowhere else.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Final


class Amortised(Enum):
    """How the effective cost of a line comes about; the value is the columns that are added."""

    UNBLENDED = ("billed",)
    NOTHING = ()
    RESERVATION_USED = ("reservation_used",)
    RESERVATION_UNUSED = ("reservation_unused_upfront", "reservation_unused_recurring")
    SAVINGS_PLAN_USED = ("plan_used",)
    SAVINGS_PLAN_UNUSED = ("plan_commitment", "-plan_commitment_used")


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """
    What a line type means.

    Attributes:
        charge: FOCUS charge category.
        amortised: how the effective cost comes about.
        usage: whether the amount is physical usage; fees and credits carry amounts of 1.
    """

    charge: str
    amortised: Amortised = Amortised.UNBLENDED
    usage: bool = False


LINES: Final[Mapping[str, Line]] = {
    "Usage": Line(charge="usage", usage=True),
    "DiscountedUsage": Line(charge="usage", amortised=Amortised.RESERVATION_USED, usage=True),
    "SavingsPlanCoveredUsage": Line(
        charge="usage", amortised=Amortised.SAVINGS_PLAN_USED, usage=True
    ),
    "SavingsPlanNegation": Line(charge="usage", amortised=Amortised.NOTHING),
    "SavingsPlanRecurringFee": Line(charge="purchase", amortised=Amortised.SAVINGS_PLAN_UNUSED),
    "SavingsPlanUpfrontFee": Line(charge="purchase", amortised=Amortised.NOTHING),
    "RIFee": Line(charge="purchase", amortised=Amortised.RESERVATION_UNUSED),
    "Fee": Line(charge="purchase"),
    "Tax": Line(charge="tax"),
    "Credit": Line(charge="credit"),
    "Refund": Line(charge="adjustment"),
    **dict.fromkeys(
        (
            "Discount",
            "BundledDiscount",
            "EdpDiscount",
            "PrivateRateDiscount",
            "RiVolumeDiscount",
            "SppDiscount",
        ),
        Line(charge="usage"),
    ),
}

UNKNOWN: Final = Line(charge="adjustment")
"""A type that AWS has added since: its money counts, and it is reported."""

RESERVATION_FEE: Final = "Fee"
"""Such a line with a reservation's ARN is the upfront fee, which the usage carries."""

REFUNDED_PLAN: Final = ("Refund", "ComputeSavingsPlans")
"""A refund of a savings plan's fee, which the covered usage carries."""

SPLIT_OPERATIONS: Final = frozenset({"EKSPod-EC2", "ECSTask-EC2"})
"""
Lines of split cost allocation data: they repeat the cost of an instance by container.

https://docs.aws.amazon.com/cur/latest/userguide/split-cost-allocation-data.html
"""


def line(kind: str | None) -> Line:
    """Return what the line type *kind* means."""
    if kind is not None and kind.endswith("Discount"):
        return LINES["Discount"]
    return LINES.get(kind or "", UNKNOWN)
