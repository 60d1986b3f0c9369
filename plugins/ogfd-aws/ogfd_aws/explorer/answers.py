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
    for result in answer["ResultsByTime"]:
        period, estimated = _period(result), bool(result.get("Estimated"))
        parts = result.get("Groups") or () if groups else ({"Metrics": result.get("Total")},)
        for part in parts:
            keys = tuple(map(str, part.get("Keys") or ()))
            if len(keys) != groups:
                raise FatalError(f"a group of {period} has {len(keys)} keys instead of {groups}")
            yield _cost(part.get("Metrics") or {}, period, keys, estimated=estimated)


def account_names(answer: Answer) -> dict[str, str]:
    """Return the accounts that *answer* names, by id."""
    named = {
        str(each.get("Value")): (each.get("Attributes") or {}).get("description")
        for each in answer.get("DimensionValueAttributes") or ()
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
    told = metrics.get(name) or {}
    text, unit = told.get("Amount"), told.get("Unit")
    try:
        amount = Decimal(str(text))
    except InvalidOperation:
        raise FatalError(f"{name} of {period} is {text!r}, which is no number") from None
    if not amount.is_finite():
        raise FatalError(f"{name} of {period} is {amount}, which is no finite number")
    if not unit or unit == "N/A":
        raise FatalError(f"{name} of {period} comes without a currency")
    return amount, str(unit)


def _period(result: Mapping[str, Any]) -> Period:
    told = result.get("TimePeriod") or {}
    try:
        start, end = (_midnight(told[name]) for name in ("Start", "End"))
        return Period(start, end)
    except (KeyError, TypeError, ValueError):
        raise FatalError(f"a result of the service has the time {dict(told)}") from None


def _midnight(text: str) -> datetime:
    day = date.fromisoformat(text)
    return datetime(day.year, day.month, day.day, tzinfo=UTC)
