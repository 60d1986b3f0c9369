"""What Cost Management's query API would answer about a bill."""

from __future__ import annotations

from ogfd_sandbox.azure.bill.amounts import total
from ogfd_sandbox.azure.bill.assembly import Bill
from ogfd_sandbox.azure.bill.book import INVOICED
from ogfd_sandbox.azure.bill.truth import Total
from ogfd_sandbox.azure.seeds import CostRow


def query_rows(bill: Bill) -> list[CostRow]:
    """
    Return the costs of *bill* by day, subscription, service, resource group, location, currency.

    The scope of a row is its subscription, and the billing account sees all. What has no
    subscription, such as unused commitments, is seen by the account alone. Queries know neither
    taxes nor credits.
    """
    account = bill.book.scope.strip("/")
    names = {one.id: one.name for one in bill.book.subscriptions}
    groups: dict[tuple[object, ...], list[Total]] = {}
    for one in bill.truth.totals:
        if one.kind not in INVOICED:
            key = (
                one.day,
                one.subscription_id,
                one.meter_category,
                one.resource_group,
                one.location,
                one.currency,
            )
            groups.setdefault(key, []).append(one)
    return [_row(groups[key], account, names) for key in sorted(groups, key=str)]


def _row(parts: list[Total], account: str, names: dict[str, str]) -> CostRow:
    first = parts[0]
    subscription = first.subscription_id
    return CostRow(
        scope=f"subscriptions/{subscription}" if subscription else account,
        within=(account,) if subscription else (),
        day=first.day,
        cost=total(one.billed for one in parts),
        amortized=total(one.effective for one in parts),
        currency=first.currency,
        service=first.meter_category,
        resource_group=first.resource_group,
        location=first.location.lower(),
        dimensions={
            "SubscriptionId": subscription,
            "SubscriptionName": names.get(subscription, ""),
            "MeterCategory": first.meter_category,
        },
    )
