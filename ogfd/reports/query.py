"""What a report is asked: months, dimensions, filters."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from ogfd.plugin import OgfdError, Period

DIMENSIONS: Final[Mapping[str, str]] = {
    "provider": "provider",
    "connector": "connector",
    "billing_account": "billing_account_id",
    "account": "account_id",
    "service": "service",
    "category": "category",
    "region": "region",
    "location": "location",
    "country": "country",
    "charge_category": "charge_category",
    "month": "period_start",
    "billing_period": "billing_period",
    "day": "period_start",
    "currency": "currency",
}
"""What a report can be broken down by, and the column behind it. Month and day are those of usage
(``period_start``, UTC); ``billing_period`` is that of the invoice. Cost is always broken down by
currency, which emissions have none of."""

_FIRST: Final = datetime(1970, 1, 1, tzinfo=UTC)
_LAST: Final = datetime(9999, 12, 31, tzinfo=UTC)


class ReportError(OgfdError):
    """The report cannot be made as asked; the caller must ask differently."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportQuery:
    """
    A report to make; valid by construction.

    Attributes:
        first: the first month (``YYYY-MM``), inclusive; None means from the beginning.
        last: the last month, inclusive; None means to the end.
        by: dimensions, in the order of the columns; ``currency`` is added to those of cost.
        where: dimension to the values it may have; all must hold.
        basis: what emissions are taken from; there are only those that providers ``reported``.

    Raises:
        ReportError: naming what is wrong and what is allowed.
    """

    first: str | None = None
    last: str | None = None
    by: tuple[str, ...] = ()
    where: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    basis: str = "reported"

    def __post_init__(self) -> None:
        for name in (*self.by, *self.where):
            if name not in DIMENSIONS:
                raise ReportError(
                    f"a report has no dimension {name!r}{_meant(name)}; "
                    f"there are {', '.join(DIMENSIONS)}"
                )
        if self.basis != "reported":
            raise ReportError(
                f"there is no basis {self.basis!r}, only what is reported",
                hint="leave --basis out",
            )
        for text in (self.first, self.last):
            if text is not None:
                _month(text)
        if self.first is not None and self.last is not None and self.last < self.first:
            raise ReportError(f"the months are the wrong way round: {self.first} to {self.last}")

    @property
    def period(self) -> Period | None:
        """The months as a half-open period; None if neither bound is set."""
        if self.first is None and self.last is None:
            return None
        start = _FIRST if self.first is None else _month(self.first).start
        return Period(start, _LAST if self.last is None else _month(self.last).end)


def query_of(params: Mapping[str, Any]) -> ReportQuery:
    """
    Make a query of the JSON parameters ``from, to, by, where, basis``; null is as if left out.

    Raises:
        ReportError: if a parameter has the wrong shape or a value that is not allowed.
    """
    by = params.get("by") or ()
    where = params.get("where") or {}
    if not isinstance(where, Mapping):
        raise ReportError("`where` maps dimensions to lists of values")
    return ReportQuery(
        first=_text(params, "from"),
        last=_text(params, "to"),
        by=_texts("by", by),
        where={name: _texts(f"where.{name}", values) for name, values in where.items()},
        basis=_text(params, "basis") or "reported",
    )


def _text(params: Mapping[str, Any], name: str) -> str | None:
    value = params.get(name)
    if value is not None and not isinstance(value, str):
        raise ReportError(f"`{name}` is a string")
    return value


def _texts(name: str, values: Any) -> tuple[str, ...]:
    if not isinstance(values, Sequence) or isinstance(values, str | bytes):
        raise ReportError(f"`{name}` is a list of strings")
    if not all(isinstance(value, str) for value in values):
        raise ReportError(f"`{name}` is a list of strings")
    return tuple(values)


def _month(text: str) -> Period:
    try:
        return Period.month(text)
    except ValueError as exc:
        raise ReportError(str(exc)) from None


def _meant(name: str) -> str:
    near = difflib.get_close_matches(name, DIMENSIONS, n=1)
    return f" (did you mean {near[0]}?)" if near else ""
