"""
What a correct reader must find, computed from the generator's own integers.

Nothing here looks at the files or at ogfd; sums are exact.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Literal

import numpy as np

from ogfd_sandbox.cur.book import Book, LineType
from ogfd_sandbox.cur.lines import Lines
from ogfd_sandbox.cur.numbers import MOST_DECIMALS, Integers, Numbers, exact
from ogfd_sandbox.cur.settings import Month

Dimension = Literal["currency", "service", "day", "line_type", "account_id", "region"]
_DAYS_BACK = 64  # lines begin at most this long before their month


@dataclass(frozen=True, slots=True, kw_only=True)
class Total:
    """
    What all lines add up to that share account, service, region, day and type.

    Attributes:
        currency: of the account.
        account_id: of the user.
        service: ``product/ProductName``.
        product_code: ``lineItem/ProductCode``.
        usage_type: ``lineItem/UsageType``; empty where the line has none.
        region: ``product/region``; empty where the line has none.
        day: of ``lineItem/UsageStartDate``, in UTC.
        line_type: ``lineItem/LineItemType``.
        lines: how many.
        billed: the sum of ``lineItem/UnblendedCost``.
        effective: amortised: commitments count where they are used, and what is left of them.
    """

    currency: str
    account_id: str
    service: str
    product_code: str
    usage_type: str
    region: str
    day: date
    line_type: str
    lines: int
    billed: Decimal
    effective: Decimal


@dataclass(frozen=True, slots=True)
class Truth:
    """The totals of one month."""

    totals: tuple[Total, ...]

    @property
    def lines(self) -> int:
        """How many lines the month has."""
        return sum(total.lines for total in self.totals)

    def billed(self) -> dict[str, Decimal]:
        """Return the billed cost by currency."""
        return {key[0]: amount for key, amount in self.billed_by("currency").items()}

    def effective(self) -> dict[str, Decimal]:
        """Return the amortised cost by currency."""
        return {
            currency: _sum([t.effective for t in self.totals if t.currency == currency])
            for currency in sorted({total.currency for total in self.totals})
        }

    def billed_by(self, *dimensions: Dimension) -> dict[tuple[str, ...], Decimal]:
        """Return the billed cost by *dimensions*, as texts; a day as ``YYYY-MM-DD``."""
        parts: dict[tuple[str, ...], list[Decimal]] = {}
        for total in self.totals:
            key = tuple(str(getattr(total, dimension)) for dimension in dimensions)
            parts.setdefault(key, []).append(total.billed)
        return {key: _sum(parts[key]) for key in sorted(parts)}


def truth_of(book: Book, month: Month, lines: Lines) -> Truth:
    """Add up *lines* of *month*."""
    days: Integers = lines.start.astype(np.int64) // 24 + _DAYS_BACK
    keys = (lines.template.astype(np.int64) * len(book.accounts) + lines.account) * 256 + days
    groups, counts = np.unique(keys, return_counts=True)
    billed = lines.cost.sums(keys)
    effective = _effective(book, lines, keys)
    found = []
    for key, count in zip(groups.tolist(), counts.tolist(), strict=True):
        template = book.templates.all[key // 256 // len(book.accounts)]
        account = key // 256 % len(book.accounts)
        found.append(
            Total(
                currency=book.currency(account),
                account_id=book.account_id(account),
                service=template.cells["product/ProductName"],
                product_code=template.code,
                usage_type=template.cells.get("lineItem/UsageType", ""),
                region=template.cells.get("product/region", ""),
                day=(month.start + timedelta(days=key % 256 - _DAYS_BACK)).date(),
                line_type=str(template.line_type),
                lines=count,
                billed=exact(billed.get(key, 0)),
                effective=exact(effective.get(key, 0)),
            )
        )
    return Truth(tuple(found))


def _effective(book: Book, lines: Lines, keys: Integers) -> dict[int, int]:
    """The rule of AWS's own amortised view (cudos summary_view.sql), by line type."""
    as_billed = ~lines.of_type(
        book,
        LineType.COVERED,
        LineType.DISCOUNTED,
        LineType.PLAN_FEE,
        LineType.RESERVATION_FEE,
        LineType.NEGATION,
    )
    in_use = lines.of_type(book, LineType.COVERED, LineType.DISCOUNTED)
    plan_fee = lines.of_type(book, LineType.PLAN_FEE)
    reservation_fee = lines.of_type(book, LineType.RESERVATION_FEE)
    terms: list[tuple[Numbers, np.ndarray]] = [
        (lines.cost, as_billed),
        (lines.first, in_use | plan_fee | reservation_fee),
        (-lines.second, plan_fee),
        (lines.second, reservation_fee),
    ]
    found: dict[int, int] = {}
    for numbers, mask in terms:
        places = np.flatnonzero(mask)
        for key, units in numbers.take(places).sums(keys[places]).items():
            found[key] = found.get(key, 0) + units
    return found


def _sum(amounts: list[Decimal]) -> Decimal:
    # by integers: a decimal context would round to its precision
    return exact(sum(_units(amount) for amount in amounts))


def _units(amount: Decimal) -> int:
    sign, digits, exponent = amount.as_tuple()
    whole = int("".join(map(str, digits)) + "0" * (int(exponent) + MOST_DECIMALS))
    return -whole if sign else whole
