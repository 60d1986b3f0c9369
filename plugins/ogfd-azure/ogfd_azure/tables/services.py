"""
Services of Azure: which one a resource belongs to, and its FOCUS service category.

A bill names the resource provider (``ConsumedService``) and the resource; the type of the resource
nearly always suffices. What Microsoft Defender protects is a setting of the protected service, and
sold by that.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Final

from ogfd_azure.tables.reading import listed, rows_of

OTHER: Final = "other"


@dataclass(frozen=True, slots=True)
class Service:
    """A service: its name in cost exports, its FOCUS service category in snake_case."""

    name: str
    category: str


def service_of(consumed_service: str | None, resource_type: str | None) -> Service | None:
    """
    Return the service that a resource belongs to; None if no table knows it.

    Args:
        consumed_service: such as ``Microsoft.Storage``, in any case.
        resource_type: such as ``microsoft.storage/storageaccounts``, in any case. A type that is
            part of another one, such as ``.../storageaccounts/shares``, belongs where that does.
    """
    consumed = (consumed_service or "").strip().casefold()
    kind = (resource_type or "").strip().casefold()
    table = _resources()
    while "/" in kind:
        known = table.get((consumed, kind)) or table.get((kind.partition("/")[0], kind))
        if known or (known := _types().get(kind)):
            return known
        kind = kind.rpartition("/")[0]
    return _providers().get(consumed)


def service_named(name: str | None) -> Service | None:
    """Return the service that bills call *name*; None if no table knows it."""
    return _names().get((name or "").strip().casefold())


@cache
def _resources() -> Mapping[tuple[str, str], Service]:
    found: dict[tuple[str, str], Service] = {}
    for row in rows_of("services.csv"):
        service = Service(row["service"], row["category"])
        for resource in listed(row["resources"]):
            consumed, apart, kind = resource.rpartition(":")
            found[consumed if apart else kind.partition("/")[0], kind] = service
    return found


@cache
def _types() -> Mapping[str, Service]:
    """Return the types that mean one service, whoever is named as consumed."""
    return _unambiguous((kind, service) for (_, kind), service in _resources().items())


@cache
def _providers() -> Mapping[str, Service]:
    """Return the consumed services that have one service alone."""
    return _unambiguous((consumed, service) for (consumed, _), service in _resources().items())


@cache
def _names() -> Mapping[str, Service]:
    return {service.name.casefold(): service for service in _resources().values()}


def _unambiguous(pairs: Iterable[tuple[str, Service]]) -> Mapping[str, Service]:
    found: dict[str, set[Service]] = {}
    for key, service in pairs:
        found.setdefault(key, set()).add(service)
    return {key: next(iter(several)) for key, several in found.items() if len(several) == 1}
