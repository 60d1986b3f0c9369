"""
The billing accounts that the credential sees, with the profiles of those that have some.

As learn.microsoft.com/rest/api/billing/billing-accounts/list has it, 2020-05-01.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ogfd_sandbox.azure.wire import Call, Reply, json_reply


class BillingAccounts:
    """What a listing shows, all on one page."""

    def __init__(self) -> None:
        self._accounts: Sequence[Mapping[str, Any]] = ()

    def tell(self, told: Sequence[Mapping[str, Any]]) -> None:
        """Show *told* from now on."""
        self._accounts = told

    def listed(self, call: Call) -> Reply:
        """Answer a listing."""
        expanded = "billingProfiles" in call.query.get("$expand", "")
        return json_reply({"value": [_account(one, expanded) for one in self._accounts]})


def _account(one: Mapping[str, Any], expanded: bool) -> dict[str, Any]:
    place = f"/providers/Microsoft.Billing/billingAccounts/{one['account_id']}"
    kind = "EnterpriseAgreement" if one["account_id"].isdigit() else "MicrosoftCustomerAgreement"
    profiles: dict[str, Any] = {"hasMoreResults": False}
    if expanded:
        profiles["value"] = [
            {
                "id": f"{place}/billingProfiles/{name}",
                "name": name,
                "type": "Microsoft.Billing/billingAccounts/billingProfiles",
                "properties": {"displayName": name, "currency": "USD", "status": "Active"},
            }
            for name in one["profiles"]
        ]
    return {
        "id": place,
        "name": one["account_id"],
        "type": "Microsoft.Billing/billingAccounts",
        "properties": {
            "displayName": one["name"],
            "agreementType": kind,
            "accountType": "Enterprise",
            "accountStatus": "Active",
            "billingProfiles": profiles,
        },
    }
