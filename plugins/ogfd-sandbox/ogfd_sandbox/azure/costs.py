"""
What the query API of ``Microsoft.CostManagement`` answers, out of rows that a test has told.

A link to a next page is good for one spelling and one body alone, and names an older api-version,
as in the examples of its definition (Azure/azure-rest-api-specs, specification/cost-management).
"""

from __future__ import annotations

import hashlib
import json
import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, Final
from urllib.parse import quote

from ogfd_sandbox.azure.conditions import Matches, matcher
from ogfd_sandbox.azure.wire import Answer, Call, RefusedError, Reply, json_reply, page
from ogfd_sandbox.faults import Rule

# learn.microsoft.com/rest/api/cost-management/query/usage, 2025-03-01: "up to 2 group by clauses"
_MOST_GROUPINGS: Final = 2
_LONGEST: Final = {"Daily": 31, "Monthly": 366, "None": 366}  # days; longer ones are cut silently
_MEASURES: Final = frozenset({"Cost", "PreTaxCost"})
_TYPES: Final = frozenset({"Usage", "ActualCost", "AmortizedCost"})
_DEFAULT_PAGE: Final = 1000
_LARGEST_PAGE: Final = 5000
_LINK_VERSION: Final = "2021-10-01"
# what the service grants (github.com/Azure/azqr, internal/throttling/policy.go, MIT, 2026)
_GRANTED: Final = 4
_UNITS: Final = {
    "QueriesPerHour": (3600, 600),
    "QueriesPerMin": (60, 60),
    "QueriesPer10Sec": (10, 12),
}
_PREFIX: Final = "x-ms-ratelimit-"

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Query:
    """A request, checked. Both days are included."""

    scope: str
    kind: str
    granularity: str
    first: date
    last: date
    measures: tuple[str, ...]
    groups: tuple[tuple[str, str], ...]
    matches: Matches
    size: int
    offset: int
    digest: str

    @property
    def key(self) -> str:
        """What is asked, for rules and the log."""
        number = self.offset // self.size + 1
        dates = f"{self.first}/{self.last}"
        return f"{self.scope} {self.kind} {self.granularity} {dates} {number}"


class CostQueries:
    """The costs of all scopes, the links that are out, and how often each scope was asked."""

    def __init__(self) -> None:
        self._rows: list[Row] = []
        self._links: dict[str, tuple[str, int]] = {}
        self._limit: tuple[int, float] | None = None
        self._asked: deque[tuple[float, str, int]] = deque(maxlen=10_000)

    def tell(self, told: Sequence[Mapping[str, Any]]) -> None:
        """Answer with *told* from now on."""
        self._rows = [_ready(row) for row in told]

    def limit(self, told: Mapping[str, Any]) -> None:
        """Refuse what is asked too often of one scope."""
        requests = told["requests"]
        self._limit = None if requests is None else (requests, told["seconds"])
        self._asked.clear()

    def query(self, call: Call, scope: str) -> tuple[str, Answer]:
        """Return the key of a request, and its answer."""
        try:
            query = self._read(call, scope)
        except RefusedError as exc:
            refusal = exc

            def refuse(_rule: Rule | None) -> Reply:
                raise refusal

            return "-", refuse
        return query.key, lambda rule: self._answer(call, query, rule)

    def _answer(self, call: Call, query: _Query, rule: Rule | None) -> Reply:
        headers = self._admit(query)
        columns, rows = _table(self._rows, query)
        if not rows:
            return Reply(status=204, headers=headers)
        until, following = page(len(rows), query.offset, query.size, rule)
        link = None if following is None else self._link(call, query, following)
        path = f"{query.scope}/providers/Microsoft.CostManagement/query"
        answer = {
            "id": f"{path}/{query.digest}",
            "name": query.digest,
            "type": "Microsoft.CostManagement/query",
            "location": None,
            "sku": None,
            "eTag": None,
            "properties": {
                "nextLink": link,
                "columns": columns,
                "rows": rows[query.offset : until],
            },
        }
        return json_reply(answer, headers=headers)

    def _link(self, call: Call, query: _Query, offset: int) -> str:
        signed = hashlib.sha256(f"{query.scope} {query.digest} {offset}".encode()).hexdigest()[:12]
        token = quote(f"AQAAA/{offset}:{signed}==", safe="")
        target = (
            f"/{query.scope}/providers/Microsoft.CostManagement/Query"
            f"?api-version={_LINK_VERSION}&%24skiptoken={token}"
        )
        self._links[target] = query.digest, offset
        return call.base + target

    def _read(self, call: Call, scope: str) -> _Query:
        digest = _digest(call.body)
        offset = 0
        if "$skiptoken" in call.query:
            promised, offset = self._links.get(call.target, ("", 0))
            if promised != digest:
                raise _bad("the $skiptoken is not one of this query; post the same body again")
        return _read(call, scope, digest, offset)

    def _admit(self, query: _Query) -> dict[str, str]:
        """Count a query, and return what is left."""
        now = time.monotonic()
        granted, seconds = self._limit or (_GRANTED, 60.0)
        recent = [at for at, scope, _ in self._asked if scope == query.scope and now - at < seconds]
        if self._limit is not None and len(recent) >= granted:
            wait = max(1, round(recent[-granted] + seconds - now + 0.5))
            message = "Too many requests. Please retry."
            name = f"{_PREFIX}microsoft.costmanagement-entity-retry-after"
            raise RefusedError(429, "429", message, {name: str(wait)})
        units = (query.last.year - query.first.year) * 12 + query.last.month - query.first.month + 1
        self._asked.append((now, query.scope, units))
        left = {
            name: most - sum(used for at, _, used in self._asked if now - at < span)
            for name, (span, most) in _UNITS.items()
        }
        entity = max(0, granted - len(recent) - 1)
        remaining = f"{_PREFIX}remaining-microsoft.costmanagement"
        return {
            f"{remaining}-entity-requests": f"DefaultQuota:{entity}",
            f"{remaining}-tenant-requests": f"DefaultQuota:{max(0, left['QueriesPerMin'])}",
            f"{_PREFIX}microsoft.costmanagement-qpu-consumed": str(units),
            f"{_PREFIX}microsoft.costmanagement-qpu-remaining": ",".join(
                f"{name}:{max(0, value)}" for name, value in left.items()
            ),
        }


