"""The effective (amortised) cost of each row, by the rule of its line type."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ogfd.plugin import MONEY
from ogfd.plugin.tabular import Combined, Mask, numbers
from ogfd_aws import lines
from ogfd_aws.lines import Amortised, Line

_ADDABLE: Final = pa.decimal128(34, 18)  # wide enough below 10^15; a sum may have one digit more


@dataclass(slots=True)
class Effective:
    """
    The effective costs of a table.

    Attributes:
        values: null where the report does not tell.
        bad: column to the rows whose number there cannot be read.
        unknown: how many counted rows have no effective cost.
        rounded: how many values were rounded half-even.
    """

    values: pa.Array
    bad: dict[str, Mask] = field(default_factory=dict)
    unknown: int = 0
    rounded: int = 0


def effective(
    billed: pa.Array,
    kinds: Combined,
    meant: Sequence[Line],
    *,
    cells: Mapping[str, pa.Array],
    reservation: Mask,
    counted: Mask,
) -> Effective:
    """
    Compute the effective costs.

    Args:
        billed: unblended cost of each row.
        kinds: line type and product code of each row.
        meant: what the line type of each combination in *kinds* means.
        cells: the columns of the report that are there.
        reservation: which rows name a reservation.
        counted: which rows are neither rejected nor left out.
    """
    found = Effective(billed)
    for rule, rows in _by_rule(kinds, meant, reservation, counted).items():
        if rule is Amortised.NOTHING:
            found.values = pc.if_else(pa.array(rows), pa.scalar(Decimal(0), MONEY), found.values)
        else:
            _fill(found, rule, rows, cells)
    return found


def _by_rule(
    kinds: Combined, meant: Sequence[Line], reservation: Mask, counted: Mask
) -> dict[Amortised, Mask]:
    """Return the rows of each rule but the plain one."""
    rules = [
        Amortised.NOTHING if row == lines.REFUNDED_PLAN else line.amortised
        for row, line in zip(kinds.rows, meant, strict=True)
    ]
    found: dict[Amortised, Mask] = {}
    for rule in sorted(set(rules) - {Amortised.UNBLENDED}, key=lambda one: one.name):
        found[rule] = kinds.flags([one is rule for one in rules]) & counted
    if reservation.any():
        fees = kinds.where(lambda kind, _code: kind == lines.RESERVATION_FEE)
        none = np.zeros(len(fees), dtype=np.bool_)
        found[Amortised.NOTHING] = found.get(Amortised.NOTHING, none) | (
            fees & reservation & counted
        )
    return {rule: rows for rule, rows in found.items() if rows.any()}


def _fill(found: Effective, rule: Amortised, rows: Mask, cells: Mapping[str, pa.Array]) -> None:
    places = np.flatnonzero(rows)
    total: pa.Array | None = None
    for term in rule.value:
        name = term.removeprefix("-")
        if name not in cells:
            total = None
            break
        part = numbers(cells[name].take(pa.array(places)), MONEY)
        if part.bad.any():
            bad = np.zeros(len(rows), dtype=np.bool_)
            bad[places[part.bad]] = True
            found.bad[name] = bad
        found.rounded += part.rounded
        values = part.values.cast(_ADDABLE)
        if total is None:
            total = values
        else:
            added = pc.subtract(total, values) if term != name else pc.add(total, values)
            total = added.cast(_ADDABLE)
    chosen = pa.nulls(len(places), MONEY) if total is None else total.cast(MONEY)
    found.unknown += chosen.null_count
    found.values = pc.replace_with_mask(found.values, pa.array(rows), chosen)
