"""
A seeded generator of the carbon footprint export, with its own exact truth.

    first = assemble(FootprintSettings(first=Month(2025, 12), months=2))
    bigquery.set_table(first.table, first.rows)
    second = restate(first, Month(2025, 12))        # a backfill after a correction of Google's
    bigquery.set_table(second.table, second.rows)   # only that month's partition has changed
    second.total("location_based", "billing_account_id")

Columns and oddities: https://docs.cloud.google.com/carbon-footprint/docs/data-schema and its release
notes, 2026: market-based emissions from 2023 on, projects in two rows until December 2023, wholly
equal rows after a backfill in autumn 2022, no location before model 10. A kilogram has six decimals,
so that sums of what is read as NUMERIC are exact.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, Final, Literal

import numpy as np
import pyarrow as pa

from ogfd_sandbox.bigquery.bill.offers import SERVICES, Service
from ogfd_sandbox.bigquery.customer import (
    DELETED,
    NOWHERE,
    PLACES,
    Place,
    Project,
    billing_account,
    projects,
    random_of,
)
from ogfd_sandbox.bigquery.tables import Partitioning, Table
from ogfd_sandbox.cur.settings import Month

TABLE: Final = Table(
    name="carbon_footprint",
    dataset="carbon",
    partitioning=Partitioning(unit="MONTH", field="usage_month"),
)
_FIRST: Final = Month(2026, 1)
_MARKET_FROM: Final = Month(2023, 1)
_MODEL: Final = 14
_MICRO: Final = 10**6

Shape = Literal["2022", "2024", "2026"]
Dimension = Literal[
    "billing_account_id", "month", "project_number", "service_id", "location", "region"
]
Measure = Literal["scope1", "scope2_location", "scope2_market", "scope3"]
Method = Literal["location_based", "market_based"]


@dataclass(frozen=True, slots=True, kw_only=True)
class FootprintSettings:
    """
    What shapes a footprint. Equal settings give equal rows.

    Attributes:
        seed: any whole number.
        first: month.
        months: how many.
        billing_accounts: in the one table.
        projects: living ones of each account; there is a deleted one too, and none.
        market_from: months before it have no market-based emissions.
        splits: parts of a month that lie in two rows, one of which lacks the project's id.
        duplicates: rows of a month that are there twice.
        shape: ``2022`` has columns for offsets, has zeros for market-based emissions that are not
            there, and lacks some locations; ``2024`` has the columns, and NULL; ``2026`` lacks them.
    """

    seed: int = 1
    first: Month = _FIRST
    months: int = 3
    billing_accounts: int = 2
    projects: int = 3
    market_from: Month = _MARKET_FROM
    splits: int = 2
    duplicates: int = 2
    shape: Shape = "2026"


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """
    What a correct reader makes of one part of a month, in millionths of a kilogram.

    Attributes:
        split: how much of each measure lies in a row of its own, in percent; 0: it is one row.
        copies: how often each row is there.
    """

    billing_account_id: str
    month: Month
    project: Project
    service_id: str
    service: str
    location: str | None
    region: str | None
    model_version: int
    scope1: int
    scope2_location: int
    scope2_market: int | None
    scope3: int
    split: int = 0
    copies: int = 1

    @property
    def project_number(self) -> str:
        """Of the project; empty if there is none."""
        return self.project.number

    @property
    def location_based(self) -> int:
        """All scopes, by location."""
        return self.scope1 + self.scope2_location + self.scope3

    @property
    def market_based(self) -> int | None:
        """All scopes, by market; None where Google has none."""
        if self.scope2_market is None:
            return None
        return self.scope1 + self.scope2_market + self.scope3


@dataclass(frozen=True, slots=True, kw_only=True)
class Footprint:
    """A generated table: its rows, and its parts, which are the truth."""

    settings: FootprintSettings
    parts: tuple[Part, ...]

    @property
    def table(self) -> Table:
        """The table as Google makes it."""
        return TABLE

    @property
    def rows(self) -> pa.Table:
        """The rows, splits and duplicates among them, in an order of no meaning."""
        found = [row for part in self.parts for row in _rows(part, self.settings.shape)]
        order = random_of(self.settings.seed, "order", len(found)).permutation(len(found))
        schema = _schema(self.settings.shape)
        return pa.Table.from_pylist([found[place] for place in order], schema)

    def of_month(self, month: Month) -> tuple[Part, ...]:
        """Return the parts of *month*."""
        return tuple(part for part in self.parts if part.month == month)

    def total(
        self, measure: Measure | Method, *dimensions: Dimension
    ) -> dict[tuple[Any, ...], Decimal | None]:
        """Return kilograms by *dimensions*; None where no part has any."""
        sums: dict[tuple[Any, ...], int | None] = {}
        for part in self.parts:
            key = tuple(getattr(part, dimension) for dimension in dimensions)
            value, before = getattr(part, measure), sums.get(key)
            sums[key] = before if value is None else (before or 0) + value
        return {
            key: None if value is None else Decimal(value) / _MICRO for key, value in sums.items()
        }


def assemble(settings: FootprintSettings) -> Footprint:
    """Generate a footprint."""
    parts = [
        part
        for place in range(settings.months)
        for part in _month(settings, settings.first.plus(place))
    ]
    return Footprint(settings=settings, parts=tuple(parts))


def restate(
    footprint: Footprint,
    month: Month,
    *,
    billing_accounts: Iterable[str] | None = None,
    model_version: int | None = None,
) -> Footprint:
    """
    Return the footprint after a backfill of *month*.

    Args:
        footprint: before.
        month: what is backfilled.
        billing_accounts: whose rows change; all if None.
        model_version: of the new rows; the old one if None, as Google has it at times.
    """
    chosen = None if billing_accounts is None else set(billing_accounts)
    random = random_of(footprint.settings.seed, "restate", month)
    parts = []
    for part in footprint.parts:
        if part.month != month or (chosen is not None and part.billing_account_id not in chosen):
            parts.append(part)
            continue
        factor = int(random.integers(80, 120))
        market = part.scope2_market
        parts.append(
            replace(
                part,
                model_version=model_version or part.model_version,
                scope1=part.scope1 * factor // 100,
                scope2_location=part.scope2_location * factor // 100 + 1,
                scope2_market=None if market is None else market * factor // 100,
                scope3=part.scope3 * factor // 100,
                split=0,
                copies=1,
            )
        )
    return replace(footprint, parts=tuple(parts))


def _month(settings: FootprintSettings, month: Month) -> list[Part]:
    random = random_of(settings.seed, "month", month)
    parts = [
        _part(settings, random, month, who=(billing_account(account), project), what=what)
        for account in range(settings.billing_accounts)
        for project in (*projects(settings.projects), DELETED, NOWHERE)
        for service in SERVICES
        for what in ((service, PLACES[at]) for at in random.choice(len(PLACES), 2, replace=False))
    ]
    named = [place for place, part in enumerate(parts) if part.project.id is not None]
    for place in random.choice(named, settings.splits, replace=False):
        parts[place] = replace(parts[place], split=int(random.integers(20, 80)))
    for place in random.choice(len(parts), settings.duplicates, replace=False):
        parts[place] = replace(parts[place], copies=2)
    return parts


def _part(
    settings: FootprintSettings,
    random: np.random.Generator,
    month: Month,
    *,
    who: tuple[str, Project],
    what: tuple[Service, Place],
) -> Part:
    scope1, location, market, scope3 = (
        int(random.integers(1, most * _MICRO)) for most in (2, 400, 150, 90)
    )
    service, place = what
    unplaced = settings.shape == "2022" and place.location == "global"
    return Part(
        billing_account_id=who[0],
        month=month,
        project=who[1],
        service_id=service.id,
        service=service.description,
        location=None if unplaced else (place.zone or place.location),
        region=None if unplaced else place.region,
        model_version=_MODEL,
        scope1=scope1,
        scope2_location=location,
        scope2_market=market if month >= settings.market_from else None,
        scope3=scope3,
    )


def _rows(part: Part, shape: Shape) -> list[dict[str, Any]]:
    """Return the rows of a part: the sums of those that differ are the part's."""
    if not part.split:
        return [_row(part, shape)] * part.copies

    def share(value: int) -> int:
        return value * part.split // 100

    market = part.scope2_market
    some = replace(
        part,
        project=replace(part.project, id=None),
        scope1=share(part.scope1),
        scope2_location=share(part.scope2_location),
        scope2_market=None if market is None else share(market),
        scope3=share(part.scope3),
    )
    rest = replace(
        part,
        scope1=part.scope1 - some.scope1,
        scope2_location=part.scope2_location - some.scope2_location,
        scope2_market=None if market is None else market - share(market),
        scope3=part.scope3 - some.scope3,
    )
    return [_row(some, shape), _row(rest, shape)] * part.copies


