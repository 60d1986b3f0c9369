"""Lines that are no usage: taxes, support, discounts, credits and refunds."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Final

import numpy as np

from ogfd_sandbox.cur.book import Book, LineType
from ogfd_sandbox.cur.lines import Lines
from ogfd_sandbox.cur.numbers import Numbers, exact
from ogfd_sandbox.cur.settings import CurSettings, Month

SUPPORT: Final = "AWSSupportBusiness"
_CENT: Final = Decimal("0.01")
_TEN_DECIMALS: Final = Decimal("1E-10")
_ACCOUNTS: Final = 2**20

Spent = tuple[int, str, str, Decimal]
"""An account, a product code, the product's name, and what it cost there."""


def charge(
    settings: CurSettings, book: Book, month: Month, lines: Lines, random: np.random.Generator
) -> Lines:
    """Return the charges that the usage in *lines* brings about, the larger before the smaller."""
    spent = spending(book, lines)
    hours = 24 * month.days
    few, fewer = max(1, settings.rows // 40), min(40, max(1, settings.rows // 2_000))
    credited = [spent[place] for place in random.integers(len(spent), size=fewer).tolist()]
    return Lines.concat(
        [
            _charges(book, LineType.TAX, spent[:few], Decimal("0.08"), hours),
            _charges(book, LineType.EDP, spent[:few], Decimal("-0.03"), hours),
            _charges(book, LineType.CREDIT, credited, Decimal("-0.01"), hours),
            _refunds(book, credited),
            _support(book, spent, hours),
        ]
    )


def credit(book: Book, lines: Lines, month: Month, share: Decimal) -> Lines:
    """Return one credit over *share* of what was spent most on."""
    best = spending(book, lines)[:1]
    return _charges(book, LineType.CREDIT, best, -share, 24 * month.days)


def spending(book: Book, lines: Lines) -> list[Spent]:
    """Return what each account spent on the usage of each product, most first."""
    used = lines.take(lines.of_type(book, LineType.USAGE))
    names = {
        template.code: template.cells["product/ProductName"] for template in book.templates.all
    }
    codes = sorted(names)
    place = np.array([codes.index(template.code) for template in book.templates.all], np.int64)
    sums = used.cost.sums(place[used.template] * _ACCOUNTS + used.account)
    found = [
        (key % _ACCOUNTS, codes[key // _ACCOUNTS], names[codes[key // _ACCOUNTS]], exact(units))
        for key, units in sums.items()
    ]
    return sorted(found, key=lambda spent: (-spent[3], spent[0], spent[1]))


def _charges(
    book: Book, line_type: LineType, spent: Sequence[Spent], share: Decimal, hours: int
) -> Lines:
    unit = _CENT if line_type is LineType.TAX else _TEN_DECIMALS
    templates = [
        book.templates.charge(line_type, code, name, _words(line_type, code))
        for _, code, name, _ in spent
    ]
    accounts = [account for account, _, _, _ in spent]
    amounts = Numbers.of([(amount * share).quantize(unit) for *_, amount in spent])
    return Lines.charges(templates, accounts, [0] * len(spent), hours, amounts)


def _refunds(book: Book, spent: Sequence[Spent]) -> Lines:
    """Refunds of usage in the last hours of the month before; this month bills them."""
    refunds = _charges(book, LineType.REFUND, spent, Decimal("-0.002"), 1)
    refunds.start[:] = -1 - np.arange(len(refunds)) % 20
    return refunds


def _support(book: Book, spent: Sequence[Spent], hours: int) -> Lines:
    total = sum((amount for *_, amount in spent), Decimal(0))
    support: Spent = (0, SUPPORT, "AWS Support (Business)", total)
    return _charges(book, LineType.FEE, [support], Decimal("0.1"), hours)


def _words(line_type: LineType, code: str) -> dict[str, str]:
    match line_type:
        case LineType.TAX:
            return {
                "lineItem/LineItemDescription": f"Tax for product code {code}",
                "lineItem/TaxType": "VAT",
            }
        case LineType.EDP:
            return {"lineItem/LineItemDescription": "Enterprise discount, 3 %"}
        case LineType.CREDIT:
            return {
                "lineItem/LineItemDescription": 'Credit "Migration, phase 2"\nsee your letter',
                "lineItem/UsageType": "Credit",
            }
        case LineType.REFUND:
            return {"lineItem/LineItemDescription": f"Refund for usage of {code}"}
        case _:
            return {
                "lineItem/LineItemDescription": "10% of monthly AWS usage for the first $0-$10K",
                "lineItem/UsageType": "Dollar",
                "product/productFamily": "Support",
            }
