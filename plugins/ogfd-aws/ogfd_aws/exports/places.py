"""Where the rows of exports are: columns of an activity by the Region that each row names."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa

from ogfd.plugin.tabular import Combined, Rows
from ogfd_aws.regions import GLOBAL, region_of, where
from ogfd_aws.services import WITHOUT_REGION


def region(
    code: str | None,
    region: str | None,
    zone: str | None,
    place: str | None,
    product: str | None,
) -> str | None:
    """Return the Region of a row, see `region_of`; `global` of a global service that names none."""
    found = region_of(code, region, zone, place)
    return GLOBAL if found is None and product in WITHOUT_REGION else found


def places(rows: Rows, found: Combined, regions: Sequence[str | None]) -> dict[str, pa.Array]:
    """
    Return the columns; Regions that no table knows are put on record.

    Args:
        rows: whose columns they are.
        found: distinct combinations of what *rows* say of places.
        regions: of each combination.
    """
    known = [where(one) if one else None for one in regions]
    strange = [None if place else one for one, place in zip(regions, known, strict=True)]
    rows.strange("region", found, strange)
    return {
        "region": found.column(regions),
        "location": found.column([one and one.location for one in known]),
        "country": found.column([one and one.country for one in known]),
    }
