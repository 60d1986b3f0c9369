"""
What the service ``sustainability`` answers, out of published footprints.

It groups, pages and refuses as the service's own model says (botocore 1.43, sustainability
2018-05-10); where the model has had two defaults, the less convenient one.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

PATH: Final = "/v1/estimated-carbon-emissions"
OPERATION: Final = "GetEstimatedCarbonEmissions"

_DIMENSIONS: Final = ("USAGE_ACCOUNT_ID", "REGION", "SERVICE")
_DEFAULT_TYPES: Final = ("TOTAL_LBM_CARBON_EMISSIONS", "TOTAL_MBM_CARBON_EMISSIONS")
_DEFAULT_PAGE: Final = 40
_LARGEST_PAGE: Final = 5000
_GRAMS: Final = 1_000_000  # in a metric ton


class ValidationError(Exception):
    """The request is one that the service would refuse; the message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """
    A request, checked.

    Attributes:
        start: inclusive, in UTC.
        end: exclusive. A month is in the answer if its first instant lies in between.
        by: dimensions to group by.
        kinds: emissions types to give.
        page: results a page.
        offset: of the first result to give.
    """

    start: datetime
    end: datetime
    by: tuple[str, ...]
    kinds: tuple[str, ...]
    page: int
    offset: int

    @property
    def key(self) -> str:
        """What is asked, for rules and the log: ``2026-08-01/2026-09-01 REGION,SERVICE 1``."""
        by = ",".join(self.by) or "-"
        return f"{self.start:%Y-%m-%d}/{self.end:%Y-%m-%d} {by} {self.offset // self.page + 1}"

    def token(self, offset: int) -> str:
        """Return what asks for the results from *offset* on."""
        return base64.urlsafe_b64encode(f"{offset}".encode()).decode()


def read_query(body: bytes) -> Query:
    """
    Read the body of a request.

    Raises:
        ValidationError: as the service would.
    """
    try:
        asked = json.loads(body)
        start, end = (_instant(asked["TimePeriod"][name]) for name in ("Start", "End"))
    except (ValueError, KeyError, TypeError):
        raise ValidationError("TimePeriod is missing or malformed") from None
    by = tuple(asked.get("GroupBy", ()))
    page = asked.get("MaxResults", _DEFAULT_PAGE)
    if start >= end:
        raise ValidationError("TimePeriod.Start must lie before TimePeriod.End")
    if not set(by) <= set(_DIMENSIONS):
        raise ValidationError(f"GroupBy takes {', '.join(_DIMENSIONS)}")
    if not isinstance(page, int) or not 1 <= page <= _LARGEST_PAGE:
        raise ValidationError(f"MaxResults lies between 1 and {_LARGEST_PAGE}")
    if asked.get("Granularity", "MONTHLY") != "MONTHLY":
        raise ValidationError("the stand-in knows the Granularity MONTHLY alone")
    return Query(
        start=start,
        end=end,
        by=by,
        kinds=tuple(asked.get("EmissionsTypes", _DEFAULT_TYPES)),
        page=page,
        offset=_offset(asked.get("NextToken")),
    )


def answer(
    query: Query, months: Mapping[str, Any], *, page: int | None = None, repeat: bool = False
) -> dict[str, Any]:
    """
    Return the body of the answer.

    Args:
        query: what was asked.
        months: ``YYYY-MM`` to model and parts, as they were published.
        page: give at most so many results, fewer than asked for, as the service may.
        repeat: whether the token leads to the same page again.
    """
    results = list(_results(query, months))
    until = query.offset + min(query.page, page or query.page)
    body: dict[str, Any] = {"Results": results[query.offset : until]}
    if until < len(results) or repeat:
        body["NextToken"] = query.token(query.offset if repeat and query.offset else until)
    return body


def _results(query: Query, months: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for month in sorted(months):
        start = datetime.fromisoformat(f"{month}-01T00:00:00+00:00")
        if not query.start <= start < query.end:
            continue
        year, number = start.year + start.month // 12, start.month % 12 + 1
        for values, grams in sorted(_grouped(months[month]["parts"], query.by).items()):
            yield {
                "TimePeriod": {
                    "Start": f"{start:%Y-%m-%dT%H:%M:%SZ}",
                    "End": f"{year:04}-{number:02}-01T00:00:00Z",
                },
                "DimensionsValues": dict(zip(query.by, values, strict=True)),
                "ModelVersion": months[month]["model"],
                "EmissionsValues": {
                    kind: {"Value": grams[kind] / _GRAMS, "Unit": "MTCO2e"}
                    for kind in query.kinds
                    if kind in grams
                },
            }


def _grouped(
    parts: Sequence[Mapping[str, Any]], by: Sequence[str]
) -> dict[tuple[str, ...], dict[str, int]]:
    found: dict[tuple[str, ...], dict[str, int]] = {}
    for part in parts:
        sums = found.setdefault(tuple(part[name] for name in by), {})
        for kind, grams in part["grams"].items():
            sums[kind] = sums.get(kind, 0) + grams
    return found


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def _offset(token: str | None) -> int:
    if token is None:
        return 0
    try:
        return int(base64.urlsafe_b64decode(token))
    except ValueError:
        raise ValidationError("NextToken is not one of this service") from None
