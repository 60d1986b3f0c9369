"""
The cost exports that are defined somewhere, as Cost Management lists them.

https://learn.microsoft.com/rest/api/cost-management/exports/list and
https://learn.microsoft.com/rest/api/billing/billing-accounts/list
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

from ogfd.plugin import Context
from ogfd_azure.arm import Arm, answer_of

LIST_EXPORTS: Final = "arm:ListExports"
LIST_ACCOUNTS: Final = "arm:ListBillingAccounts"

_EXPORTS_API: Final = "2023-08-01"
_BILLING_API: Final = "2020-05-01"
_COSTS: Final = {
    "focuscost": "FOCUS",
    "actualcost": "actual cost",
    "amortizedcost": "amortised cost",
    "usage": "usage",
}
_FRAMES: Final = {"MonthToDate": "month to date", "TheLastMonth": "the last month"}
_WORDS: Final = re.compile(r"(?<=[a-z])(?=[A-Z])")


@dataclass(frozen=True, slots=True, kw_only=True)
class Definition:
    """
    One export.

    Attributes:
        name: of the export.
        scope: whose costs, in lower case, such as ``/subscriptions/ID``.
        dataset: ``FocusCost``, ``ActualCost``, ``AmortizedCost``, ``Usage``, or of no costs.
        version: of the dataset, such as ``1.0``; empty if it is the newest.
        format: such as ``Csv, gzip``.
        account: name of the storage account.
        container: there.
        directory: there; without slashes at its ends.
        recurrence: ``Daily``, ``Weekly``, ``Monthly``; empty if it is run by hand.
        timeframe: ``MonthToDate``, ``TheLastMonth``, ...
        active: whether its schedule is.
    """

    name: str
    scope: str
    dataset: str
    version: str
    format: str
    account: str
    container: str
    directory: str
    recurrence: str
    timeframe: str
    active: bool

    @property
    def is_cost(self) -> bool:
        """Whether it has costs, in files that can be read."""
        return self.dataset.lower() in _COSTS

    @property
    def has_focus(self) -> bool:
        """Whether it has billed and effective cost side by side."""
        return self.dataset.lower() == "focuscost"

    @property
    def is_current(self) -> bool:
        """Whether it brings the current month by itself."""
        return self.active and self.timeframe == "MonthToDate"

    @property
    def prefix(self) -> str:
        """Where its runs begin."""
        return "/".join(filter(None, (self.directory, self.name))) + "/"

    @property
    def place(self) -> tuple[str, str, str]:
        """Where it and others lie."""
        return self.account, self.container, self.directory

    @property
    def costs(self) -> tuple[str, str, str]:
        """Which costs it has, and how they are told."""
        return self.scope, self.dataset.lower(), self.version

    @property
    def told(self) -> str:
        """What it is, as words."""
        kind = " ".join(
            filter(None, (_COSTS.get(self.dataset.lower(), self.dataset), self.version))
        )
        frame = _FRAMES.get(self.timeframe, _WORDS.sub(" ", self.timeframe).lower())
        when = f"{self.recurrence.lower() or 'by hand'}, {frame}"
        return f"{kind} of {self.scope}, {self.format}, {when}, in {'/'.join(self.place)}"


async def exports(arm: Arm, scope: str) -> list[Definition]:
    """
    List the exports of *scope*, but not of what lies in it.

    Raises:
        SourceError, Parked: if they cannot be listed.
    """
    path = f"{quote(scope, safe='/:')}/providers/Microsoft.CostManagement/exports"
    answer = await arm.get(arm.url(path, _EXPORTS_API), operation=LIST_EXPORTS, scope=scope)
    return [_definition(one, scope) for one in answer_of(answer)["value"] if _at(one, "name")]


async def billing_scopes(ctx: Context, arm: Arm) -> list[str]:
    """
    List the billing accounts that can be seen, and the billing profiles in them.

    Raises:
        SourceError, Parked: if they cannot be listed.
    """
    first = f"{arm.url('/providers/Microsoft.Billing/billingAccounts', _BILLING_API)}"
    found: list[str] = []

    async def page(link: str | None) -> Mapping[str, Any]:
        url = link or f"{first}&$expand=billingProfiles"
        return answer_of(await arm.get(url, operation=LIST_ACCOUNTS))

    async for each in ctx.pages(page, next_link=lambda answer: answer.get("nextLink")):
        for account in each["value"]:
            profiles = _at(account, "properties", "billingProfiles", "value")
            listed = [account, *(profiles if isinstance(profiles, list) else ())]
            found += [str(scope) for one in listed if (scope := _at(one, "id"))]
    return found


def _definition(one: Any, scope: str) -> Definition:
    place = _at(one, "properties", "deliveryInfo", "destination") or {}
    schedule = _at(one, "properties", "schedule") or {}
    resource = str(place.get("resourceId") or place.get("storageAccount") or "")
    compression = str(_at(one, "properties", "compressionMode") or "none")
    packed = "" if compression.lower() == "none" else f", {compression}"
    return Definition(
        name=str(_at(one, "name") or ""),
        scope=scope.lower(),
        dataset=str(_at(one, "properties", "definition", "type") or ""),
        version=str(
            _at(one, "properties", "definition", "dataSet", "configuration", "dataVersion") or ""
        ),
        format=f"{_at(one, 'properties', 'format') or 'Csv'}{packed}",
        account=resource.rpartition("/")[2],
        container=str(place.get("container") or ""),
        directory=str(place.get("rootFolderPath") or "").strip("/"),
        recurrence=str(schedule.get("recurrence") or ""),
        timeframe=str(_at(one, "properties", "definition", "timeframe") or ""),
        active=schedule.get("status") == "Active",
    )


def _at(value: Any, *names: str) -> Any:
    """Return what lies at the end of *names*; None if nothing does."""
    for name in names:
        if not isinstance(value, Mapping):
            return None
        value = value.get(name)
    return value