def _read(call: Call, scope: str, digest: str, offset: int) -> _Query:
    try:
        asked = json.loads(call.body)
        first, last = (
            date.fromisoformat(asked["timePeriod"][name][:10]) for name in ("from", "to")
        )
        data = asked["dataset"]
        measures = tuple(one["name"] for one in data["aggregation"].values())
        functions = {one["function"] for one in data["aggregation"].values()}
        groups = tuple((one["type"], one["name"]) for one in data.get("grouping", ()))
        matches = matcher(data.get("filter"))
        size = int(call.query.get("$top", _DEFAULT_PAGE))
    except (ValueError, KeyError, TypeError, AttributeError) as exc:
        raise _bad(f"Invalid query definition: timePeriod, dataset or $top, {exc!r}") from None
    granularity = data.get("granularity") or "None"
    wrong = (
        (asked.get("type") not in _TYPES, "type"),
        (asked.get("timeframe") != "Custom", "timeframe; the stand-in knows Custom alone"),
        (granularity not in _LONGEST, "granularity"),
        (not measures or not set(measures) <= _MEASURES or functions != {"Sum"}, "aggregation"),
        (len(groups) > _MOST_GROUPINGS, "grouping, more than 2 of them"),
        (any(kind not in {"Dimension", "TagKey"} for kind, _ in groups), "type of a grouping"),
        (first > last, "timePeriod, from after to"),
        (last - first > timedelta(days=37 * 31), "timePeriod, longer than 37 months"),
        (not 1 <= size <= _LARGEST_PAGE, "$top"),
    )
    for found, what in wrong:
        if found:
            raise _bad(f"Invalid query definition: {what}")
    return _Query(
        scope=scope,
        kind=asked["type"],
        granularity=granularity,
        first=first,
        last=min(last, first + timedelta(days=_LONGEST[granularity] - 1)),
        measures=measures,
        groups=groups,
        matches=matches,
        size=size,
        offset=offset,
        digest=digest,
    )


def _table(rows: Sequence[Row], query: _Query) -> tuple[list[dict[str, str]], list[list[Any]]]:
    """Return the columns, and the rows in the order of their groups."""
    scope = query.scope.lower()
    sums: dict[tuple[Any, ...], Decimal] = {}
    for row in rows:
        if scope not in row["scopes"] or not query.first <= row["day"] <= query.last:
            continue
        if not query.matches(row["dimensions"]):
            continue
        place = (
            *_when(row["day"], query.granularity),
            *(row["dimensions"].get(name, "") for _, name in query.groups),
            row["currency"],
        )
        cost = row["amortized"] if query.kind == "AmortizedCost" else row["cost"]
        sums[place] = sums.get(place, Decimal()) + cost
    when = {"Daily": [("UsageDate", "Number")], "Monthly": [("BillingMonth", "Datetime")]}
    columns = [
        *((name, "Number") for name in query.measures),
        *when.get(query.granularity, []),
        *((name, "String") for _, name in query.groups),
        ("Currency", "String"),
    ]
    costs = len(query.measures)
    found = [[*[float(cost)] * costs, *place] for place, cost in sorted(sums.items())]
    return [{"name": name, "type": kind} for name, kind in columns], found


def _when(day: date, granularity: str) -> tuple[Any, ...]:
    match granularity:
        case "Daily":
            return (int(f"{day:%Y%m%d}"),)
        case "Monthly":
            return (f"{day:%Y-%m}-01T00:00:00",)
        case _:
            return ()


def _ready(row: Mapping[str, Any]) -> Row:
    scopes = [scope.strip("/").lower() for scope in (row["scope"], *row["within"])]
    kind, _, subscription = row["scope"].strip("/").partition("/")
    dimensions = {
        "ServiceName": row["service"],
        "ResourceGroup": row["resource_group"],
        "ResourceGroupName": row["resource_group"],
        "ResourceLocation": row["location"],
        **({"SubscriptionId": subscription} if kind == "subscriptions" else {}),
        **row["dimensions"],
    }
    cost = Decimal(row["cost"])
    return {
        "scopes": frozenset(scopes),
        "day": date.fromisoformat(row["day"]),
        "cost": cost,
        "amortized": cost if row["amortized"] is None else Decimal(row["amortized"]),
        "currency": row["currency"],
        "dimensions": dimensions,
    }


def _digest(body: bytes) -> str:
    try:
        text = json.dumps(json.loads(body), sort_keys=True)
    except ValueError:
        return ""
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _bad(message: str) -> RefusedError:
    return RefusedError(400, "BadRequest", message)
