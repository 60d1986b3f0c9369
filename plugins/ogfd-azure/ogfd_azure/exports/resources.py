"""What the rows of a table are charged for: service, place, machine, resource group."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from ogfd.plugin.tabular import Combined, Text
from ogfd_azure.exports.fields import RESOURCE, RESOURCE_TYPE, Family
from ogfd_azure.exports.rows import ExportRows
from ogfd_azure.tables.regions import region_of, where
from ogfd_azure.tables.services import OTHER, Service, service_named, service_of

Row = tuple[str | None, ...]
Told = tuple[str | None, str, str | None]
"""Name and category of a service, and what of it no table knows."""

_UNASSIGNED: Final = "unassigned"
_MARKETPLACE: Final = Service("Azure Marketplace", OTHER)
_SOLD_BY_OTHERS: Final = frozenset({"Marketplace", "Vendor"})  # of details, of FOCUS
_SUPPORT: Final = Service("Support", "management_and_governance")

# RE2; the last provider of an id is that of the resource itself, and every second part a name.
_PROVIDED: Final = r"^.*/providers/(?P<part>.+)$"
_NAMED_PART: Final = r"/([^/]+)/[^/]*"
_GROUP: Final = r"/resourcegroups/(?P<part>[^/]+)"
_MACHINE: Final = r'"(?:x_)?ServiceType"\s*:\s*"(?P<part>(?:Standard|Basic)_[^"]+)"'

_FAMILIES: Final[Mapping[str, str]] = {
    "ai + machine learning": "ai_and_machine_learning",
    "analytics": "analytics",
    "azure arc": "multicloud",
    "azure communication services": "integration",
    "azure security": "security",
    "azure stack": "multicloud",
    "compute": "compute",
    "containers": "compute",
    "databases": "databases",
    "developer tools": "developer_tools",
    "gaming": "media",
    "integration": "integration",
    "internet of things": "internet_of_things",
    "management and governance": "management_and_governance",
    "networking": "networking",
    "power platform": "business_applications",
    "quantum computing": "compute",
    "security": "security",
    "storage": "storage",
    "web": "web",
    "windows virtual desktop": "compute",
}
"""
Service family to FOCUS service category, for services that no table knows.

https://learn.microsoft.com/rest/api/cost-management/retail-prices/azure-retail-prices (2025)
"""


def services(rows: ExportRows) -> dict[str, pa.Array]:
    """Return ``service`` and ``category``; what the table does not know is noted in *rows*."""
    found, chosen = (_told if rows.family is Family.FOCUS else _derived)(rows)
    rows.strange("service", found, [strange for *_, strange in chosen])
    return {
        "service": found.column([name for name, *_ in chosen]),
        "category": found.column([category for _, category, _ in chosen]),
    }


def places(rows: ExportRows) -> dict[str, pa.Array]:
    """Return ``region``, ``location`` and ``country``; unknown regions are noted in *rows*."""
    found = rows.combined("region", "place")
    named = [_region(*row) for row in found.rows]
    spelt = [row[0] or row[1] for row in found.rows]
    rows.strange(
        "region", found, [None if one else text for one, text in zip(named, spelt, strict=True)]
    )
    regions = [
        one or (text.casefold() if text else None) for one, text in zip(named, spelt, strict=True)
    ]
    known = [where(one) if one else None for one in named]
    return {
        "region": found.column(regions),
        "location": found.column([one and one.location for one in known]),
        "country": found.column([one and one.country for one in known]),
    }


def machines(rows: ExportRows) -> pa.Array:
    """Return the sizes of virtual machines."""
    return rows.part("sku_details", lambda texts: _part(texts, _MACHINE)).array()


def groups(rows: ExportRows) -> pa.Array:
    """Return the resource groups, in lower case."""
    if "resource_group" in rows.cells:
        return rows.part("resource_group", pc.utf8_lower).array()
    return rows.part(RESOURCE, lambda ids: _part(pc.utf8_lower(ids), _GROUP)).array()


def _region(region: str | None, place: str | None) -> str | None:
    return (region_of(region) if region else None) or (region_of(place) if place else None)


def _derived(rows: ExportRows) -> tuple[Combined, list[Told]]:
    """Tell the service of cost details from the resource."""
    names = ("consumed_service", "meter_category", "publisher", "service_family")
    found = Combined([_types(rows), *(rows.text(name) for name in names)])
    return found, [_service(row) for row in found.rows]


def _service(row: Row) -> Told:
    kind, consumed, category, publisher, family = row
    meter = _assigned(category)
    if known := service_of(consumed, kind) or _sold(meter, publisher):
        return known.name, known.category, None
    guess = _FAMILIES.get((family or "").casefold(), OTHER)
    return meter or consumed, guess, kind or consumed or meter


def _told(rows: ExportRows) -> tuple[Combined, list[Told]]:
    """FOCUS names the service, but for some charges: of a commitment, its id tells."""
    names = ("service", "service_category", "meter_category", "publisher")
    commitments = rows.part("commitment", _types_of)
    found = Combined([_types(rows), commitments, *(rows.text(name) for name in names)])
    return found, [_completed(row) for row in found.rows]


def _completed(row: Row) -> Told:
    kind, commitment, service, category, meter_category, publisher = row
    snake = category.lower().replace(" ", "_") if category else None
    if service and snake:
        return service, snake, None
    meter = _assigned(meter_category)
    known = service_named(service) or service_of(None, kind) or service_of(None, commitment)
    if known := known or _sold(meter, publisher):
        return service or known.name, snake or known.category, None
    return service or meter, snake or OTHER, None if snake else service or kind or meter


def _assigned(category: str | None) -> str | None:
    return None if (category or "").casefold() == _UNASSIGNED else category


def _sold(meter: str | None, publisher: str | None) -> Service | None:
    """Return the service of what is no resource of Azure's, or names none."""
    if publisher in _SOLD_BY_OTHERS:
        return _MARKETPLACE
    return _SUPPORT if meter == _SUPPORT.name else service_named(meter)


def _types(rows: ExportRows) -> Text:
    """Return the types of the resources, such as ``microsoft.web/sites``."""
    if RESOURCE_TYPE in rows.cells:
        return rows.text(RESOURCE_TYPE)
    return rows.part(RESOURCE, _types_of)


def _types_of(ids: pa.Array) -> pa.Array:
    provided = _part(pc.utf8_lower(ids), _PROVIDED)
    return pc.replace_substring_regex(provided, _NAMED_PART, r"/\1")


def _part(texts: pa.Array, pattern: str) -> pa.Array:
    return pc.struct_field(pc.extract_regex(texts, pattern), "part")
