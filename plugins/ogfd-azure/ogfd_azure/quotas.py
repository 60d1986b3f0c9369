"""
What Azure says is left of its quotas.

    x-ms-ratelimit-remaining-microsoft.costmanagement-entity-requests: DefaultQuota:7
    x-ms-ratelimit-microsoft.costmanagement-qpu-remaining: QueriesPerHour:597,QueriesPerMin:57
    x-ms-ratelimit-remaining-tenant-reads: 11999

Seen in answers of 2023 (https://github.com/microsoft/AzureTRE/issues/2835); those of Resource Manager
are on https://learn.microsoft.com/azure/azure-resource-manager/management/request-limits-and-throttling.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final

_REMAINING: Final = re.compile(
    r"x-ms-ratelimit-remaining-(?:microsoft\.[a-z]+-)?([a-z-]{1,40}?)(?:-requests)?"
)
_UNITS: Final = re.compile(r"x-ms-ratelimit-microsoft\.[a-z]+-qpu-remaining")
_PART: Final = re.compile(r"(?:([A-Za-z0-9]+):)?(\d{1,12})")
_SPANS: Final[Mapping[str, str]] = {
    "QueriesPerHour": "qpu_per_hour",
    "QueriesPerMin": "qpu_per_minute",
    "QueriesPer10Sec": "qpu_per_10_seconds",
}


def remaining(headers: Mapping[str, str]) -> Mapping[str, float]:
    """Return what the *headers* of an answer say is left, by the name of the quota."""
    found: dict[str, float] = {}
    for header, value in headers.items():
        parts = list(_parts(value))
        if _UNITS.fullmatch(header.lower()):
            found |= {_SPANS[name]: left for name, left in parts if name in _SPANS}
        elif parts and (named := _REMAINING.fullmatch(header.lower())):
            found[named[1].replace("-", "_")] = min(left for _, left in parts)
    return found


def _parts(value: str) -> Iterator[tuple[str, float]]:
    for text in value.split(","):
        if part := _PART.fullmatch(text.strip()):
            yield part[1] or "", float(part[2])
