"""
What reservations and savings plans pay for, what they leave unused and what they cost.

Every billing profile has one of each. A reservation covers so many hours a day, paid for a year
ahead; a savings plan covers so many dollars a day, paid month by month.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from typing import Final

import numpy as np

from ogfd_sandbox.azure.bill.amounts import exact, sums
from ogfd_sandbox.azure.bill.book import Benefit, Book, Entry, Kind
from ogfd_sandbox.azure.bill.catalog import APPLIANCES, RESERVABLE, Offer, charge
from ogfd_sandbox.azure.bill.lines import Lines
from ogfd_sandbox.azure.bill.settings import AzureSettings
from ogfd_sandbox.cur.numbers import Numbers

_TEN_DECIMALS: Final = Decimal("1E-10")
_YEAR_DAYS: Final = 365
_PURCHASE_DAY: Final = 4

Charge = tuple[Entry, int, Decimal]
"""An entry, the day of the month from 0, and the quantity."""


def cover(settings: AzureSettings, book: Book, lines: Lines, random: np.random.Generator) -> Lines:
    """Return the same usage, some of it under a commitment now."""
    draw = random.random(len(lines))
    covered = book.covered[lines.entry]
    sizes = np.array([entry.offer.machine == RESERVABLE for entry in book.entries])[lines.entry]
    share = np.where(sizes, settings.reserved_share, settings.plan_share)
    chosen = (covered >= 0) & (draw < share) & (lines.metered.coefficient > 0)
    return replace(lines, entry=np.where(chosen, covered, lines.entry))


def commit(book: Book, days: int, lines: Lines) -> Iterator[Charge]:
    """Yield what the commitments leave unused of their capacity, and their purchases."""
    for benefit in book.benefits:
        reservation = bool(benefit.reservation_id)
        used = _used(book, lines, benefit, days)
        daily = max(used).to_integral_value() + 1
        unused = Entry(
            kind=Kind.UNUSED_RESERVATION if reservation else Kind.UNUSED_PLAN,
            offer=_meter(reservation=reservation),
            profile=benefit.profile,
            benefit=benefit,
            effective=benefit.price,
        )
        for day, amount in enumerate(used):
            yield unused, day, daily - amount
        ahead = _YEAR_DAYS if reservation else days
        yield _purchase(book, benefit, daily * benefit.price * ahead), _PURCHASE_DAY, Decimal(1)


def _used(book: Book, lines: Lines, benefit: Benefit, days: int) -> list[Decimal]:
    """Return the hours under a reservation, or the dollars under a savings plan, of each day."""
    mine = np.array([entry.benefit is benefit for entry in book.entries])[lines.entry]
    some = lines.take(mine)
    if benefit.reservation_id:
        amounts: Numbers = some.metered
    else:
        amounts = some.cost(book.entries, "effective", billed=False)
    by_day = sums(amounts, some.day.astype(np.int64))
    return [exact(by_day.get(day, 0)).quantize(_TEN_DECIMALS) for day in range(days)]


def _purchase(book: Book, benefit: Benefit, price: Decimal) -> Entry:
    reservation = bool(benefit.reservation_id)
    buyer = next(one for one in book.subscriptions if one.profile is benefit.profile)
    return Entry(
        kind=Kind.RESERVATION if reservation else Kind.PLAN,
        offer=_meter(reservation=reservation),
        profile=benefit.profile,
        subscription=buyer,
        benefit=benefit,
        contracted=price,
        paid=price,
    )


def _meter(*, reservation: bool) -> Offer:
    if reservation:
        return APPLIANCES[0].offers[0]
    return charge("Azure Savings Plan", "Compute savings plan", "1 Hour", "Hours")
