"""
What an answer of ``GetCostAndUsage`` says, checked; amounts are exact.

https://docs.aws.amazon.com/aws-cost-management/latest/APIReference/API_ResultByTime.html
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from ogfd.plugin import FatalError, Period

UNBLENDED: Final = "UnblendedCost"
AMORTISED: Final = "AmortizedCost"
_LIMIT: Final = Decimal(10) ** 15  # as of exports: what is larger is no cost, but a damaged answer

Answer = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """
    The cost of one day or month, and of one group if there are groups.

    Attributes:
        period: in UTC.
        keys: in the order of the groups that were asked for; empty without groups.
        unblended: as billed.
        amortised: with commitments spread over their use.
        currency: of both.
        estimated: whether AWS may still change it.
    """

    period: Period
    keys: tuple[str, ...]
    unblended: Decimal
    amortised: Decimal
    currency: str
    estimated: bool


def costs(answer: Answer, *, groups: int) -> Iterator[Cost]:
    """
    Yield what *answer* says, by time and then by group.

    Args:
        answer: as the SDK gives it.
        groups: how many were asked for.

    Raises:
        FatalError: if a result lacks a part, or has an amount or a date that cannot be read.
    """
    for result in map(_object, answer["ResultsByTime"]):
        period, estimated = _period(result), bool(result.get("Estimated"))
        total = _object(result.get("Total"))
        parts = result.get("Groups") or [] if groups else [{"Metrics": total}]
        if not parts and any(_number(_object(total[name]), name, period) for name in total):
            raise FatalError(f"{period} has a total, and not the groups that were asked for")
        for part in map(_object, parts):
            keys = tuple(part.get("Keys") or ())
            if len(keys) != groups or not all(isinstance(key, str) for key in keys):
                raise FatalError(f"a group of {period} has the keys {keys}; asked for {groups}")
            yield _cost(_object(part.get("Metrics")), period, keys, estimated=estimated)


def account_names(answer: Answer) -> dict[str, str]:
    """Return the accounts that *answer* names, by id."""
    named = {
        str(each.get("Value")): _object(each.get("Attributes")).get("description")
        for each in map(_object, answer.get("DimensionValueAttributes") or ())
    }
    return {account: str(name) for account, name in named.items() if name}


def _cost(
    metrics: Mapping[str, Any], period: Period, keys: tuple[str, ...], *, estimated: bool
) -> Cost:
    amounts = {name: _amount(metrics, name, period) for name in (UNBLENDED, AMORTISED)}
    currencies = {currency for _, currency in amounts.values()}
    if len(currencies) > 1:
        raise FatalError(f"a cost of {period} comes in {' and '.join(sorted(currencies))}")
    return Cost(
        period=period,
        keys=keys,
        unblended=amounts[UNBLENDED][0],
        amortised=amounts[AMORTISED][0],
        currency=currencies.pop(),
        estimated=estimated,
    )


def _amount(metrics: Mapping[str, Any], name: str, period: Period) -> tuple[Decimal, str]:
    told = _object(metrics.get(name))
    amount, unit = _number(told, name, period), told.get("Unit")
    if not unit or unit == "N/A":
        raise FatalError(f"{name} of {period} comes without a currency")
    return amount, str(unit)


def _number(told: Mapping[str, Any], name: str, period: Period) -> Decimal:
    text = told.get("Amount")
    try:
        amount = Decimal(str(text))
    except InvalidOperation:
        raise FatalError(f"{name} of {period} is {text!r}, which is no number") from None
    if not amount.is_finite() or abs(amount) >= _LIMIT:
        raise FatalError(f"{name} of {period} is {amount}, which is no number below 10^15")
    return amount


def _period(result: Mapping[str, Any]) -> Period:
    told = _object(result.get("TimePeriod"))
    try:
        start, end = (_midnight(told[name]) for name in ("Start", "End"))
        return Period(start, end)
    except (KeyError, TypeError, ValueError):
        raise FatalError(f"a result of the service has the time {dict(told)}") from None


def _object(part: Any) -> Mapping[str, Any]:
    """Return a part of an answer; what is left out is empty."""
    if not isinstance(part, Mapping | None):
        raise FatalError("a part of the answer is no object")
    return part or {}


def _midnight(text: str) -> datetime:
    day = date.fromisoformat(text)
    return datetime(day.year, day.month, day.day, tzinfo=UTC)
