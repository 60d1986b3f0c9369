"""
What an answer to a query says, checked; columns are found by name, and amounts are exact.

https://learn.microsoft.com/rest/api/cost-management/query/usage
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from ogfd.plugin import FatalError, TransientError
from ogfd_azure.exports.dates import instant

_AMOUNTS: Final = ("cost", "pretaxcost")
_DATE: Final = "usagedate"
_CURRENCY: Final = "currency"


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A page of an answer: its *columns* in lower case, its *rows*, and the *link* to the next."""

    columns: tuple[str, ...] = ()
    rows: Sequence[Sequence[Any]] = ()
    link: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """
    The cost of a group.

    Attributes:
        day: its midnight, in UTC; None if days were not asked for.
        keys: in the order of the groups that were asked for.
        amount: in *currency*.
        currency: of the bill.
    """

    day: datetime | None
    keys: tuple[str, ...]
    amount: Decimal
    currency: str


def page_of(answer: Any) -> Page:
    """
    Return what the JSON of an answer says; its fractions are `decimal.Decimal`.

    Raises:
        TransientError: if it is none of the service.
    """
    told = answer.get("properties") if isinstance(answer, Mapping) else None
    found = told if isinstance(told, Mapping) else {}
    columns, rows, link = (found.get(name) for name in ("columns", "rows", "nextLink"))
    if (
        not isinstance(columns, list)
        or not isinstance(rows, list)
        or not isinstance(link, str | None)
        or not all(isinstance(column, Mapping) for column in columns)
        or not all(isinstance(row, list) for row in rows)
    ):
        raise TransientError(
            "the answer is not one of Cost Management",
            hint="a proxy may have answered in its place; check the network and arm_endpoint",
        )
    return Page(
        columns=tuple(str(column.get("name", "")).lower() for column in columns),
        rows=rows,
        link=link,
    )


def costs(page: Page, *, by: Sequence[str], daily: bool) -> Iterator[Cost]:
    """
    Yield what *page* says.

    Args:
        page: of an answer.
        by: the groups that were asked for.
        daily: whether days were.

    Raises:
        FatalError: if a column is missing, or a cell cannot be read.
    """
    if not page.rows:
        return
    amount = next((name for name in _AMOUNTS if name in page.columns), _AMOUNTS[0])
    wanted = [amount, _CURRENCY, *([_DATE] if daily else []), *(name.lower() for name in by)]
    if missing := [name for name in wanted if name not in page.columns]:
        raise FatalError(
            f"the answer of Cost Management lacks the column {missing[0]}; it has "
            f"{', '.join(page.columns)}"
        )
    places = [page.columns.index(name) for name in wanted]
    for row in page.rows:
        if len(row) != len(page.columns):
            raise FatalError(
                f"a row of Cost Management has {len(row)} of {len(page.columns)} cells"
            )
        cells = [row[place] for place in places]
        yield Cost(
            amount=_amount(cells[0]),
            currency=_text(cells[1]).upper() or _lacks_currency(),
            day=_day(cells[2]) if daily else None,
            keys=tuple(_text(cell) for cell in cells[2 + daily :]),
        )


def _amount(cell: Any) -> Decimal:
    if isinstance(cell, bool) or not isinstance(cell, int | Decimal):
        raise FatalError(f"a cost of Cost Management is {cell!r}, which is no number")
    return Decimal(cell)


def _day(cell: Any) -> datetime:
    day = instant(_text(cell))
    if day is None:
        raise FatalError(f"a date of Cost Management is {cell!r}, which is none")
    return day


def _text(cell: Any) -> str:
    return "" if cell is None else str(cell).strip()


def _lacks_currency() -> str:
    raise FatalError("a cost of Cost Management comes without a currency")
