"""The exact sums of a package by billing period, which a slice may have several of."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from decimal import Context, Decimal
from typing import Final

import pyarrow as pa

from ogfd.packages.sealed import SealedPackage
from ogfd.packages.totals import UNIT_OF
from ogfd.plugin import MEASURES

Sums = Mapping[str, Decimal]
"""``measure:unit`` (or ``measure``), as in `PackageInfo.sums`, to the exact sum."""

_PERIOD: Final = "billing_period"
_COLUMNS: Final = tuple(dict.fromkeys((_PERIOD, *UNIT_OF.values(), *MEASURES)))
_EXACT: Final = Context(prec=76)


def monthly_sums(package: SealedPackage) -> dict[str | None, Sums]:
    """
    Return the sums of the rows of each billing period; None stands for rows without one.

    Reads the columns that it needs, a batch at a time: blocking, in bounded memory.
    """
    found: dict[str | None, dict[str, Decimal]] = defaultdict(dict)
    for batch in package.batches(_COLUMNS):
        table = pa.Table.from_batches([batch])
        for measure in MEASURES:
            for period, name, amount in _summed(table, measure):
                sums = found[period]
                sums[name] = _EXACT.add(sums.get(name, Decimal()), amount)
    return dict(found)


def _summed(table: pa.Table, measure: str) -> Iterator[tuple[str | None, str, Decimal]]:
    unit = UNIT_OF.get(measure)
    keys = [_PERIOD] if unit is None else [_PERIOD, unit]
    rows = table.filter(table[measure].is_valid())
    # A batch has too few rows for a sum of its decimals to overflow; see `decimals`.
    groups = rows.group_by(keys, use_threads=False).aggregate([(measure, "sum")])
    for group in groups.to_pylist():
        name = measure if unit is None else f"{measure}:{group[unit] or ''}"
        yield group[_PERIOD], name, Decimal(group[f"{measure}_sum"])
