"""
Regions of Azure: where they are, and which one is meant by the spellings of bills and reports.

One place is ``US East``, ``EastUS``, ``eastus`` and ``east us``. A location is the OffGridFlow code:
the area and the direction that clouds have in common, so that the Regions of all of them can be
compared; what names a country or continent alone, such as ``unitedstates``, is an area alone.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Final

from ogfd_azure.tables.reading import listed, rows_of

_BETWEEN: Final = re.compile(r"[\s_()-]+")


@dataclass(frozen=True, slots=True)
class Region:
    """Where a region is: location code, ISO 3166-1 alpha-2 country, display name."""

    location: str | None
    country: str | None
    name: str


def region_of(text: str) -> str | None:
    """Return the region that *text* spells, such as ``westeurope``; None if no table knows it."""
    spelt = text.strip().casefold()
    spellings = _spellings()
    return spellings.get(spelt) or spellings.get(_BETWEEN.sub("", spelt))


def where(region: str) -> Region | None:
    """Return where *region*, as `region_of` names it, is; None if no table knows it."""
    return regions().get(region)


@cache
def regions() -> Mapping[str, Region]:
    """Return all regions by id; read from the table once."""
    return {
        row["region"]: Region(row["location"] or None, row["country"] or None, row["name"])
        for row in rows_of("regions.csv")
    }


@cache
def _spellings() -> Mapping[str, str]:
    names = {region.name.casefold(): code for code, region in regions().items()}
    told = {
        spelling: row["region"]
        for row in rows_of("regions.csv")
        for spelling in listed(row["spellings"])
    }
    return {code: code for code in regions()} | names | told
