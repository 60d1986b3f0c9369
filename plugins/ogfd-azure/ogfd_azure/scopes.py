"""
Emissions by Microsoft's own scopes, summed into one activity for all three.

Its APIs give one number for the scopes of a request, or one row for each; an activity has a column
for each. Scope 2 is market-based: renewable electricity counts as nothing
(https://learn.microsoft.com/azure/carbon-optimization/troubleshooting). There is no location-based
figure, so those columns stay null.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Context, Decimal
from typing import Any, Final

SCOPES: Final[Mapping[int, str]] = {1: "scope1_kg", 2: "scope2_market_kg", 3: "scope3_kg"}
"""Scope to the column that holds it."""

_EXACT: Final = Context(prec=76)


class Emitted:
    """The emissions of one activity; a scope that nothing was said of is null, not zero."""

    __slots__ = ("_kg", "lines")

    def __init__(self) -> None:
        self._kg: dict[int, Decimal] = {}
        self.lines = 0

    def add(self, scope: int, kg: Decimal) -> None:
        """Take in one source row."""
        self._kg[scope] = _EXACT.add(self._kg.get(scope, Decimal()), kg)
        self.lines += 1

    def columns(self) -> dict[str, Any]:
        """Return the columns of the activity that say how much, and by which method."""
        return {
            **{column: self._kg.get(scope) for scope, column in SCOPES.items()},
            "market_based_kg": total(self._kg.values()),
            "ghg_scope": 3,
            "ghg_category": 1,
            "method": "supplier_specific",
            "data_quality": "reported",
            "charge_category": "emission",
            "line_count": self.lines,
        }


def total(amounts: Any) -> Decimal:
    """Return the exact sum of *amounts*."""
    found = Decimal()
    for amount in amounts:
        found = _EXACT.add(found, amount)
    return found
