"""The lines of a month as arrays: a few numbers and indices into the `Book` for each line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from ogfd_sandbox.cur.book import Book, Index, LineType
from ogfd_sandbox.cur.catalog import Offer, Shape
from ogfd_sandbox.cur.numbers import Numbers
from ogfd_sandbox.cur.settings import CurSettings

_DECIMALS: Final[dict[Shape, int]] = {"hours": 6, "count": 0, "bytes": 10, "seconds": 6}
_FULL_HOURS: Final = 0.7


@dataclass(frozen=True, slots=True, kw_only=True)
class Lines:
    """
    Lines of a report; all fields are of equal length.

    Attributes:
        template, account, place, tags, commitment: numbers of entries in the book.
        start: hours from the start of the month to ``lineItem/UsageStartDate``; may be negative.
        hours: length of the line.
        usage: ``lineItem/UsageAmount``.
        cost: ``lineItem/UnblendedCost``.
        first: the effective cost of a line under a commitment; the commitment to date of a
            savings plan's fee; the unused upfront fee of a reservation's fee.
        second: the used commitment of a savings plan's fee; the unused recurring fee of a
            reservation's fee.
    """

    template: Index
    account: Index
    place: Index
    tags: Index
    commitment: Index
    start: Index
    hours: Index
    usage: Numbers
    cost: Numbers
    first: Numbers
    second: Numbers

    def __len__(self) -> int:
        return len(self.template)

    def take(self, index: npt.NDArray[Any]) -> Lines:
        """Return the lines at *index*, which may also be a mask."""
        where = np.flatnonzero(index) if index.dtype == np.bool_ else index
        return Lines(
            **{
                field.name: value.take(where)
                for field in fields(self)
                for value in (getattr(self, field.name),)
            }
        )

    @classmethod
    def concat(cls, parts: Sequence[Lines]) -> Lines:
        """Return the lines of *parts*, one after the other."""
        found: dict[str, Any] = {}
        for field in fields(cls):
            values = [getattr(part, field.name) for part in parts]
            if isinstance(values[0], Numbers):
                found[field.name] = Numbers(
                    np.concatenate([value.coefficient for value in values]),
                    np.concatenate([value.decimals for value in values]),
                )
            else:
                found[field.name] = np.concatenate(values)
        return cls(**found)

    @classmethod
    def charges(
        cls,
        template: Sequence[int],
        account: Sequence[int],
        start: Sequence[int],
        hours: int,
        cost: Numbers,
    ) -> Lines:
        """Return lines that are no usage: one unit each, untagged, naming no resource."""
        count = len(template)
        none = np.zeros(count, np.int32)
        return cls(
            template=np.array(template, np.int32),
            account=np.array(account, np.int32),
            place=none,
            tags=none,
            commitment=none,
            start=np.array(start, np.int32),
            hours=np.full(count, hours, np.int32),
            usage=Numbers(np.ones(count, np.int64), np.zeros(count, np.int8)),
            cost=cost,
            first=Numbers.zeros(count),
            second=Numbers.zeros(count),
        )

    def types(self, book: Book) -> npt.NDArray[np.int8]:
        """Return each line's type as its place in `LineType`."""
        order = {line_type: place for place, line_type in enumerate(LineType)}
        known = [order[template.line_type] for template in book.templates.all]
        return np.array(known, np.int8)[self.template]

    def of_type(self, book: Book, *line_types: LineType) -> npt.NDArray[np.bool_]:
        """Return a mask of the lines of *line_types*."""
        known = [template.line_type in line_types for template in book.templates.all]
        return np.array(known, np.bool_)[self.template]

    def scaled(self, book: Book, numerator: int, denominator: int) -> Lines:
        """Return the same usage lines with *numerator* / *denominator* of the usage and cost."""
        usage = Numbers(self.usage.coefficient * numerator // denominator, self.usage.decimals)
        listed = book.templates.rates("listed")
        return replace(self, usage=usage, cost=usage * listed.take(self.template))


def usage_lines(
    settings: CurSettings, book: Book, days: int, count: int, random: np.random.Generator
) -> Lines:
    """Return *count* lines of on-demand usage, an hour each, within the first *days*."""
    resource = random.integers(len(book.resource_series), size=count)
    series = book.resource_series[resource]
    template = book.series.usage[series]
    named = random.random(count) < settings.resource_share
    usage = _usage(book, template, random)
    none = np.zeros(count, np.int32)
    return Lines(
        template=template,
        account=book.series.account[series],
        place=np.where(named, resource + 1, 0).astype(np.int32),
        tags=book.resource_tags[resource],
        commitment=none,
        start=random.integers(24 * days, size=count, dtype=np.int32),
        hours=np.ones(count, np.int32),
        usage=usage,
        cost=usage * book.templates.rates("listed").take(template),
        first=Numbers.zeros(count),
        second=Numbers.zeros(count),
    )


def _usage(book: Book, template: Index, random: np.random.Generator) -> Numbers:
    offers: list[Offer | None] = [book.shapes.get(n) for n in range(len(book.templates.all))]
    decimals = np.array([_DECIMALS[o.shape] if o else 0 for o in offers], np.int8)[template]
    most = np.array([o.most * 10 ** _DECIMALS[o.shape] if o else 0 for o in offers], np.int64)
    hourly = np.array([o is not None and o.shape == "hours" for o in offers])[template]
    ceiling = most[template]
    draw = random.random(len(template))
    # much is rare: most lines use little
    used = 1 + (ceiling * draw * random.random(len(template))).astype(np.int64)
    return Numbers(np.where(hourly & (draw < _FULL_HOURS), ceiling, used), decimals)
