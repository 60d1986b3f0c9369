"""
What the provider ``Microsoft.Carbon`` answers, out of items that a test has told.

It validates as its definition says (Azure/azure-rest-api-specs, specification/carbon, 2025-04-01).
Where that is silent, the stand-in takes the less convenient way: an item is listed in the month
after its last one too, with zero; a month that is not available is empty; the last of several
pages has an empty ``skipToken``, an only page a null.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from ogfd_sandbox.azure.wire import Answer, RefusedError, Reply, json_reply, page
from ogfd_sandbox.faults import Rule

_KINDS: Final = frozenset({"ItemDetailsReport", "MonthlySummaryReport", "OverallSummaryReport"})
_SCOPES: Final = ("Scope1", "Scope2", "Scope3")
_ORDERS: Final = {
    "ItemName": "itemName",
    "LatestMonthEmissions": "latestMonthEmissions",
    "PreviousMonthEmissions": "previousMonthEmissions",
    "MonthOverMonthEmissionsChangeRatio": "monthOverMonthEmissionsChangeRatio",
    "MonthlyEmissionsChangeValue": "monthlyEmissionsChangeValue",
    "ResourceGroup": "resourceGroup",
}
_CATEGORIES: Final = frozenset(
    {"Subscription", "ResourceGroup", "Location", "Resource", "ResourceType"}
)
_FILTERS: Final = {
    "resourceGroupUrlList": "resource_group_url",
    "resourceTypeList": "resource_type",
    "locationList": "location",
}
_SUBSCRIPTION: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_MOST_SUBSCRIPTIONS: Final = 100
_MOST_MONTHS: Final = 12
_LARGEST_PAGE: Final = 5000

Item = Mapping[str, Any]
Group = tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Report:
    """A request, checked. Months are counted from year 0, the last one included."""

    kind: str
    subscriptions: tuple[str, ...]
    scopes: tuple[str, ...]
    first: int
    last: int
    category: str
    order: str
    descending: bool
    page_size: int
    offset: int
    filters: Mapping[str, frozenset[str]]
    digest: str

    @property
    def key(self) -> str:
        """What is asked, for rules and the log."""
        scopes, dates = ",".join(self.scopes), f"{_date(self.first)}/{_date(self.last)}"
        number = self.offset // self.page_size + 1
        category = self.category or "-"
        return f"{self.kind} {scopes} {dates} {category} {len(self.subscriptions)} {number}"

    def token(self, offset: int) -> str:
        """Return what asks for the results from *offset* on."""
        return base64.b64encode(f"{offset}:{self.digest}".encode()).decode()


class CarbonReports:
    """The emissions of all subscriptions, and who may not see them."""

    def __init__(self) -> None:
        self._items: dict[tuple[str, int], list[Item]] = {}
        self._known: frozenset[str] = frozenset()
        self._denied: Mapping[str, str] = {}
        self._available: tuple[int, int] | None = None

    def tell(self, told: Mapping[str, Any]) -> None:
        """Answer with *told* from now on."""
        self._items = {}
        for item in told["items"]:
            place = item["subscription_id"], _month(item["month"])
            self._items.setdefault(place, []).append(_ready(item))
        self._known = frozenset(subscription for subscription, _ in self._items)
        self._denied = told["denied"]
        months = [month for _, month in self._items]
        if told["available"] is not None:
            first, last = told["available"]
            self._available = _month(first), _month(last)
        else:
            self._available = (min(months), max(months)) if months else None

    def date_range(self) -> Reply:
        """Answer with the first day of the first and of the last month there is."""
        if self._available is None:
            return json_reply({"startDate": "", "endDate": ""})
        first, last = self._available
        return json_reply({"startDate": _date(first), "endDate": _date(last)})

    def report(self, body: bytes, subscriptions: frozenset[str]) -> tuple[str, Answer]:
        """Return the key of a request for a report, and its answer."""
        try:
            report = _read(body)
        except RefusedError as exc:
            refusal = exc

            def refuse(_rule: Rule | None) -> Reply:
                raise refusal

            return "-", refuse
        return report.key, lambda rule: self._answer(report, subscriptions | self._known, rule)

    def _answer(self, report: _Report, known: frozenset[str], rule: Rule | None) -> Reply:
        allowed = [one for one in report.subscriptions if one in known and one not in self._denied]
        rows = list(self._rows(report, allowed))
        until, following = page(len(rows), report.offset, report.page_size, rule)
        several = report.offset > 0
        return json_reply(
            {
                "value": rows[report.offset : until],
                "skipToken": (
                    report.token(following) if following is not None else "" if several else None
                ),
                "subscriptionAccessDecisionList": [
                    self._decision(one, one in allowed) for one in report.subscriptions
                ],
            }
        )

    def _decision(self, subscription: str, allowed: bool) -> dict[str, str]:
        if allowed:
            return {"subscriptionId": subscription, "decision": "Allowed"}
        reason = self._denied.get(subscription) or "Carbon Optimization Reader permission required"
        return {"subscriptionId": subscription, "decision": "Denied", "denialReason": reason}

    def _rows(self, report: _Report, allowed: Sequence[str]) -> Iterator[dict[str, Any]]:
        if report.kind == "MonthlySummaryReport":
            for month in range(report.last, report.first - 1, -1):
                kg, before = self._totals(report, allowed, month, month)
                # the intensity is by the money spent, of which the stand-in is told nothing
                extra = {"date": _date(month), "carbonIntensity": 0.0}
                yield {"dataType": "MonthlySummaryData", **_change(kg, before), **extra}
        elif report.kind == "OverallSummaryReport":
            # learn.microsoft.com/rest/api/carbon: the previous range is shifted by one month
            kg, before = self._totals(report, allowed, report.first, report.last)
            yield {"dataType": "OverallSummaryData", **_change(kg, before)}
        else:
            yield from self._details(report, allowed)

    def _details(self, report: _Report, allowed: Sequence[str]) -> list[dict[str, Any]]:
        names: dict[Group, dict[str, Any]] = {}
        sums: dict[Group, list[Decimal]] = {}
        for shift in (0, 1):
            for item in self._seen(report, allowed, report.first, report.last, shift):
                group, shown = _shown(item, report.category)
                names.setdefault(group, shown)
                kg = sum((item[scope] for scope in report.scopes), Decimal())
                sums.setdefault(group, [Decimal(), Decimal()])[shift] += kg
        rows = [{**names[group], **_change(*sums[group])} for group in sorted(sums)]
        field = _ORDERS[report.order]
        rows.sort(key=lambda row: _sortable(row.get(field)), reverse=report.descending)
        return rows

    def _totals(
        self, report: _Report, allowed: Sequence[str], first: int, last: int
    ) -> tuple[Decimal, Decimal]:
        """Return the sum of some months, and that of the same number a month earlier."""
        kg, before = (
            sum((item[scope] for item in seen for scope in report.scopes), Decimal())
            for seen in (self._seen(report, allowed, first, last, shift) for shift in (0, 1))
        )
        return kg, before

    def _seen(
        self, report: _Report, allowed: Sequence[str], first: int, last: int, shift: int
    ) -> Iterator[Item]:
        """Yield the items of the months, *shift* months earlier, that are available."""
        begin, end = self._available or (0, -1)
        for month in range(max(first, begin) - shift, min(last, end) - shift + 1):
            for subscription in allowed:
                for item in self._items.get((subscription, month), ()):
                    if all(item[name] in values for name, values in report.filters.items()):
                        yield item


def _read(body: bytes) -> _Report:
    try:
        asked = json.loads(body)
        start, end = (_first_of_month(asked["dateRange"][name]) for name in ("start", "end"))
    except (ValueError, KeyError, TypeError):
        raise _bad("dateRange needs a start and an end, each the first day of a month") from None
    kind = asked.get("reportType")
    if kind not in _KINDS:
        raise _bad(f"reportType {kind!r} is not one of {', '.join(sorted(_KINDS))}")
    if not start <= end < start + _MOST_MONTHS:
        raise _bad("dateRange must not be longer than 12 months")
    _check_list(asked, "subscriptionList")
    _check_list(asked, "carbonScopeList")
    subscriptions = tuple(asked["subscriptionList"])
    if len(subscriptions) > _MOST_SUBSCRIPTIONS:
        raise _bad("subscriptionList must not have more than 100 subscriptions")
    wrong = [one for one in subscriptions if not _SUBSCRIPTION.fullmatch(one)]
    if wrong:
        raise _bad(f"subscriptionList: {wrong[0]!r} is not a subscription id in lower case")
    if not set(asked["carbonScopeList"]) <= set(_SCOPES):
        raise _bad("carbonScopeList takes Scope1, Scope2 and Scope3")
    details = _read_details(asked, start, end) if kind == "ItemDetailsReport" else {}
    token = asked.pop("skipToken", None) or ""
    digest = hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()[:16]
    report = _Report(
        kind=kind,
        subscriptions=subscriptions,
        scopes=tuple(asked["carbonScopeList"]),
        first=start,
        last=end,
        filters={
            field: frozenset(asked[name]) for name, field in _FILTERS.items() if asked.get(name)
        },
        digest=digest,
        offset=_offset(token, digest),
        **{"category": "", "order": "", "descending": False, "page_size": _LARGEST_PAGE, **details},
    )
    if any(value != value.lower() for values in report.filters.values() for value in values):
        raise _bad("filters must be in lower case")
    return report


def _read_details(asked: Mapping[str, Any], start: int, end: int) -> dict[str, Any]:
    if start != end:
        raise _bad("dateRange of an ItemDetailsReport must start and end with the same month")
    if asked.get("categoryType") not in _CATEGORIES:
        raise _bad(f"categoryType must be one of {', '.join(sorted(_CATEGORIES))}")
    if asked.get("orderBy") not in _ORDERS:
        raise _bad(f"orderBy must be one of {', '.join(_ORDERS)}")
    if asked.get("sortDirection") not in {"Asc", "Desc"}:
        raise _bad("sortDirection must be Asc or Desc")
    size = asked.get("pageSize")
    if not isinstance(size, int) or not 1 <= size <= _LARGEST_PAGE:
        raise _bad("pageSize must lie between 1 and 5000")
    return {
        "category": asked["categoryType"],
        "order": asked["orderBy"],
        "descending": asked["sortDirection"] == "Desc",
        "page_size": size,
    }


def _check_list(asked: Mapping[str, Any], name: str) -> None:
    values = asked.get(name)
    if not isinstance(values, list) or not values or not all(isinstance(v, str) for v in values):
        raise _bad(f"{name} is required, and must be a list of texts that is not empty")


def _offset(token: str, digest: str) -> int:
    if not token:
        return 0
    try:
        offset, _, signed = base64.b64decode(token, validate=True).decode().partition(":")
    except ValueError:
        offset, signed = "", ""
    if signed != digest or not offset.isdigit():
        raise _bad("skipToken is not one of this query")
    return int(offset)


def _ready(item: Mapping[str, Any]) -> Item:
    group = f"/subscriptions/{item['subscription_id']}/resourcegroups/{item['resource_group']}"
    scopes = {scope: Decimal(item[scope.lower()]) for scope in _SCOPES}
    return {**item, **scopes, "resource_group_url": group}


def _shown(item: Item, category: str) -> tuple[Group, dict[str, Any]]:
    """Return the group of an item and what the report says of it."""
    subscription, group = item["subscription_id"], item["resource_group"]
    common = {"dataType": "ItemDetailsData", "categoryType": category}
    match category:
        case "Resource":
            resource_id = (
                f"/subscriptions/{subscription}/resourceGroups/{group}/providers"
                f"/{item['resource_type']}/{item['name']}"
            )
            return (item["name"], resource_id), {
                **common,
                "dataType": "ResourceItemDetailsData",
                "itemName": item["name"],
                "subscriptionId": subscription,
                "resourceGroup": group,
                "resourceId": resource_id,
                "resourceType": item["resource_type"],
                "location": item["location"],
            }
        case "ResourceGroup":
            return (group, subscription), {
                **common,
                "dataType": "ResourceGroupItemDetailsData",
                "itemName": group,
                "subscriptionId": subscription,
                "resourceGroupUrl": f"/subscriptions/{subscription}/resourceGroups/{group}",
            }
        case "Subscription":
            name = subscription
        case "Location":
            name = item["location"]
        case _:
            name = item["resource_type"]
    return (name,), {**common, "itemName": name}


def _change(kg: Decimal, before: Decimal) -> dict[str, Any]:
    return {
        "latestMonthEmissions": float(kg),
        "previousMonthEmissions": float(before),
        "monthOverMonthEmissionsChangeRatio": float((kg - before) / before) if before else None,
        "monthlyEmissionsChangeValue": float(kg - before),
    }


def _sortable(value: Any) -> tuple[bool, Any]:
    return value is not None, 0 if value is None else value


def _bad(message: str) -> RefusedError:
    return RefusedError(400, "BadRequest", message)


def _first_of_month(text: str) -> int:
    month, _, day = text.rpartition("-")
    if day != "01":
        raise ValueError(text)
    return _month(month)


def _month(text: str) -> int:
    year, month = (int(part) for part in text.split("-"))
    if not 1 <= month <= 12:
        raise ValueError(text)
    return year * 12 + month - 1


def _date(month: int) -> str:
    return f"{month // 12:04}-{month % 12 + 1:02}-01"
