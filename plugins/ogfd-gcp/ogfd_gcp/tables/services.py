"""Services of Google Cloud: their FOCUS service category, by id, else by the name that bills have."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Final

from ogfd_gcp.tables.reading import listed, rows_of

OTHER: Final = "other"


def category_of(code: str | None, name: str | None) -> str | None:
    """Return the FOCUS service category in snake_case; None if no table knows the service."""
    found = _by_id().get((code or "").strip().upper())
    return found or _by_name().get((name or "").strip().casefold())


@cache
def _by_id() -> Mapping[str, str]:
    return {
        code: row["category"]
        for row in rows_of("ogfd_gcp.tables", "services.csv")
        for code in listed(row["ids"])
    }


@cache
def _by_name() -> Mapping[str, str]:
    return {
        row["service"].casefold(): row["category"]
        for row in rows_of("ogfd_gcp.tables", "services.csv")
    }
