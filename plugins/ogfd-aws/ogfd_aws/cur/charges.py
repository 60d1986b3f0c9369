"""
What the rows of a table charge: billed and effective cost, quantity, and the kind of charge.

    line items    charge category and effective cost follow from the line type (`ogfd_aws.lines`)
    FOCUS         says both itself; AWS has spread commitments and left out their negations
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ogfd.plugin import AMOUNT, MONEY
from ogfd.plugin.tabular import Mask
from ogfd_aws import lines
from ogfd_aws.cur.amortised import effective
from ogfd_aws.cur.fields import Family
from ogfd_aws.cur.rows import ExportRows

SPLIT: Final = "split cost allocation line, repeats the cost of its instance"
_CHARGES: Final[Mapping[str | None, str]] = {
    "Usage": "usage",
    "Purchase": "purchase",
    "Tax": "tax",
    "Credit": "credit",
    "Adjustment": "adjustment",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Charges:
    """
    The charges of a table.

    Attributes:
        columns: ``charge_category``, ``billed_cost``, ``effective_cost``, ``quantity``, ``unit``.
        left_out: rows that must not be counted, all for the reason `SPLIT`.
    """

    columns: Mapping[str, pa.Array]
    left_out: Mask


def charges(rows: ExportRows) -> Charges:
    """Return what *rows* charge; numbers that cannot be read become problems of them."""
    return _BY_FAMILY[rows.family](rows)


def _line_items(rows: ExportRows) -> Charges:
    kinds = rows.combined("line_type", "product_code")
    meant = [lines.line(kind) for kind, _ in kinds.rows]
    strange = [
        row[0] if line is lines.UNKNOWN else None
        for row, line in zip(kinds.rows, meant, strict=True)
    ]
    rows.strange("charge_category", kinds, strange)
    split = rows.combined("operation").where(lambda operation: operation in lines.SPLIT_OPERATIONS)
    billed = rows.number("billed", MONEY).values
    rows.empty("billed")
    used = _used(rows, kinds.flags([line.usage for line in meant]))
    amortised = effective(
        billed,
        kinds,
        meant,
        cells=rows.cells,
        reservation=~rows.text("reservation").empty,
        counted=~(split | rows.problems.bad),
    )
    for name, bad in amortised.bad.items():
        rows.unreadable(name, bad)
    rows.unamortised += amortised.unknown
    rows.rounded += amortised.rounded
    return Charges(
        columns={
            "charge_category": kinds.column([line.charge for line in meant]),
            "billed_cost": billed,
            "effective_cost": amortised.values,
            **used,
        },
        left_out=split,
    )


def _focus(rows: ExportRows) -> Charges:
    kinds = rows.combined("charge")
    strange = [None if kind in _CHARGES else kind for (kind,) in kinds.rows]
    rows.strange("charge_category", kinds, strange)
    category = kinds.map(lambda kind: _CHARGES.get(kind, lines.UNKNOWN.charge))
    billed = rows.number("billed", MONEY).values
    rows.empty("billed")
    spread = rows.number("effective", MONEY).values
    rows.unamortised += int(
        (spread.is_null().to_numpy(zero_copy_only=False) & ~rows.problems.bad).sum()
    )
    return Charges(
        columns={
            "charge_category": category,
            "billed_cost": billed,
            "effective_cost": spread,
            **_used(rows, kinds.where(lambda kind: kind == "Usage")),
        },
        left_out=np.zeros(rows.count, dtype=np.bool_),
    )


_BY_FAMILY: Final[Mapping[Family, Callable[[ExportRows], Charges]]] = {
    Family.CUR: _line_items,
    Family.FOCUS: _focus,
}


def _used(rows: ExportRows, usage: Mask) -> dict[str, pa.Array]:
    """Return quantity and unit of the rows of *usage*: what others have there is no quantity."""
    units = rows.text("unit").array()
    return {
        "quantity": rows.number("amount", AMOUNT, where=usage).values,
        "unit": pa.DictionaryArray.from_arrays(
            pc.if_else(pa.array(usage), units.indices, None), units.dictionary
        ),
    }
