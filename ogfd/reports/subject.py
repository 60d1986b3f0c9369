"""What a report adds up: cost, and emissions as the providers report them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from ogfd.reports.query import ReportQuery

CURRENCY: Final = "currency"
LINE_COUNT: Final = "line_count"


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """
    Something to add up.

    Attributes:
        view: of a sink, whose rows all count.
        amounts: its columns, never added to each other; the first one there ranks a row.
        has_currency: whether amounts are in a currency, by which they are always broken down.
    """

    view: str
    amounts: tuple[str, ...]
    has_currency: bool

    @property
    def measures(self) -> tuple[str, ...]:
        """The columns that are added up."""
        return (*self.amounts, LINE_COUNT)

    def dimensions(self, query: ReportQuery) -> tuple[str, ...]:
        """Return the dimensions of a row."""
        if self.has_currency:
            return tuple(dict.fromkeys((*query.by, CURRENCY)))
        return tuple(name for name in dict.fromkeys(query.by) if name != CURRENCY)

    def asked(self, query: ReportQuery) -> bool:
        """Tell whether rows of it can be in the report at all."""
        return self.has_currency or CURRENCY not in query.where


COST: Final = Subject(
    view="ogfd_cost", amounts=("billed_cost", "effective_cost"), has_currency=True
)
EMISSIONS: Final = Subject(
    view="ogfd_emissions_reported",
    amounts=("location_based_kg", "market_based_kg"),
    has_currency=False,
)
