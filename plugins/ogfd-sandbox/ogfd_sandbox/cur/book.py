"""
The dictionaries of a customer: who uses what where, and how AWS words it.

A row of a report is a few numbers and indices into these dictionaries; a dictionary entry maps
columns to cells. Books depend on the settings alone, so all months share accounts and resources.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Final

import numpy as np
import numpy.typing as npt

from ogfd_sandbox.cur import wording
from ogfd_sandbox.cur.catalog import OFFERS, REGIONS, Offer, Region
from ogfd_sandbox.cur.numbers import Numbers
from ogfd_sandbox.cur.settings import CurSettings

Index = npt.NDArray[np.int32]


class LineType(StrEnum):
    """``lineItem/LineItemType``."""

    USAGE = "Usage"
    COVERED = "SavingsPlanCoveredUsage"
    NEGATION = "SavingsPlanNegation"
    PLAN_FEE = "SavingsPlanRecurringFee"
    DISCOUNTED = "DiscountedUsage"
    RESERVATION_FEE = "RIFee"
    EDP = "EdpDiscount"
    CREDIT = "Credit"
    REFUND = "Refund"
    FEE = "Fee"
    TAX = "Tax"


UNDER_COMMITMENT: Final = (LineType.COVERED, LineType.NEGATION, LineType.DISCOUNTED)
_PAID_SHARE: Final = {LineType.COVERED: Decimal("0.72"), LineType.DISCOUNTED: Decimal("0.61")}


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """
    How AWS words one kind of line.

    Attributes:
        line_type: its type.
        code: its product code.
        cells: the columns that all such lines share.
        listed: the on-demand rate; zero where there is none.
        paid: the rate under the commitment; zero where there is none.
    """

    line_type: LineType
    code: str
    cells: wording.Cells
    listed: Decimal = Decimal(0)
    paid: Decimal = Decimal(0)


class Templates:
    """Templates by number, each kept once."""

    def __init__(self) -> None:
        self.all: list[Template] = []
        self._numbers: dict[tuple[LineType, str], int] = {}

    def usage(self, line_type: LineType, offer: Offer, region: Region) -> int:
        """Return the number of the template for usage of *offer*, on demand or committed."""
        place = (line_type, wording.offer_key(offer, region))
        if place not in self._numbers:
            self._numbers[place] = self._add(_usage(line_type, offer, region))
        return self._numbers[place]

    def charge(self, line_type: LineType, code: str, name: str, cells: wording.Cells) -> int:
        """Return the number of the template for a charge on product *code* that is no usage."""
        place = (line_type, code)
        if place not in self._numbers:
            words = {
                "bill/BillingEntity": "AWS",
                "lineItem/ProductCode": code,
                "lineItem/LineItemType": line_type,
                "lineItem/LegalEntity": wording.SELLER,
                "product/ProductName": name,
                **cells,
            }
            self._numbers[place] = self._add(Template(line_type=line_type, code=code, cells=words))
        return self._numbers[place]

    def rates(self, which: str) -> Numbers:
        """Return the rate ``listed`` or ``paid`` of every template."""
        return Numbers.of([getattr(template, which) for template in self.all])

    def _add(self, template: Template) -> int:
        self.all.append(template)
        return len(self.all) - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """Usage of one offer in one region by one account: template and account, by number."""

    usage: Index
    account: Index


@dataclass(frozen=True, slots=True, kw_only=True)
class Book:
    """
    All dictionaries of a customer.

    Attributes:
        templates: kinds of lines.
        accounts: cells of each account; the first pays.
        places: cells of each resource; number 0 names none, so resource *n* is place *n* + 1.
        tags: cells of each set of tags; number 0 is untagged.
        commitments: cells of no commitment, of the savings plan and of the reservation.
        series: who uses what.
        resource_series: resource to series.
        resource_tags: resource to set of tags.
        shapes: template of usage to its offer.
        variants: template of usage to that of the same usage under a commitment, by type.
    """

    templates: Templates
    accounts: tuple[wording.Cells, ...]
    places: tuple[wording.Cells, ...]
    tags: tuple[wording.Cells, ...]
    commitments: tuple[wording.Cells, ...]
    series: Series
    resource_series: Index
    resource_tags: Index
    shapes: Mapping[int, Offer]
    variants: Mapping[int, Mapping[LineType, int]]

    def account_id(self, number: int) -> str:
        """Return the id of account *number*."""
        return self.accounts[number]["lineItem/UsageAccountId"]

    def currency(self, number: int) -> str:
        """Return the currency of account *number*."""
        return self.accounts[number]["lineItem/CurrencyCode"]


def make_book(settings: CurSettings) -> Book:
    """Return the customer of *settings*."""
    random = settings.random("book")
    accounts = wording.accounts(settings.accounts, settings.currencies, random)
    ids = [cells["lineItem/UsageAccountId"] for cells in accounts]
    bought = _bought(settings.series_count, random)
    templates = Templates()
    usage = [templates.usage(LineType.USAGE, offer, region) for offer, region in bought]
    account = random.integers(len(accounts), size=len(bought), dtype=np.int32)
    resource_series = _resource_series(len(bought), settings.resource_count, random)
    suffixes = random.bytes(8 * len(resource_series)).hex()
    places = [
        wording.resource(offer, region, ids[account[series]], suffixes[16 * n : 16 * n + 16])
        for n, series in enumerate(resource_series.tolist())
        for offer, region in (bought[series],)
    ]
    tags = wording.tag_sets()
    return Book(
        templates=templates,
        accounts=accounts,
        places=({}, *places),
        tags=tags,
        commitments=wording.commitments(ids[0]),
        series=Series(usage=np.array(usage, np.int32), account=account),
        resource_series=resource_series,
        resource_tags=random.integers(len(tags), size=len(places), dtype=np.int32),
        shapes={number: offer for number, (offer, _) in zip(usage, bought, strict=True)},
        variants={
            number: {kind: templates.usage(kind, offer, region) for kind in UNDER_COMMITMENT}
            for number, (offer, region) in zip(usage, bought, strict=True)
            if offer.instance is not None
        },
    )


def _bought(count: int, random: np.random.Generator) -> list[tuple[Offer, Region]]:
    offers = np.concatenate([np.arange(len(OFFERS)), random.integers(len(OFFERS), size=count)])
    regions = random.integers(len(REGIONS), size=count)
    pairs = zip(offers[:count].tolist(), regions.tolist(), strict=True)
    return [(OFFERS[offer], REGIONS[region]) for offer, region in pairs]


def _resource_series(series: int, resources: int, random: np.random.Generator) -> Index:
    more = resources - series
    # the product of two draws is small more often than not: few series are busy
    busy = random.random(more) * random.random(more) * series
    return np.concatenate([np.arange(series), busy.astype(np.int64)]).astype(np.int32)


def _usage(line_type: LineType, offer: Offer, region: Region) -> Template:
    cells = {**wording.usage(offer, region), "lineItem/LineItemType": str(line_type)}
    listed = wording.listed_rate(offer, region)
    paid = (listed * _PAID_SHARE.get(line_type, Decimal(0))).normalize()
    match line_type:
        case LineType.COVERED:
            cells["savingsPlan/SavingsPlanRate"] = f"{paid:f}"
        case LineType.DISCOUNTED:
            cells["lineItem/UnblendedRate"] = "0.0"
            cells["pricing/term"] = "Reserved"
        case LineType.NEGATION:
            what = f"{offer.usage_type}, {region.name}"
            cells["lineItem/LineItemDescription"] = f"SavingsPlanNegation used by UsageSku : {what}"
        case _:
            pass
    return Template(line_type=line_type, code=offer.code, cells=cells, listed=listed, paid=paid)