def _row(part: Part, shape: Shape) -> dict[str, Any]:
    absent = 0.0 if shape == "2022" else None
    market, total = _kg(part.scope2_market, absent), _kg(part.market_based, absent)
    totals = {"location_based": _kg(part.location_based), "market_based": total}
    row: dict[str, Any] = {
        "usage_month": part.month.start.date(),
        "billing_account_id": part.billing_account_id,
        "project": {"number": part.project.number, "id": part.project.id},
        "service": {"id": part.service_id, "description": part.service},
        "location": {"location": part.location, "region": part.region},
        "carbon_model_version": part.model_version,
        "carbon_footprint_kgCO2e": {
            "scope1": _kg(part.scope1),
            "scope2": {"location_based": _kg(part.scope2_location), "market_based": market},
            "scope3": _kg(part.scope3),
        },
        "carbon_footprint_total_kgCO2e": totals,
    }
    if shape != "2026":
        row["carbon_footprint_total_kgCO2e"] = {**totals, "after_offsets": None}
        row["carbon_offsets_kgCO2e"] = None
    return row


def _kg(micro: int | None, absent: float | None = None) -> float | None:
    return absent if micro is None else micro / _MICRO


def _schema(shape: Shape) -> pa.Schema:
    text, number = pa.string(), pa.float64()
    methods = [("location_based", number), ("market_based", number)]
    scopes = [("scope1", number), ("scope2", pa.struct(methods)), ("scope3", number)]
    totals = methods if shape == "2026" else [*methods, ("after_offsets", number)]
    fields = [
        ("usage_month", pa.date32()),
        ("billing_account_id", text),
        ("project", pa.struct([("number", text), ("id", text)])),
        ("service", pa.struct([("id", text), ("description", text)])),
        ("location", pa.struct([("location", text), ("region", text)])),
        ("carbon_model_version", pa.int64()),
        ("carbon_footprint_kgCO2e", pa.struct(scopes)),
        ("carbon_footprint_total_kgCO2e", pa.struct(totals)),
    ]
    if shape != "2026":
        fields.append(("carbon_offsets_kgCO2e", number))
    return pa.schema(fields)
