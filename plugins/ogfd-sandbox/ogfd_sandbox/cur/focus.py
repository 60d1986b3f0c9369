"""
The same lines as charges of FOCUS 1.0 and 1.2, as AWS maps them.

Usage under a commitment is billed nothing and costs its share of the commitment; negations are left
out. The fee of a commitment is a purchase that costs nothing, beside a charge for what is unused.
https://docs.aws.amazon.com/cur/latest/userguide/table-dictionary-focus-1-2-aws-columns.html
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from ogfd_sandbox.cur.book import LineType
from ogfd_sandbox.cur.cells import Page
from ogfd_sandbox.cur.columns import COLUMNS
from ogfd_sandbox.cur.numbers import Numbers

_FOCUS10: Final = """
    AvailabilityZone BilledCost BillingAccountId BillingAccountName BillingCurrency BillingPeriodEnd
    BillingPeriodStart ChargeCategory ChargeClass ChargeDescription ChargeFrequency ChargePeriodEnd
    ChargePeriodStart CommitmentDiscountCategory CommitmentDiscountId CommitmentDiscountName
    CommitmentDiscountStatus CommitmentDiscountType ConsumedQuantity ConsumedUnit ContractedCost
    ContractedUnitPrice EffectiveCost InvoiceIssuerName ListCost ListUnitPrice PricingCategory
    PricingQuantity PricingUnit ProviderName PublisherName RegionId RegionName ResourceId
    ResourceName ResourceType ServiceCategory ServiceName SkuId SkuPriceId SubAccountId
    SubAccountName Tags x_Discounts x_Operation x_ServiceCode
"""
_ONLY_10: Final = ("x_CostCategories", "x_UsageType")
_ONLY_12: Final = """
    BillingAccountType CapacityReservationId CapacityReservationStatus CommitmentDiscountQuantity
    CommitmentDiscountUnit InvoiceId PricingCurrency PricingCurrencyContractedUnitPrice
    PricingCurrencyEffectiveCost PricingCurrencyListUnitPrice ServiceSubcategory SkuMeter
    SkuPriceDetails SubAccountType
