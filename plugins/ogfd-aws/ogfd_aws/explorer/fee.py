"""The one operation of Cost Explorer that is asked for, and what it costs."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Final

from ogfd.plugin import Money, Price
from ogfd_aws.config import AwsConfig

OPERATION: Final = "ce:GetCostAndUsage"
"""The operation, and the action of IAM that permits it."""

FEE: Final = Money(amount=Decimal("0.01"), currency="USD")
"""
For each request, and so for each page.

https://aws.amazon.com/aws-cost-management/aws-cost-explorer/pricing/, 2026
"""


def prices(config: AwsConfig) -> Mapping[str, Price]:
    """Return what requests of a connector cost, and how much of it there may be in a month."""
    if (table := config.cost_explorer) is None:
        return {}
    price = Price(usd=FEE.amount, monthly_budget_usd=table.monthly_budget_usd)
    return {OPERATION: price}
