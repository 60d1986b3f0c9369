"""
The physical quantity of each row of usage, from quantities that may be counted in blocks.

The quantity of cost details is in blocks of the unit of measure: 2 of ``10K`` are 20,000 operations.
FOCUS has two quantities. Exports until November 2024 have the blocks in ConsumedQuantity, and in
PricingQuantity the blocks divided by their size once more; later ones what was consumed, and the
blocks. So every row is checked against its cost (`ogfd_azure.exports.blocks`):

    it is in blocks           times the size of a block
    it is in units            as it is
    nothing tells             details: times the size, but for what is known to be in units;
                              FOCUS: ConsumedQuantity as it is
    it contradicts itself     as it is

Where the row does not tell, ``quantity_check`` is ``assumed`` or ``contradicted`` in its metadata.
https://github.com/microsoft/finops-toolkit/issues/727 (2024-11)
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from functools import partial
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ogfd.plugin import AMOUNT, MONEY
from ogfd.plugin.tabular import Codes, Combined, Mask, Text, numbers
from ogfd_azure.exports.blocks import Floats, told
from ogfd_azure.exports.charges import Charges
from ogfd_azure.exports.fields import Family
from ogfd_azure.exports.rows import ExportRows
from ogfd_azure.tables.units import unit_of

InUnits = Collection[tuple[str, str]]
"""
Units of measure and meter categories, in lower case.

Of virtual machines by the ``100 Hours``, project-koku found quantities to be hours:
``reporting_azurecostentrylineitem_daily_summary.sql`` of https://github.com/project-koku/koku
(2026, Apache-2.0).
"""

_CHECKS: Final = ("assumed", "contradicted")
_ASSUMED, _CONTRADICTED, _SETTLED = 0, 1, -1
_LARGEST: Final = 1e15  # as of every number that is read
_LARGEST_SIZE: Final = Decimal(10) ** 13
_SIZE: Final = pa.decimal128(20, 6)
_EXACT: Final = pa.decimal256(54, 38)  # times a size this has 75 of the 76 digits that there are
_ONE: Final = pa.scalar(Decimal(1), _SIZE)
_COSTS: Final[Mapping[Family, Callable[[Charges], pa.Array]]] = {
    Family.DETAILS: lambda charged: charged.cost,
    Family.FOCUS: lambda charged: charged.columns["effective_cost"],
}
"""What a quantity costs at ``unit_price``; of FOCUS, usage that a commitment pays for has both."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Quantities:
    """
    The quantities of a table.

    Attributes:
        columns: ``quantity`` and ``unit``; null but for physical usage.
        checks: what is to be said of how a quantity was found.
    """

    columns: Mapping[str, pa.Array]
    checks: Text


def in_units_of(pairs: Iterable[str]) -> InUnits:
    """Read pairs as the operator writes them: ``100 Hours: Virtual Machines``."""
    parted = (pair.casefold().partition(":") for pair in pairs)
    return frozenset((unit.strip(), category.strip()) for unit, _, category in parted)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Measure:
    """
    What a quantity is of.

    Attributes:
        size: units in a block.
        unit: of these; None if the row names none.
        unknown: the unit of measure, if no table knows it.
        in_units: whether a quantity is in units where nothing tells.
    """

    size: Decimal
    unit: str | None
    unknown: str | None
    in_units: bool


def quantities(rows: ExportRows, charged: Charges, in_units: InUnits) -> Quantities:
    """
    Return what the rows of usage used; numbers that cannot be read become problems of *rows*.

    Args:
        rows: of one table.
        charged: what they charge.
        in_units: what is in units where nothing tells, in details.
    """
    found = rows.combined("unit_of_measure", "block", "unit", "meter_category")
    measures = [_measure(in_units, *row) for row in found.rows]
    _note(rows, found, measures, charged.usage)
    blocks = charged.usage & found.flags([measure.size != 1 for measure in measures])
    values = _single(rows, charged.usage & ~blocks)
    checks = np.full(rows.count, _SETTLED, dtype=np.int32)
    if blocks.any():
        several = _Blocks(rows, charged, np.flatnonzero(blocks), found, measures)
        physical, checks[blocks] = several.physical()
        values = pc.replace_with_mask(values, pa.array(blocks), physical)
    units = found.column([measure.unit for measure in measures])
    return Quantities(
        columns={
            "quantity": values,
            "unit": pa.DictionaryArray.from_arrays(
                pc.if_else(pa.array(charged.usage), units.indices, None), units.dictionary
            ),
        },
        checks=Text(pa.array(checks, mask=checks == _SETTLED), pa.array(_CHECKS)),
    )


