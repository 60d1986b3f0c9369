"""
One table of a carbon export, as read, to activities.

    billing_account_id, account_id     payer_account_id, usage_account_id
    billing_period, period             the month of the folder; usage_period_start must lie in it
    service, category                  name and category of product_code by `ogfd_aws.services`
    sku                                product_code
    region                             region_code, else location, else `global` for global services
    model_version                      that of the folder; model_version must be the same
    measures                           `ogfd_aws.carbon.export.columns`, metric tons to kilograms
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import pyarrow as pa

from ogfd.plugin import INSTANT, LABELS, Period
from ogfd.plugin.tabular import Mapped, Maps, Rows, Selection
from ogfd_aws.carbon.export.columns import (
    ACCOUNT,
    MEASURES,
    MODEL,
    PAYER,
    PLACE,
    PRODUCT,
    REGION,
    START,
    unit_of,
    value_of,
)
from ogfd_aws.carbon.export.models import same
from ogfd_aws.exports.instants import instant
from ogfd_aws.exports.places import places, region
from ogfd_aws.services import OTHER, service_of

SOURCE: Final = "aws_carbon_export"

_UNIT: Final = "MTCO2e"
_KILOGRAMS: Final = pa.decimal128(38, 12)
_TONS: Final = pa.decimal128(38, 15)
"""Its digits are those of `_KILOGRAMS`, a thousandth as large each: the factor costs nothing."""

_SCOPE3_MARKET: Final = "scope3_market_kg"  # in the metadata, as `ogfd_aws.carbon.stream` has it


class Mapper:
    """Maps the rows of one month by one model."""

    def __init__(self, month: Period, model: str) -> None:
        self._month = month
        self._model = model
        self._maps = Maps()

    def map(self, table: pa.Table, columns: Selection, file: str, first_row: int) -> Mapped:
        """Map a table of combined chunks whose first row is data row *first_row* of *file*."""
        rows = Rows(table, columns, self._maps)
        for name in (PAYER, ACCOUNT):
            rows.empty(name)
        self._check_partition(rows)
        out = self._constants(rows.count) | _labelled(rows) | _measures(rows)
        batch = pa.RecordBatch.from_pydict(out)
        if rows.problems.bad.any():
            batch = batch.filter(pa.array(~rows.problems.bad))
        everywhere = np.ones(rows.count, dtype=np.bool_)
        costs = pa.nulls(rows.count)
        return Mapped(
            batch=batch,
            source_rows=rows.count,
            rejected=rows.problems.rejected(file, first_row, costs, everywhere),
            unknown=rows.unknown,
            rounded=rows.rounded,
        )

    def _check_partition(self, rows: Rows) -> None:
        """Hold the rows to their folder: others would count in two slices, or by two models."""
        starts = rows.combined(START)
        times = [None if text is None else instant(text) for (text,) in starts.rows]
        outside = [time is None or time not in self._month for time in times]
        rows.odd(starts, outside, START, f"is not a time in {self._month}")
        if MODEL in rows.cells:
            models = rows.combined(MODEL)
            others = [text is None or not same(text, self._model) for (text,) in models.rows]
            rows.odd(models, others, MODEL, f"is not {self._model}, as the folder says")

    def _constants(self, count: int) -> dict[str, pa.Array]:
        said: Mapping[str, tuple[Any, pa.DataType]] = {
            "source": (SOURCE, pa.string()),
            "billing_period": (str(self._month), pa.string()),
            "charge_category": ("emission", pa.string()),
            "period_start": (self._month.start, INSTANT),
            "period_end": (self._month.end, INSTANT),
            "ghg_scope": (3, pa.int8()),
            "ghg_category": (1, pa.int8()),
            "method": ("supplier_specific", pa.string()),
            "data_quality": ("reported", pa.string()),
            "model_version": (self._model, pa.string()),
        }
        return {
            name: pa.DictionaryArray.from_arrays(
                np.zeros(count, dtype=np.int32), pa.array([value], kind)
            )
            for name, (value, kind) in said.items()
        }


def _labelled(rows: Rows) -> dict[str, pa.Array]:
    products = rows.combined(PRODUCT)
    known = [service_of(code) if code else None for (code,) in products.rows]
    unknown = [None if one else code for one, (code,) in zip(known, products.rows, strict=True)]
    rows.strange("service", products, unknown)
    names = [one.name if one else code for one, (code,) in zip(known, products.rows, strict=True)]
    return {
        "billing_account_id": rows.text(PAYER).array(),
        "account_id": rows.text(ACCOUNT).array(),
        "service": products.column(names),
        "category": products.column([one.category if one else OTHER for one in known]),
        "sku": rows.text(PRODUCT).array(),
        **_places(rows),
    }


def _places(rows: Rows) -> dict[str, pa.Array]:
    found = rows.combined(REGION, PLACE, PRODUCT)
    regions = [region(code, None, None, place, product) for code, place, product in found.rows]
    return places(rows, found, regions)


def _measures(rows: Rows) -> dict[str, pa.Array]:
    out = {
        measure: _kilograms(rows, measure)
        for measure in MEASURES
        if value_of(measure) in rows.cells
    }
    market = out.pop(_SCOPE3_MARKET, None)
    return out if market is None else out | {"metadata": _metadata(market)}


def _kilograms(rows: Rows, measure: str) -> pa.Array:
    """Read amounts in metric tons; those in any other unit are problems."""
    tons = rows.number(value_of(measure), _TONS).values
    units = rows.combined(unit_of(measure))
    other = units.where(lambda unit: unit != _UNIT)
    wrong = other & tons.is_valid().to_numpy(zero_copy_only=False)
    if wrong.any():
        rows.add(wrong, unit_of(measure), f"is not {_UNIT}")
    return pa.Array.from_buffers(
        _KILOGRAMS, len(tons), tons.buffers(), tons.null_count, tons.offset
    )


def _metadata(amounts: pa.Array) -> pa.Array:
    """Return the labels that hold *amounts*, as texts."""
    found = amounts.dictionary_encode()
    labels = [((_SCOPE3_MARKET, f"{one:f}"),) for one in found.dictionary.to_pylist()]
    return pa.DictionaryArray.from_arrays(found.indices, pa.array(labels, LABELS))
