"""Resource Manager: who asks, in which version, and for which of its services."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from ogfd_sandbox.azure.billing import BillingAccounts
from ogfd_sandbox.azure.carbon import CarbonReports
from ogfd_sandbox.azure.costs import CostQueries
from ogfd_sandbox.azure.seeds import TENANT_ID
from ogfd_sandbox.azure.tokens import ARM, Tokens
from ogfd_sandbox.azure.wire import (
    Answer,
    Asked,
    Call,
    RefusedError,
    Reply,
    arm_error,
    guarded,
    json_reply,
    page,
)
from ogfd_sandbox.faults import Rule

_COST: Final = "/providers/microsoft.costmanagement/"
_CARBON: Final = "/providers/microsoft.carbon/"
_STORAGE: Final = "5b1f0c9e-2a47-4d3b-8e60-91d7a4c2f358"  # the subscription of all accounts
# Azure/azure-rest-api-specs, specification/{carbon,cost-management}, commit 414cac0, 2026, MIT
_SUBSCRIPTION_VERSIONS: Final = frozenset({"2020-01-01", "2021-01-01", "2022-12-01"})
_CARBON_VERSIONS: Final = frozenset({"2025-04-01", "2026-05-01-preview"})
_BILLING: Final = "/providers/microsoft.billing/billingaccounts"
_BILLING_VERSIONS: Final = frozenset({"2020-05-01", "2024-04-01"})
_COST_VERSIONS: Final = frozenset(
    {
        "2021-10-01",
        "2022-10-01",
        "2023-03-01",
        "2023-08-01",
        "2023-11-01",
        "2024-08-01",
        "2025-03-01",
        "2026-06-01",
    }
)


class ArmService:
    """Subscriptions, billing accounts, carbon, cost queries and exports."""

    def __init__(self, tokens: Tokens) -> None:
        self._tokens = tokens
        self._subscriptions: Sequence[Mapping[str, Any]] = ()
        self._page_size = 1000
        self._exports: Sequence[Mapping[str, Any]] = ()
        self._carbon = CarbonReports()
        self._cost = CostQueries()
        self._billing = BillingAccounts()

    @property
    def orders(self) -> dict[str, Callable[[Any], None]]:
        """What the control side may tell, by name."""
        return {
            "subscriptions": self._tell_subscriptions,
            "exports": self._tell_exports,
            "carbon": self._carbon.tell,
            "cost": self._cost.tell,
            "query_limit": self._cost.limit,
            "billing": self._billing.tell,
        }

    def asked(self, call: Call) -> Asked | None:
        """Recognise a request."""
        lower = call.path.lower()
        if lower == "/subscriptions" and call.method == "GET":
            token = call.query.get("$skiptoken", "0")
            offset = int(token) if token.isdigit() else 0
            number = str(offset // self._page_size + 1)
            return self._asked(
                call,
                "ListSubscriptions",
                number,
                _SUBSCRIPTION_VERSIONS,
                lambda rule: self._list_subscriptions(call, offset, rule),
            )
        if lower == _BILLING and call.method == "GET":
            return self._asked(
                call,
                "ListBillingAccounts",
                "",
                _BILLING_VERSIONS,
                lambda _: self._billing.listed(call),
            )
        if lower.startswith(_CARBON) and call.method == "POST":
            return self._asked_carbon(call, lower.removeprefix(_CARBON))
        scope, found, rest = lower.partition(_COST)
        if found:
            return self._asked_cost(call, call.path[1 : len(scope)], rest)
        return None

    def _asked_carbon(self, call: Call, name: str) -> Asked | None:
        known = frozenset(one["subscription_id"] for one in self._subscriptions)
        if name == "querycarbonemissiondataavailabledaterange":
            operation, key = "CarbonDateRange", ""
            answer: Answer = lambda _: self._carbon.date_range()  # noqa: E731 - one of two
        elif name == "carbonemissionreports":
            operation = "CarbonReport"
            key, answer = self._carbon.report(call.body, known)
        else:
            return None
        return self._asked(call, operation, key, _CARBON_VERSIONS, answer)

    def _asked_cost(self, call: Call, scope: str, name: str) -> Asked | None:
        if name == "query" and call.method == "POST":
            key, answer = self._cost.query(call, scope)
            return self._asked(call, "CostQuery", key, _COST_VERSIONS, answer)
        if name == "exports" and call.method == "GET":
            return self._asked(
                call, "ListExports", scope, _COST_VERSIONS, lambda _: self._list_exports(scope)
            )
        return None

    def _asked(
        self, call: Call, operation: str, key: str, versions: frozenset[str], answer: Answer
    ) -> Asked:
        def checked(rule: Rule | None) -> Reply:
            authority = f"{call.base}/{TENANT_ID}"
            self._tokens.check(call.headers.get("authorization", ""), ARM, authority)
            _check_version(call, versions)
            return answer(rule)

        return Asked(
            operation=operation, key=key, answer=guarded(checked, arm_error), error=arm_error
        )

    def _list_subscriptions(self, call: Call, offset: int, rule: Rule | None) -> Reply:
        until, following = page(len(self._subscriptions), offset, self._page_size, rule)
        value = [
            {
                "id": f"/subscriptions/{one['subscription_id']}",
                "authorizationSource": "RoleBased",
                "managedByTenants": [],
                "subscriptionId": one["subscription_id"],
                "tenantId": TENANT_ID,
                "displayName": one["name"],
                "state": one["state"],
                "subscriptionPolicies": {
                    "locationPlacementId": "Public_2014-09-01",
                    "quotaId": "EnterpriseAgreement_2014-09-01",
                    "spendingLimit": "Off",
                },
            }
            for one in self._subscriptions[offset:until]
        ]
        body: dict[str, Any] = {"value": value, "count": {"type": "Total", "value": len(value)}}
        if following is not None:
            version = call.query["api-version"]
            body["nextLink"] = (
                f"{call.base}/subscriptions?api-version={version}&%24skiptoken={following}"
            )
        return json_reply(body)

    def _list_exports(self, scope: str) -> Reply:
        wanted = scope.lower()
        found = [one for one in self._exports if one["scope"].strip("/").lower() == wanted]
        return json_reply({"value": [_export(one) for one in found]})

    def _tell_subscriptions(self, told: Mapping[str, Any]) -> None:
        self._subscriptions, self._page_size = told["value"], told["page_size"]

    def _tell_exports(self, told: Sequence[Mapping[str, Any]]) -> None:
        self._exports = told


def _check_version(call: Call, versions: frozenset[str]) -> None:
    version = call.query.get("api-version")
    if version is None:
        message = "The api-version query parameter (?api-version=) is required for all requests."
        raise RefusedError(400, "MissingApiVersionParameter", message)
    if version not in versions:
        supported = ", ".join(sorted(versions))
        message = f"The api-version '{version}' is invalid. The supported versions are {supported}."
        raise RefusedError(400, "InvalidApiVersionParameter", message)


def _export(one: Mapping[str, Any]) -> dict[str, Any]:
    scope = one["scope"].strip("/")
    storage = (
        f"/subscriptions/{_STORAGE}/resourceGroups/billing/providers/Microsoft.Storage"
        f"/storageAccounts/{one['account']}"
    )
    return {
        "id": f"/{scope}/providers/Microsoft.CostManagement/exports/{one['name']}",
        "name": one["name"],
        "type": "Microsoft.CostManagement/exports",
        "properties": {
            "schedule": {
                "status": one["status"],
                "recurrence": one["recurrence"],
                "recurrencePeriod": {"from": "2025-01-01T00:00:00Z", "to": "2035-01-01T00:00:00Z"},
            },
            "format": one["format"],
            "deliveryInfo": {
                "destination": {
                    "type": "AzureBlob",
                    "resourceId": storage,
                    "container": one["container"],
                    "rootFolderPath": one["directory"],
                }
            },
            "definition": {
                "type": one["dataset"],
                "timeframe": one["timeframe"],
                "dataSet": {
                    "granularity": "Daily",
                    "configuration": {"dataVersion": one["data_version"]},
                },
            },
            "partitionData": True,
            "dataOverwriteBehavior": one["overwrite"],
            "compressionMode": one["compression"],
        },
    }