class _Blocks:
    """The rows at *places*, whose prices are for more or less than one unit."""

    def __init__(
        self,
        rows: ExportRows,
        charged: Charges,
        places: Codes,
        found: Combined,
        measures: Sequence[_Measure],
    ) -> None:
        self._rows = rows
        self._places = places
        sizes = pa.array([measure.size for measure in measures], _SIZE)
        self._sizes = sizes.take(pa.array(found.codes[places]))
        self._in_units = found.flags([measure.in_units for measure in measures])[places]
        self._told = partial(
            told,
            block=_floats(self._sizes),
            cost=_floats(_COSTS[rows.family](charged).take(pa.array(places))),
            price=_approximate(self._cells("unit_price")),
            rate=_approximate(self._cells("exchange_rate")),
        )

    def physical(self) -> tuple[pa.Array, Codes]:
        """Return the physical quantities and, for each, what is to be said of it."""
        focus = self._rows.family is Family.FOCUS
        cells, times, neither, silent = self._focus() if focus else self._details()
        checks = np.select([neither, silent], [_CONTRADICTED, _ASSUMED], _SETTLED)
        return self._multiplied(cells, times), checks.astype(np.int32)

    def _details(self) -> tuple[pa.Array, Mask, Mask, Mask]:
        cells = self._cells("quantity")
        says = self._told(_approximate(cells))
        silent = ~(says.blocks | says.units | says.neither)
        return cells, says.blocks | (silent & ~self._in_units), says.neither, silent

    def _focus(self) -> tuple[pa.Array, Mask, Mask, Mask]:
        consumed, priced = self._cells("quantity"), self._cells("priced_quantity")
        says, other = self._told(_approximate(consumed)), self._told(_approximate(priced))
        by_consumed = says.blocks | says.units
        absent = consumed.is_null().to_numpy(zero_copy_only=False)
        by_priced = (~by_consumed & other.blocks) | absent
        neither = ~by_consumed & ~by_priced & (says.neither | other.neither)
        silent = ~(by_consumed | other.blocks | neither)
        cells = pc.if_else(pa.array(by_priced), priced, consumed)
        return cells, says.blocks | by_priced, neither, silent

    def _cells(self, name: str) -> pa.Array:
        cells = self._rows.cells.get(name)
        if cells is None:
            return pa.nulls(len(self._places), pa.binary())
        cells = cells.take(pa.array(self._places))
        return (
            cells if pa.types.is_binary(cells.type) else cells.cast(pa.string()).cast(pa.binary())
        )

    def _multiplied(self, cells: pa.Array, times: Mask) -> pa.Array:
        exact = numbers(cells, _EXACT)
        self._unreadable(exact.bad)
        sizes = pc.if_else(pa.array(times), self._sizes, _ONE)
        product = pc.multiply(exact.values, sizes.cast(pa.decimal256(20, 6)))
        large = np.abs(_floats(product)) >= _LARGEST
        if large.any():
            self._unreadable(large)
            product = pc.if_else(pa.array(large), None, product)
        near = pc.round(product, AMOUNT.scale, round_mode="half_to_even")
        self._rows.rounded += int(pc.sum(pc.not_equal(near, product)).as_py() or 0)
        return near.cast(AMOUNT)

    def _unreadable(self, bad: Mask) -> None:
        if bad.any():
            rows = np.zeros(self._rows.count, dtype=np.bool_)
            rows[self._places[bad]] = True
            self._rows.unreadable("quantity", rows)


def _single(rows: ExportRows, usage: Mask) -> pa.Array:
    """Return the quantities of what is priced by the unit: both of FOCUS are the same then."""
    values = rows.number("quantity", AMOUNT, where=usage).values
    missing = usage & values.is_null().to_numpy(zero_copy_only=False)
    if missing.any() and "priced_quantity" in rows.cells:
        values = pc.coalesce(values, rows.number("priced_quantity", AMOUNT, where=missing).values)
    return values


def _measure(
    in_units: InUnits,
    measure: str | None,
    block: str | None,
    unit: str | None,
    category: str | None,
) -> _Measure:
    known = unit_of(measure) if measure else None
    return _Measure(
        size=_size(block) or Decimal(known.block if known else 1),
        unit=unit or (known.unit if known else measure),
        unknown=None if known or (block and unit) else measure,
        in_units=((measure or "").strip().casefold(), (category or "").casefold()) in in_units,
    )


def _size(text: str | None) -> Decimal | None:
    """Return the size of a block as FOCUS has it; None if it is none."""
    try:
        size = Decimal(text or "")
    except InvalidOperation:
        return None
    return size if size.is_finite() and 0 < size <= _LARGEST_SIZE else None


def _note(rows: ExportRows, found: Combined, measures: Sequence[_Measure], usage: Mask) -> None:
    """Note the units of usage that no table knows; what else has a unit has no quantity."""
    if any(measure.unknown for measure in measures):
        counts = np.bincount(found.codes[usage], minlength=len(measures)).tolist()
        for measure, count in zip(measures, counts, strict=True):
            if measure.unknown and count:
                rows.unknown["unit", measure.unknown] += count


def _floats(values: pa.Array) -> Floats:
    floats: Floats = values.cast(pa.float64()).to_numpy(zero_copy_only=False)
    return floats


def _approximate(cells: pa.Array) -> Floats:
    """Return the numbers in cells of text; NaN where there is none that can be read."""
    try:
        return _floats(cells.view(pa.string()))
    except pa.ArrowInvalid:
        return _floats(numbers(cells, MONEY).values)
