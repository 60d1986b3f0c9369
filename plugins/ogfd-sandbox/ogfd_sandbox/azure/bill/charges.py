"""Charges that are no usage: Marketplace, support, refunds, rounding, taxes and credits."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Final

import numpy as np

from ogfd_sandbox.azure.bill.amounts import exact, sums
from ogfd_sandbox.azure.bill.book import USED, Book, Entry, Kind, Subscription
from ogfd_sandbox.azure.bill.catalog import charge
from ogfd_sandbox.azure.bill.commitments import Charge
from ogfd_sandbox.azure.bill.lines import Lines
from ogfd_sandbox.azure.bill.settings import AzureSettings

_MARKETPLACE_PRICE: Final = Decimal("49.99")
_SUPPORT_PRICE: Final = Decimal(100)
_TAX: Final = Decimal("0.19")
_CREDIT: Final = Decimal("-0.02")
_CENT: Final = Decimal("0.01")
_ONE: Final = Decimal(1)


def charges(
    settings: AzureSettings, book: Book, days: int, lines: Lines, random: np.random.Generator
) -> Iterator[Charge]:
    """Yield the charges of a month whose usage is *lines*."""
    for subscription in book.subscriptions:
        yield _priced(Kind.PURCHASE, subscription, _MARKETPLACE_PRICE, "Acme Firewall Ltd"), 0, _ONE
    for profile in book.profiles:
        first = next(one for one in book.subscriptions if one.profile is profile)
        yield _priced(Kind.PURCHASE, first, _SUPPORT_PRICE), 0, _ONE
        pence = Decimal(int(random.integers(1, 10**6))).scaleb(-10)
        off = -pence if profile is book.profiles[0] else pence
        rounding = _priced(Kind.ROUNDING, first, off)
        yield replace(rounding, subscription=None), days - 1, _ONE
    few = max(2, settings.rows // 2_000)
    refunded = lines.take(random.integers(len(lines), size=few))
    for entry, day in zip(refunded.entry.tolist(), refunded.day.tolist(), strict=True):
        yield refund(book.entries[entry]), day, -_ONE
    if settings.taxes_and_credits:
        yield from _invoiced(book, days, lines)


def refund(entry: Entry) -> Entry:
    """Return the refund of units of *entry* at their price; nothing of a commitment."""
    price = entry.contracted
    return replace(entry, kind=Kind.REFUND, benefit=None, paid=price, effective=price)


def spending(entries: Sequence[Entry], lines: Lines) -> dict[str, Decimal]:
    """Return what each subscription's usage costs on demand, in dollars."""
    ids = sorted({entry.subscription_id for entry in entries})
    numbers = np.array([ids.index(entry.subscription_id) for entry in entries], np.int64)
    used = lines.take(np.array([entry.kind in USED for entry in entries])[lines.entry])
    spent = sums(used.cost(entries, "paid", billed=False), numbers[used.entry])
    return {ids[number]: exact(amount) for number, amount in spent.items()}


def _invoiced(book: Book, days: int, lines: Lines) -> Iterator[Charge]:
    spent = spending(book.entries, lines)
    for subscription in book.subscriptions:
        amount = spent.get(subscription.id, Decimal(0))
        for kind, share in ((Kind.TAX, _TAX), (Kind.CREDIT, _CREDIT)):
            yield _priced(kind, subscription, (amount * share).quantize(_CENT)), days - 1, _ONE


def _priced(
    kind: Kind, subscription: Subscription, price: Decimal, publisher: str = "Microsoft"
) -> Entry:
    if publisher != "Microsoft":
        offer = charge("Unassigned", "Unassigned", "0 Unassigned")
    elif kind is Kind.PURCHASE:
        offer = charge("Support", "Azure Support - Standard", "1/Month", "Units/Month")
    else:
        offer = charge("", "", "")
    return Entry(
        kind=kind,
        offer=offer,
        profile=subscription.profile,
        subscription=subscription,
        publisher=publisher,
        listed=price,
        contracted=price,
        paid=price,
        effective=price,
    )
