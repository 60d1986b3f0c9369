"""The tables of regions and services, as columns of emissions; what they do not know is put on record."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from ogfd.plugin import Output
from ogfd_azure.tables.regions import region_of, where
from ogfd_azure.tables.services import OTHER, Service, service_named, service_of

_NOWHERE: Final[Mapping[str, str | None]] = {"region": None, "location": None, "country": None}


class Naming:
    """Names regions and services of the rows that go to *out*."""

    def __init__(self, out: Output) -> None:
        self._out = out

    def region(self, text: str | None, rows: int) -> Mapping[str, str | None]:
        """Return the columns of where *text* is; one that no table knows is kept as it is."""
        if not text:
            return _NOWHERE
        region = region_of(text)
        place = where(region) if region is not None else None
        if place is None:
            self._out.unknown("region", text, rows)
            return {**_NOWHERE, "region": region or text}
        return {"region": region, "location": place.location, "country": place.country}

    def resource_type(self, kind: str | None, rows: int) -> Mapping[str, str | None]:
        """Return the columns of the service that resources of type *kind* belong to."""
        if not kind:
            return _service(None, None)
        return self._service(service_of(kind.partition("/")[0], kind), kind, rows)

    def service(self, name: str | None, rows: int) -> Mapping[str, str | None]:
        """Return the columns of the service that is called *name*."""
        if not name:
            return _service(None, None)
        return self._service(service_named(name), name, rows)

    def _service(self, found: Service | None, text: str, rows: int) -> Mapping[str, str | None]:
        if found is None:
            self._out.unknown("service", text, rows)
        return _service(found, text)


def _service(found: Service | None, text: str | None) -> Mapping[str, str | None]:
    if found is None:
        return {"service": text, "category": OTHER}
    return {"service": found.name, "category": found.category}
