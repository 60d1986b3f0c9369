"""
Puts the costs of bills where the stand-in of Cost Explorer finds them.

Names of services are those that Cost Explorer has: instances of EC2 are a service of their own, its
other usage is ``EC2 - Other``, taxes are the service ``Tax``. A line whose usage lies before its
billing month counts on the first day of it: AWS does not say where such refunds appear.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from decimal import Decimal
from typing import Any, Final, Protocol

from ogfd_sandbox.cur import Assembly, Month, Total

_COMPUTE: Final = "Amazon Elastic Compute Cloud - Compute"
_OTHER: Final = "EC2 - Other"
_NAMES: Final[Mapping[str, str]] = {
    "AWSDataTransfer": _OTHER,
    "AWSELB": "Amazon Elastic Load Balancing",
}
_RECORD_TYPES: Final[Mapping[str, str]] = {"EdpDiscount": "Enterprise Discount Program Discount"}


class Publisher(Protocol):
    """The stand-in, as far as publishing goes."""

    def set_costs(self, account: str, told: Mapping[str, Any]) -> None: ...


def publish(
    store: Publisher,
    bills: Iterable[Assembly],
    *,
    estimated: Iterable[Month] = (),
    surplus: Decimal = Decimal(0),
    today: date | None = None,
    payer: str = "",
) -> None:
    """
    Have *store* answer with *bills*, in place of all that it had.

    Args:
        store: the stand-in.
        bills: at most one a month; none leaves an account whose Cost Explorer has no data yet.
        estimated: months that AWS calls estimated.
        surplus: added to the unblended cost of each month, so that it is not that of the bill.
        today: the day beyond which and the history before which there is nothing; unbounded if
            None.
        payer: the account of the credentials; that of the bills if empty.

    Raises:
        ValueError: if a bill has several currencies, as Cost Explorer has but one.
    """
    made = list(bills)
    account = payer or (made[0].book.account_id(0) if made else "000000000000")
    told = {
        "today": today and today.isoformat(),
        "estimated": [str(month) for month in estimated],
        "names": _names(made),
        "costs": [cost for bill in made for cost in _costs(bill, surplus)],
    }
    store.set_costs(account, told)


def _names(bills: Iterable[Assembly]) -> dict[str, str]:
    accounts = {
        bill.book.account_id(number): None
        for bill in bills
        for number in range(len(bill.book.accounts))
    }
    return {account: f"account {account}" for account in accounts}


def _costs(bill: Assembly, surplus: Decimal) -> list[dict[str, str]]:
    currencies = {total.currency for total in bill.truth.totals}
    if len(currencies) > 1:
        raise ValueError(
            f"Cost Explorer has one currency, the bill {', '.join(sorted(currencies))}"
        )
    costs = [_cost(bill.month, total) for total in bill.truth.totals]
    if surplus:
        costs.append({**costs[0], "unblended": str(surplus), "amortised": "0"})
    return costs


def _cost(month: Month, total: Total) -> dict[str, str]:
    return {
        "day": max(total.day, month.start.date()).isoformat(),
        "currency": total.currency,
        "SERVICE": _service(total),
        "LINKED_ACCOUNT": total.account_id,
        "RECORD_TYPE": _RECORD_TYPES.get(total.line_type, total.line_type),
        "REGION": total.region or "NoRegion",
        "USAGE_TYPE": total.usage_type or "NoUsageType",
        "unblended": str(total.billed),
        "amortised": str(total.effective),
    }


def _service(total: Total) -> str:
    if total.line_type == "Tax":
        return "Tax"
    if total.product_code == "AmazonEC2":
        instance = "BoxUsage" in total.usage_type or total.line_type not in {"Usage", "Refund"}
        return _COMPUTE if instance else _OTHER
    return _NAMES.get(total.product_code, total.service)
