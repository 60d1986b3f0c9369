"""What the tables of this package say of the services and regions in a page of rows."""

from __future__ import annotations

import pyarrow as pa

from ogfd.plugin.tabular import Rows
from ogfd_gcp.tables.regions import region_of, where
from ogfd_gcp.tables.services import OTHER, category_of


def services(rows: Rows) -> dict[str, pa.Array]:
    """Return service and category of *rows*, of their columns ``service_id`` and ``service``."""
    found = rows.combined("service_id", "service")
    named = [name or code for code, name in found.rows]
    known = [category_of(code, name) for code, name in found.rows]
    strange = [None if category else name for name, category in zip(named, known, strict=True)]
    rows.strange("service", found, strange)
    return {
        "service": found.column(named),
        "category": found.column([category or OTHER for category in known]),
    }


def places(rows: Rows) -> dict[str, pa.Array]:
    """Return region, location and country of *rows*, of their column ``region``."""
    found = rows.combined("region")
    regions = [region_of(text) for (text,) in found.rows]
    known = [where(region) if region else None for region in regions]
    strange = [None if place else region for region, place in zip(regions, known, strict=True)]
    rows.strange("region", found, strange)
    return {
        "region": found.column(regions),
        "location": found.column([one and one.location for one in known]),
        "country": found.column([one and one.country for one in known]),
    }
