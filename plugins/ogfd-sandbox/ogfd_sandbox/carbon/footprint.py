"""Emissions of a month by account, region and service, in whole grams, so that sums are exact."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Final, Literal

import numpy as np

from ogfd_sandbox.cur import CurSettings, Month
from ogfd_sandbox.cur.book import make_book
from ogfd_sandbox.cur.catalog import MARKETPLACE

MODEL: Final = "v3.0.0"
GLOBAL: Final = "Global"
Dimension = Literal["account_id", "region", "service"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """
    What one account emitted by one service in one region, in grams of CO2 equivalent.

    A gram is the finest that AWS reports: 0.000001 metric tons.
    """

    account_id: str
    region: str
    service: str
    scope1: int
    scope2_lbm: int
    scope2_mbm: int
    scope3_lbm: int
    scope3_mbm: int

    def grams(self) -> dict[str, int]:
        """Return the grams of every emissions type of the service."""
        return {
            "TOTAL_LBM_CARBON_EMISSIONS": self.scope1 + self.scope2_lbm + self.scope3_lbm,
            "TOTAL_MBM_CARBON_EMISSIONS": self.scope1 + self.scope2_mbm + self.scope3_mbm,
            "TOTAL_SCOPE_1_CARBON_EMISSIONS": self.scope1,
            "TOTAL_SCOPE_2_LBM_CARBON_EMISSIONS": self.scope2_lbm,
            "TOTAL_SCOPE_2_MBM_CARBON_EMISSIONS": self.scope2_mbm,
            "TOTAL_SCOPE_3_LBM_CARBON_EMISSIONS": self.scope3_lbm,
            "TOTAL_SCOPE_3_MBM_CARBON_EMISSIONS": self.scope3_mbm,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Footprint:
    """
    The emissions of one month.

    Attributes:
        payer: the account that asks, and pays for the others.
        model: version of the carbon model that computed all of the month.
        parts: one for each account, region and service.
    """

    payer: str
    month: Month
    model: str
    parts: tuple[Part, ...]

    def kg(self) -> dict[str, Decimal]:
        """Return the exact kilograms by emissions type."""
        return _kilograms(self.parts)

    def kg_by(self, *dimensions: Dimension) -> dict[tuple[str, ...], dict[str, Decimal]]:
        """Return the exact kilograms by *dimensions*, then by emissions type."""
        groups: dict[tuple[str, ...], list[Part]] = {}
        for part in self.parts:
            groups.setdefault(tuple(getattr(part, name) for name in dimensions), []).append(part)
        return {key: _kilograms(parts) for key, parts in sorted(groups.items())}


def footprint(settings: CurSettings, month: Month, *, model: str = MODEL) -> Footprint:
    """Return what the customer of *settings* emitted in *month*; the same at every call."""
    book = make_book(settings)
    users = {
        (book.account_id(account), template.cells.get("product/region", ""), template.code)
        for usage, account in zip(
            book.series.usage.tolist(), book.series.account.tolist(), strict=True
        )
        for template in (book.templates.all[usage],)
        if template.code != MARKETPLACE  # other people's services are in nobody's report
    }
    random = settings.random("carbon", month)
    parts = [_part(account, region, service, random) for account, region, service in sorted(users)]
    return Footprint(payer=book.account_id(0), month=month, model=model, parts=tuple(parts))


def recompute(before: Footprint, model: str) -> Footprint:
    """Return the same month by a newer *model*: an eighth more of scope 3, less of scope 2."""
    parts = tuple(
        replace(
            part,
            scope2_lbm=part.scope2_lbm * 15 // 16,
            scope3_lbm=part.scope3_lbm * 9 // 8,
            scope3_mbm=part.scope3_mbm * 9 // 8,
        )
        for part in before.parts
    )
    return replace(before, model=model, parts=parts)


def _part(account: str, region: str, service: str, random: np.random.Generator) -> Part:
    power = int(random.integers(0, 400_000)) if random.random() > 0.1 else 0
    renewable = int(random.integers(0, 101))
    embodied = power // 3 + int(random.integers(0, 9_000))
    return Part(
        account_id=account,
        region=GLOBAL if region == "global" else region,
        service=service,
        scope1=power // 97,
        scope2_lbm=power,
        scope2_mbm=power * (100 - renewable) // 100,
        scope3_lbm=embodied + power // 11,
        scope3_mbm=embodied + power * (100 - renewable) // 1100,
    )


def _kilograms(parts: Iterable[Part]) -> dict[str, Decimal]:
    found: dict[str, int] = {}
    for part in parts:
        for kind, grams in part.grams().items():
            found[kind] = found.get(kind, 0) + grams
    return {kind: Decimal(grams) / 1000 for kind, grams in found.items()}
