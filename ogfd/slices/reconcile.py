"""
Committed sums beside the provider's own totals, measure by measure. Pure.

    match        the totals are independent and equal within the tolerance
    drift        they differ, whatever path they came by
    missing      the provider has a total, the sink has nothing
    unverified   nobody can tell: no totals, equal but not independent, a difference with an excuse

What comes by the path of the rows can show that sums are wrong or late, never that they are right:
a month that cannot be verified is no match, whatever the figures say.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from decimal import Context, Decimal
from enum import StrEnum
from typing import Any, Final

from ogfd.packages import Sums
from ogfd.packages.decimals import plain
from ogfd.plugin import ACTIVITY_SCHEMA, Totals

TOLERANCE: Final = Decimal("0.000001")
"""The share of the provider's total, 0.0001 %, that rounding on its side may explain."""

_LINES: Final = "line_count"
_COARSEST: Final = -2  # a figure such as 120 comes from a sum with decimals, not from whole units
_EXACT: Final = Context(prec=76)
_SAME_PATH: Final = "the totals come by the same path as the rows"


class Agreement(StrEnum):
    """How committed sums and totals stand to each other, the worst first."""

    DRIFT = "drift"
    MISSING = "missing"
    UNVERIFIED = "unverified"
    MATCH = "match"

    @property
    def is_bad(self) -> bool:
        """Tell whether an operator should hear of it."""
        return self in {Agreement.DRIFT, Agreement.MISSING}


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """
    One measure of a billing period.

    Attributes:
        measure: ``measure:unit`` or ``measure``; empty if there was nothing to compare.
        committed: the exact sum; None if no row has the measure in this unit.
        provider: the provider's total; None if it names none.
        rounded: by how much the committed sum may be off because its rows were rounded.
        reason: why it is unverified, or what a difference most likely comes from.
    """

    measure: str
    agreement: Agreement
    committed: Decimal | None = None
    provider: Decimal | None = None
    rounded: Decimal = Decimal()
    reason: str | None = None

    @property
    def difference(self) -> Decimal | None:
        """Return what the sink has more than the provider; None if there are no two figures."""
        if self.committed is None and self.provider is None:
            return None
        return _EXACT.subtract(self.committed or Decimal(), self.provider or Decimal())

    @property
    def share(self) -> Decimal | None:
        """Return the difference as a share of the provider's total; of a total of 0 it is 1."""
        if (difference := self.difference) is None:
            return None
        if not self.provider:
            return Decimal(1).copy_sign(difference) if difference else Decimal()
        return difference / abs(self.provider)

    @property
    def agrees(self) -> bool | None:
        """Tell whether the difference is within the tolerance; None if there is no difference."""
        if (difference := self.difference) is None:
            return None
        return abs(difference) <= tolerance(self.provider or Decimal()) + self.rounded

    def as_json(self) -> dict[str, Any]:
        """Return the document that the CLI shows."""
        share = self.share
        return {
            "measure": self.measure or None,
            "result": str(self.agreement),
            "committed": _text(self.committed),
            "provider": _text(self.provider),
            "difference": _text(self.difference),
            "share": None if share is None else float(share),
            "agrees": self.agrees,
            "reason": self.reason,
        }


def tolerance(total: Decimal) -> Decimal:
    """Return by how much a sum may be off *total*: its rounding, and half its last decimal."""
    exponent = total.as_tuple().exponent
    last = min(exponent if isinstance(exponent, int) else 0, _COARSEST)
    return abs(total) * TOLERANCE + Decimal(5).scaleb(last - 1)


def compared(
    committed: Sums, totals: Totals, *, excuse: str | None = None, hint: str | None = None
) -> list[Comparison]:
    """
    Compare every measure that *totals* has, in all units that either side has of it.

    Args:
        committed: the exact sums that a sink holds of the billing period.
        totals: the provider's.
        excuse: why a difference would be no drift, if it would not.
        hint: what a drift most likely comes from, if anybody knows.
    """
    if not totals.sums:
        return [unverified(f"{totals.origin} gives no sums")]
    found = []
    for measure in _measures(committed, totals.sums):
        pair = Comparison(
            measure=measure,
            agreement=Agreement.UNVERIFIED,
            committed=committed.get(measure),
            provider=totals.sums.get(measure),
            rounded=_rounded(measure, committed),
        )
        found.append(_judged(pair, totals, excuse, hint))
    return found


def unverified(reason: str) -> Comparison:
    """Return that there was nothing to compare."""
    return Comparison(measure="", agreement=Agreement.UNVERIFIED, reason=reason)


def worst(agreements: Iterable[Agreement]) -> Agreement:
    """Return the worst of *agreements*; `unverified` if there are none."""
    found = set(agreements)
    return next((each for each in Agreement if each in found), Agreement.UNVERIFIED)


def _judged(pair: Comparison, totals: Totals, excuse: str | None, hint: str | None) -> Comparison:
    if pair.agrees:
        if totals.independent:
            return replace(pair, agreement=Agreement.MATCH)
        return replace(pair, reason=f"it agrees, but {_SAME_PATH}")
    if excuse is not None:
        return replace(pair, reason=excuse)
    agreement = Agreement.MISSING if pair.committed is None else Agreement.DRIFT
    if hint is None and not totals.independent:
        hint = f"{_SAME_PATH}: some are lacking or too many, or the source has changed since"
    return replace(pair, agreement=agreement, reason=hint)


def _rounded(measure: str, committed: Mapping[str, Decimal]) -> Decimal:
    """Return what rounding may come to: each source row once, by half its last decimal at most."""
    name = measure.partition(":")[0]
    place = ACTIVITY_SCHEMA.get_field_index(name)
    scale = getattr(ACTIVITY_SCHEMA.field(place).type, "scale", 0) if place >= 0 else 0
    return committed.get(_LINES, Decimal()) * Decimal(5).scaleb(-scale - 1) if scale else Decimal()


def _measures(committed: Mapping[str, Decimal], totals: Mapping[str, Decimal]) -> Iterator[str]:
    """Yield the measures to compare: a currency that only the sink has is a difference too."""
    bases = {name.partition(":")[0] for name in totals}
    held = {name for name in committed if name.partition(":")[0] in bases}
    yield from sorted(totals.keys() | held)


def _text(number: Decimal | None) -> str | None:
    return None if number is None else plain(number)
