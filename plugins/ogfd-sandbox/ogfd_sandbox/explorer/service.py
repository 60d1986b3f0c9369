"""
What ``GetCostAndUsage`` answers, out of published costs.

It groups, pages and refuses as the service's own model says (botocore 1.43, ce 2017-10-25), of the
dimensions that the published costs have. A token belongs to the parameters that it was given for.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Context, Decimal
from typing import Any, Final

TARGET: Final = "AWSInsightsIndexService.GetCostAndUsage"
"""Header ``X-Amz-Target`` of its requests."""

OPERATION: Final = "GetCostAndUsage"
NOTHING: Final[Mapping[str, Any]] = {"today": None, "estimated": [], "names": {}, "costs": []}

_METRICS: Final = {"UnblendedCost": "unblended", "AmortizedCost": "amortised"}
_DIMENSIONS: Final = ("SERVICE", "LINKED_ACCOUNT", "RECORD_TYPE", "REGION", "USAGE_TYPE")
_PAGE: Final = 1000
_MONTHS: Final = 13
_DAY: Final = re.compile(r"\d{4}-\d{2}-\d{2}")
_EXACT: Final = Context(prec=76)
_TINY: Final = Decimal("0.000001")

Keys = tuple[str, ...]


class RefusedError(Exception):
    """The request is one that the service would refuse."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """
    A request, checked.

    Attributes:
        start: inclusive.
        end: exclusive.
        monthly: whether months are added up, else days.
        by: dimensions to group by.
        metrics: to give.
        offset: of the first group to give.
        page: its number, from 1.
    """

    start: date
    end: date
    monthly: bool
    by: tuple[str, ...]
    metrics: tuple[str, ...]
    offset: int = 0
    page: int = 1

    @property
    def key(self) -> str:
        """What is asked, for rules and the log: ``2026-08-01/2026-09-01 DAILY SERVICE 1``."""
        granularity = "MONTHLY" if self.monthly else "DAILY"
        return f"{self.start}/{self.end} {granularity} {','.join(self.by) or '-'} {self.page}"

    def bucket(self, day: date) -> tuple[date, date]:
        """Return the part of the time that *day* is added up in."""
        if not self.monthly:
            return day, day + timedelta(days=1)
        return max(day.replace(day=1), self.start), min(_month_after(day), self.end)


def read_query(body: bytes) -> Query:
    """
    Read the body of a request.

    Raises:
        RefusedError: as the service would.
    """
    asked = json.loads(body or b"{}")
    time = asked.get("TimePeriod") or {}
    start, end = (_day(time.get(name), name) for name in ("Start", "End"))
    if start >= end:
        raise _invalid("Start date (and hour) should be before end date (and hour)")
    if not (metrics := asked.get("Metrics")) or not set(metrics) <= _METRICS.keys():
        raise _invalid(f"Metrics must be given; the stand-in has {', '.join(_METRICS)}")
    groups = asked.get("GroupBy") or []
    if len(groups) > 2:
        raise _invalid("Maximum number of groups is 2")
    by = tuple(group.get("Key") for group in groups if group.get("Type") == "DIMENSION")
    if len(by) != len(groups) or not set(by) <= set(_DIMENSIONS):
        raise _invalid(f"the stand-in groups by the dimensions {', '.join(_DIMENSIONS)}")
    if (granularity := asked.get("Granularity")) not in {"DAILY", "MONTHLY"}:
        raise _invalid(f"the stand-in knows no granularity {granularity}")
    offset, page = _position(asked)
    return Query(
        start=start, end=end, monthly=granularity == "MONTHLY", by=by, metrics=tuple(metrics),
        offset=offset, page=page,
    )  # fmt: skip


def answer(
    query: Query,
    told: Mapping[str, Any],
    body: bytes,
    *,
    page: int | None = None,
    repeat: bool = False,
) -> dict[str, Any]:
    """
    Return the body of the answer.

    Args:
        query: what was asked.
        told: the published costs.
        body: that *query* was read from; a token holds its print.
        page: give at most so many groups, fewer than usual, as the service may.
        repeat: whether the token leads to the same page again.

    Raises:
        RefusedError: as the service would.
    """
    _check_days(query, told["today"])
    if not told["costs"]:
        message = "Data is not available. Please try to adjust the time period"
        raise RefusedError("DataUnavailableException", message)
    found = list(_groups(query, told))
    until = query.offset + (page or _PAGE) if query.by else len(found)
    shown = found[query.offset : until]
    results: dict[str, Any] = {
        "GroupDefinitions": [{"Type": "DIMENSION", "Key": name} for name in query.by],
        "ResultsByTime": _results(query, shown, told["estimated"]),
        "DimensionValueAttributes": _attributes(query, shown, told["names"]),
    }
    if until < len(found) or repeat:
        offset, number = (query.offset, query.page) if repeat else (until, query.page + 1)
        results["NextPageToken"] = _token(offset, number, json.loads(body))
    return results


Found = tuple[tuple[date, date], Keys, Mapping[str, tuple[Decimal, str]]]


def _groups(query: Query, told: Mapping[str, Any]) -> Iterator[Found]:
    """Yield each part of the time with each group, and its amounts by metric."""
    sums: dict[tuple[tuple[date, date], Keys], dict[str, tuple[Decimal, str]]] = {}
    currency = told["costs"][0]["currency"]
    nothing = dict.fromkeys(query.metrics, (Decimal(0), currency))
    for day in () if query.by else _days(query):
        sums.setdefault((query.bucket(day), ()), dict(nothing))
    for cost in told["costs"]:
        day = date.fromisoformat(cost["day"])
        if query.start <= day < query.end:
            place = query.bucket(day), tuple(cost[name] for name in query.by)
            amounts = sums.setdefault(place, dict(nothing))
            for metric in query.metrics:
                amount = _EXACT.add(amounts[metric][0], Decimal(cost[_METRICS[metric]]))
                amounts[metric] = (amount, cost["currency"])
    for (time, keys), amounts in sorted(sums.items(), key=lambda item: item[0]):
        yield time, keys, amounts


def _results(query: Query, found: list[Found], estimated: list[str]) -> list[dict[str, Any]]:
    results: dict[tuple[date, date], dict[str, Any]] = {}
    for time, keys, amounts in found:
        result = results.setdefault(time, {
            "TimePeriod": {"Start": f"{time[0]}", "End": f"{time[1]}"},
            "Total": {},
            "Groups": [],
            "Estimated": f"{time[0]:%Y-%m}" in estimated,
        })  # fmt: skip
        metrics = {
            metric: {"Amount": _text(amount), "Unit": unit}
            for metric, (amount, unit) in amounts.items()
        }
        if query.by:
            result["Groups"].append({"Keys": list(keys), "Metrics": metrics})
        else:
            result["Total"] = metrics
    return list(results.values())


def _attributes(query: Query, found: list[Found], names: Mapping[str, str]) -> list[dict[str, Any]]:
    if "LINKED_ACCOUNT" not in query.by:
        return []
    place = query.by.index("LINKED_ACCOUNT")
    shown = sorted({keys[place] for _, keys, _ in found})
    return [
        {"Value": account, "Attributes": {"description": names[account]}}
        for account in shown
        if account in names
    ]


def _check_days(query: Query, today: str | None) -> None:
    if today is None:
        return
    now = date.fromisoformat(today)
    if query.start > now:
        raise _invalid("Start date (and hour) should not be in the future")
    years, month = divmod(now.year * 12 + now.month - 1 - _MONTHS, 12)
    if query.start < date(years, month + 1, 1):
        raise _invalid("You haven't enabled historical data beyond 14 months")


def _days(query: Query) -> Iterator[date]:
    for number in range((query.end - query.start).days):
        yield query.start + timedelta(days=number)


def _position(asked: Mapping[str, Any]) -> tuple[int, int]:
    if (token := asked.get("NextPageToken")) is None:
        return 0, 1
    try:
        offset, number, given = json.loads(base64.urlsafe_b64decode(token))
    except ValueError:
        raise RefusedError("InvalidNextTokenException", "Invalid next page token") from None
    if given != _print(asked):
        raise RefusedError("RequestChangedException", "Request parameters changed between pages")
    return offset, number


def _token(offset: int, number: int, asked: Mapping[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps([offset, number, _print(asked)]).encode()).decode()


def _print(asked: Mapping[str, Any]) -> str:
    kept = {name: value for name, value in asked.items() if name != "NextPageToken"}
    return hashlib.sha256(json.dumps(kept, sort_keys=True).encode()).hexdigest()


def _day(text: Any, name: str) -> date:
    if not isinstance(text, str) or not _DAY.fullmatch(text):
        raise _invalid(f"TimePeriod.{name} must be a day such as 2026-08-01")
    return date.fromisoformat(text)


def _month_after(day: date) -> date:
    return (day.replace(day=1) + timedelta(days=31)).replace(day=1)


def _text(amount: Decimal) -> str:
    """Write an amount as the service does: small ones in scientific notation."""
    short = _EXACT.normalize(amount)
    return str(short) if 0 < abs(short) < _TINY else f"{short:f}"


def _invalid(message: str) -> RefusedError:
    return RefusedError("ValidationException", message)
