"""Sums of an export, as they are compared with what sinks hold."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Context as Arithmetic
from decimal import Decimal
from typing import Any, Final

_EXACT: Final = Arithmetic(prec=76)


def added(
    rows: Iterable[Mapping[str, Any]],
    measures: Sequence[str],
    selects: Callable[[str], bool],
    unit: str | None = None,
) -> dict[str, Decimal]:
    """
    Add up the sums of projects; a measure that is null everywhere has none.

    Args:
        rows: of each project, with the measures as text.
        measures: columns to add up.
        selects: tells whether the operator wants a project; what has none is always wanted.
        unit: the column with the unit of the measures, if there is one.
    """
    sums: dict[str, Decimal] = {}
    for row in rows:
        if row["project"] is not None and not selects(row["project"]):
            continue
        for measure in measures:
            if (amount := row[measure]) is None:
                continue
            name = measure if unit is None else f"{measure}:{row[unit] or ''}"
            sums[name] = _EXACT.add(sums.get(name, Decimal()), Decimal(amount))
    return sums