"""
COLUMNS_1_0: Final = tuple(sorted([*_FOCUS10.split(), *_ONLY_10]))
COLUMNS_1_2: Final = tuple(sorted([*_FOCUS10.split(), *_ONLY_12.split()]))

_TAGS: Final = {
    column: column.removeprefix("resourceTags/")
    for column in COLUMNS
    if column.startswith("resourceTags/")
}
_CATEGORIES: Final = {
    column: column.removeprefix("costCategory/")
    for column in COLUMNS
    if column.startswith("costCategory/")
}
_MAPS: Final[Mapping[str, tuple[str, Mapping[str, str]]]] = {
    "Tags": ("tags", {**_TAGS, **{column: column for column in _CATEGORIES}}),
    "x_CostCategories": ("tags", _CATEGORIES),
    "SkuPriceDetails": ("template", {"product/instanceType": "InstanceType"}),
}
_AS_THEY_ARE: Final[Mapping[str, str]] = {
    "AvailabilityZone": "lineItem/AvailabilityZone",
    "BillingAccountId": "bill/PayerAccountId",
    "BillingCurrency": "lineItem/CurrencyCode",
    "ChargeDescription": "lineItem/LineItemDescription",
    "ConsumedUnit": "pricing/unit",
    "InvoiceId": "bill/InvoiceId",
    "PricingCurrency": "pricing/currency",
    "PricingUnit": "pricing/unit",
    "RegionId": "product/region",
    "RegionName": "product/location",
    "ResourceId": "lineItem/ResourceId",
    "ServiceName": "product/ProductName",
    "SkuId": "product/sku",
    "SkuMeter": "lineItem/UsageType",
    "SkuPriceId": "pricing/RateCode",
    "SubAccountId": "lineItem/UsageAccountId",
    "x_Operation": "lineItem/Operation",
    "x_ServiceCode": "lineItem/ProductCode",
    "x_UsageType": "lineItem/UsageType",
}
_TIMES: Final[Mapping[str, str]] = {
    "BillingPeriodEnd": "bill/BillingPeriodEndDate",
    "BillingPeriodStart": "bill/BillingPeriodStartDate",
    "ChargePeriodEnd": "lineItem/UsageEndDate",
    "ChargePeriodStart": "lineItem/UsageStartDate",
}
_FEES: Final = (LineType.PLAN_FEE, LineType.RESERVATION_FEE)
_USED: Final = (LineType.COVERED, LineType.DISCOUNTED)
_CHARGES: Final[Mapping[LineType, str]] = {
    **dict.fromkeys((LineType.USAGE, *_USED, LineType.EDP), "Usage"),
    **dict.fromkeys((*_FEES, LineType.FEE), "Purchase"),
    LineType.TAX: "Tax",
    LineType.CREDIT: "Credit",
    LineType.REFUND: "Adjustment",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Charged:
    """
    The charges of some lines.

    Attributes:
        page: the lines.
        chosen: the line of each charge.
        unused: which charges are for the unused part of a commitment.
        billed: what is invoiced.
        effective: what it costs when commitments are spread.
    """

    page: Page
    chosen: npt.NDArray[np.int64]
    unused: npt.NDArray[np.bool_]
    billed: Numbers
    effective: Numbers

    def words(self, meanings: Mapping[LineType, str], unused: str | None) -> pa.Array:
        """Return a text by line type, *unused* for unused commitments."""
        kinds = [meanings.get(one.line_type) for one in self.page.book.templates.all]
        named = pa.array(kinds, pa.string()).take(pa.array(self.page.lines.template[self.chosen]))
        return pc.if_else(pa.array(self.unused), unused, named)


def focus_table(page: Page, columns: tuple[str, ...], *, as_text: bool) -> pa.Table:
    """Return *page* as FOCUS; *as_text*: for CSV, where maps are JSON and numbers exact."""
    charged = _charged(page)
    return pa.table({name: _column(charged, name, as_text=as_text) for name in columns})


def _charged(page: Page) -> Charged:
    lines, book = page.lines, page.book
    fees = np.flatnonzero(lines.of_type(book, *_FEES))
    kept = np.flatnonzero(~lines.of_type(book, LineType.NEGATION))
    chosen = np.concatenate([kept, fees])
    unused = np.arange(len(chosen)) >= len(kept)
    here = lines.take(chosen)
    none = Numbers.zeros(len(chosen))
    left = (here.first + here.second).where(
        here.of_type(book, LineType.RESERVATION_FEE), here.first + -here.second
    )
    spread = here.first.where(here.of_type(book, *_USED), here.cost)
    return Charged(
        page=page,
        chosen=chosen,
        unused=unused,
        billed=none.where(unused | here.of_type(book, LineType.COVERED), here.cost),
        effective=left.where(unused, none.where(here.of_type(book, *_FEES), spread)),
    )


def _column(charged: Charged, name: str, *, as_text: bool) -> pa.Array:
    page, chosen = charged.page, pa.array(charged.chosen)
    if name in _WORDS:
        return charged.words(*_WORDS[name])
    if name in _AMOUNTS:
        texts = _AMOUNTS[name](charged)
        return texts if as_text else texts.cast(pa.float64())
    if name in _MAPS:
        home, keys = _MAPS[name]
        return page.labels(home, keys, as_json=as_text).take(chosen)
    if name in _TIMES and not as_text:
        return page.instant(_TIMES[name]).take(chosen)
    return page.text({**_TIMES, **_AS_THEY_ARE}.get(name, "")).take(chosen)


def _consumed(charged: Charged) -> pa.Array:
    usage = charged.words(dict.fromkeys((LineType.USAGE, *_USED), "used"), None)
    amounts = charged.page.text("lineItem/UsageAmount").take(pa.array(charged.chosen))
    return pc.if_else(usage.is_valid(), amounts, None)


_AMOUNTS: Final[Mapping[str, Callable[[Charged], pa.Array]]] = {
    "BilledCost": lambda charged: charged.billed.texts(),
    "EffectiveCost": lambda charged: charged.effective.texts(),
    "ConsumedQuantity": _consumed,
}
_WORDS: Final[Mapping[str, tuple[Mapping[LineType, str], str | None]]] = {
    "ChargeCategory": (_CHARGES, "Usage"),
    "ChargeClass": ({LineType.REFUND: "Correction"}, None),
    "CommitmentDiscountStatus": (dict.fromkeys(_USED, "Used"), "Unused"),
    "ProviderName": (dict.fromkeys(LineType, "AWS"), "AWS"),
}
