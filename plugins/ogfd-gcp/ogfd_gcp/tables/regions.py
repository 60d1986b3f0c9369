"""Regions of Google Cloud: where they are, and which one a zone is in."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Final

from ogfd_gcp.tables.reading import rows_of

_ZONE: Final = re.compile(r"([a-z]+-[a-z]+\d+)-(?:ai\d+)?[a-z]")
"""
Such as ``us-central1-a`` and, of machines for models, ``us-central1-ai1a``.

https://cloud.google.com/compute/docs/regions-zones/ai-zones (2026)
"""


@dataclass(frozen=True, slots=True)
class Region:
    """Where a region is: location code, ISO 3166-1 alpha-2 country, place."""

    location: str
    country: str | None
    name: str


def region_of(text: str | None) -> str | None:
    """
    Return the region that a location is or lies in; None if the text is empty.

    What no table knows is returned as it is, in lower case.
    """
    spelt = (text or "").strip().casefold()
    found = _ZONE.fullmatch(spelt)
    return found[1] if found else spelt or None


def where(region: str) -> Region | None:
    """Return where *region*, as `region_of` names it, is; None if no table knows it."""
    return regions().get(region)


@cache
def regions() -> Mapping[str, Region]:
    """Return all regions by id; read from the table once."""
    return {
        row["region"]: Region(row["location"], row["country"] or None, row["name"])
        for row in rows_of("ogfd_gcp.tables", "regions.csv")
    }
