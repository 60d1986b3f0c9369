"""Lines of savings plans and reservations: what they cover, what they cost, what they leave over."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Final

import numpy as np

from ogfd_sandbox.cur.book import Book, LineType
from ogfd_sandbox.cur.lines import Lines
from ogfd_sandbox.cur.numbers import Integers, Numbers, exact
from ogfd_sandbox.cur.settings import CurSettings, Month

SAVINGS_PLAN: Final = 1
RESERVATION: Final = 2
_TEN_DECIMALS: Final = Decimal("1E-10")
_RESERVATION_HOURLY: Final = Decimal("0.2208")


def commit(
    settings: CurSettings, book: Book, month: Month, lines: Lines, random: np.random.Generator
) -> tuple[Lines, Lines]:
    """
    Put some of *lines* under commitments.

    Returns:
        The same lines, some of another type now, and the lines that come with that: negations
        and fees.
    """
    draw = random.random(len(lines))
    eligible = np.zeros(len(book.templates.all), np.bool_)
    eligible[list(book.variants)] = True
    chosen = eligible[lines.template]
    covered = chosen & (draw < settings.savings_plan_share)
    reserved = chosen & (draw >= 1 - settings.reserved_share) & ~covered
    plain = lines.take(~covered & ~reserved)
    on_demand = lines.take(covered)
    under_plan = _variant(book, on_demand, LineType.COVERED, SAVINGS_PLAN)
    negation = replace(
        _variant(book, on_demand, LineType.NEGATION, SAVINGS_PLAN),
        cost=-on_demand.cost,
        first=Numbers.zeros(len(on_demand)),
        place=np.zeros(len(on_demand), np.int32),
        tags=np.zeros(len(on_demand), np.int32),
    )
    discounted = replace(
        _variant(book, lines.take(reserved), LineType.DISCOUNTED, RESERVATION),
        cost=Numbers.zeros(int(reserved.sum())),
    )
    fees = [_plan_fees(book, month, under_plan), _reservation_fee(book, month)]
    return (
        Lines.concat([plain, under_plan, discounted]),
        Lines.concat([negation, *fees]),
    )


def _variant(book: Book, lines: Lines, line_type: LineType, commitment: int) -> Lines:
    number = np.zeros(len(book.templates.all), np.int32)
    for usage, variants in book.variants.items():
        number[usage] = variants[line_type]
    template = number[lines.template]
    return replace(
        lines,
        template=template,
        first=lines.usage * book.templates.rates("paid").take(template),
        commitment=np.full(len(lines), commitment, np.int32),
    )


def _plan_fees(book: Book, month: Month, covered: Lines) -> Lines:
    """One fee a day for the whole month, as AWS bills savings plans ahead of time."""
    day: Integers = covered.start.astype(np.int64) // 24
    used = [
        exact(units).quantize(_TEN_DECIMALS)
        for sums in (covered.first.sums(day),)
        for units in (sums.get(number, 0) for number in range(month.days))
    ]
    daily = max(used).to_integral_value() + 1
    name = "Savings Plans for AWS Compute usage"
    template = book.templates.charge(
        LineType.PLAN_FEE,
        "ComputeSavingsPlans",
        name,
        {
            "lineItem/UsageType": "ComputeSP:1yrNoUpfront",
            "lineItem/LineItemDescription": "1 year, No Upfront Compute Savings Plan",
            "product/servicecode": "ComputeSavingsPlans",
        },
    )
    count = month.days
    fees = Lines.charges(
        [template] * count,
        [0] * count,
        [24 * number for number in range(count)],
        24,
        Numbers.of([daily] * count),
    )
    return replace(
        fees,
        commitment=np.full(count, SAVINGS_PLAN, np.int32),
        first=fees.cost,
        second=Numbers.of(used),
    )


def _reservation_fee(book: Book, month: Month) -> Lines:
    """One fee for the month; the reservation was paid upfront in part."""
    template = book.templates.charge(
        LineType.RESERVATION_FEE,
        "AmazonEC2",
        "Amazon Elastic Compute Cloud",
        {
            "lineItem/UsageType": "HeavyUsage:m5.large",
            "lineItem/Operation": "RunInstances",
            "lineItem/LineItemDescription": "USD 0.0552 hourly fee per Linux/UNIX, m5.large",
            "product/region": "us-east-1",
            "product/regionCode": "us-east-1",
            "product/servicecode": "AmazonEC2",
        },
    )
    fee = Lines.charges(
        [template], [0], [0], 24 * month.days, Numbers.of([_RESERVATION_HOURLY * 24 * month.days])
    )
    return replace(
        fee,
        commitment=np.full(1, RESERVATION, np.int32),
        first=Numbers.of([Decimal("3.1845072917")]),
        second=Numbers.of([Decimal("12.4208")]),
    )
