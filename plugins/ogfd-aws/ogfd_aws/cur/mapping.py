"""
One table of an export, as read, to activities: the columns of ``ACTIVITY_SCHEMA`` from its own.

                        line items                     FOCUS
    billing_account_id  bill/PayerAccountId            BillingAccountId
    account_id, _name   lineItem/UsageAccountId, Name  SubAccountId, SubAccountName
    billing_period      bill/BillingPeriodStartDate    BillingPeriodStart
    invoice_id          bill/InvoiceId                 InvoiceId
    service             product/ProductName, else      ServiceName, else x_ServiceCode
                        lineItem/ProductCode           in both: a code by `ogfd_aws.services`
    category            lineItem/ProductCode by        ServiceCategory, else x_ServiceCode by
                        `ogfd_aws.services`            `ogfd_aws.services`
    region              product/regionCode,            RegionId, AvailabilityZone, RegionName
                        product/region, zone, location
                        in both: `global` for global services; null for taxes and the like
    location, country   region by `ogfd_aws.regions`
    sku                 lineItem/UsageType             x_UsageType, else SkuMeter
    operation           lineItem/Operation             x_Operation
    machine_type        product/instanceType           SkuPriceDetails[InstanceType]
    period_start, _end  lineItem/UsageStartDate, End   ChargePeriodStart, ChargePeriodEnd
    charges             `ogfd_aws.cur.charges`
    currency            lineItem/CurrencyCode          BillingCurrency
    resource_id         lineItem/ResourceId            ResourceId
    tags                resourceTags, costCategory     Tags, x_CostCategories

How each generation spells them: `ogfd_aws.cur.fields`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Final

import numpy as np
import pyarrow as pa

from ogfd.plugin import INSTANT, LABELS
from ogfd.plugin.tabular import Combined, Mapped, Maps
from ogfd_aws.cur.charges import SPLIT, Charges, charges
from ogfd_aws.cur.columns import Columns
from ogfd_aws.cur.fields import RESOURCE, TAG, Family
from ogfd_aws.cur.rows import ExportRows
from ogfd_aws.exports.instants import instant
from ogfd_aws.exports.places import places, region
from ogfd_aws.services import NAMES, OTHER, category_of

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_SHORTEST: Final = timedelta(seconds=1)
_AS_THEY_ARE: Final = (
    ("billing_account_id", "payer"),
    ("account_id", "account"),
    ("account_name", "account_name"),
    ("invoice_id", "invoice"),
    ("sku", "usage_type"),
    ("operation", "operation"),
    ("machine_type", "instance_type"),
    ("currency", "currency"),
    ("resource_id", RESOURCE),
)
_METADATA: Final[Mapping[Family, Mapping[str, str]]] = {
    Family.CUR: {
        "line_item_type": "line_type",
        "product_family": "product_family",
        "pricing_term": "pricing_term",
        "purchase_option": "purchase_option",
    },
    Family.FOCUS: {
        "charge_class": "charge_class",
        "charge_frequency": "charge_frequency",
        "commitment_discount_status": "commitment_status",
        "pricing_category": "pricing_category",
    },
}


class Mapper:
    """
    Maps the rows of one slice. Keeps what it has parsed; not for two threads at once.

    Args:
        sources: what the rows of each family say they are from.
        tags: the wanted tag keys.

    Attributes:
        unamortised: how many rows that count had no effective cost.
    """

    def __init__(self, sources: Mapping[Family, str], tags: tuple[str, ...]) -> None:
        self.unamortised = 0
        self._sources = sources
        self._tags = tags
        self._maps = Maps()
        self._instants: dict[str, datetime | None] = {}

    def map(self, table: pa.Table, columns: Columns, file: str, first_row: int) -> Mapped:
        """Map a table of combined chunks whose first row is data row *first_row* of *file*."""
        rows = ExportRows(table, columns, self._maps)
        for name in ("payer", "currency"):
            rows.empty(name)
        out = self._as_they_are(rows) | self._labelled(rows) | _places(rows) | self._periods(rows)
        charged = charges(rows)
        self.unamortised += rows.unamortised
        return _mapped(rows, out | dict(charged.columns), charged, file, first_row)

    def _as_they_are(self, rows: ExportRows) -> dict[str, pa.Array]:
        source = pa.DictionaryArray.from_arrays(
            np.zeros(rows.count, dtype=np.int32), pa.array([self._sources[rows.family]])
        )
        return {"source": source} | {
            target: rows.text(name).array() for target, name in _AS_THEY_ARE if name in rows.cells
        }

    def _labelled(self, rows: ExportRows) -> dict[str, pa.Array]:
        named = _METADATA[rows.family]
        out = {
            "service": rows.combined("product_name", "product_code").map(
                lambda name, code: name or NAMES.get(code or "", code)
            ),
            "category": _categories(rows),
            "metadata": rows.combined(*named.values()).map(
                lambda *values: _pairs(zip(named, values, strict=True)), LABELS
            ),
        }
        tags = [tag for tag in self._tags if TAG + tag in rows.cells]
        if tags:
            out["tags"] = rows.combined(*(TAG + tag for tag in tags)).map(
                lambda *values: _pairs(zip(tags, values, strict=True)), LABELS
            )
        return out

    def _periods(self, rows: ExportRows) -> dict[str, pa.Array]:
        months = rows.combined("month")
        opened = self._instants_of(rows, months, 0, "month")
        names = [f"{one:%Y-%m}" if one else None for one in opened]
        spans = rows.combined("start", "end")
        starts = self._instants_of(rows, spans, 0, "start")
        ends = self._instants_of(rows, spans, 1, "end")
        backward = [
            start is not None and end is not None and end < start
            for start, end in zip(starts, ends, strict=True)
        ]
        rows.odd(spans, backward, "end", "lies before the start")
        # A charge of an instant, such as a purchase, lasts a second: a period is never empty.
        ends = [
            end + _SHORTEST if end is not None and end == start else end
            for start, end in zip(starts, ends, strict=True)
        ]
        return {
            "billing_period": months.column(names),
            "period_start": spans.column([_micros(one) for one in starts], INSTANT),
            "period_end": spans.column([_micros(one) for one in ends], INSTANT),
        }

    def _instants_of(
        self, rows: ExportRows, found: Combined, place: int, name: str
    ) -> list[datetime | None]:
        times = [self._instant(row[place]) for row in found.rows]
        rows.odd(found, [one is None for one in times], name, "is not a time")
        return times

    def _instant(self, text: str | None) -> datetime | None:
        """Read a time as exports write it; None if it is none. A time without zone is UTC."""
        if text is None:
            return None
        if text not in self._instants:
            self._instants[text] = instant(text)
        return self._instants[text]


def _mapped(
    rows: ExportRows, out: Mapping[str, pa.Array], charged: Charges, file: str, first_row: int
) -> Mapped:
    kept = ~(charged.left_out | rows.problems.bad)
    batch = pa.RecordBatch.from_pydict(out)
    if not kept.all():
        batch = batch.filter(pa.array(kept))
    filtered = int(charged.left_out.sum())
    return Mapped(
        batch=batch,
        source_rows=rows.count,
        rejected=rows.problems.rejected(file, first_row, out["billed_cost"], ~charged.left_out),
        filtered={SPLIT: filtered} if filtered else {},
        unknown=rows.unknown,
        rounded=rows.rounded,
    )


def _categories(rows: ExportRows) -> pa.Array:
    """FOCUS names the category itself; else the product code tells it."""
    found = rows.combined("product_code", "service_category")
    known = [category_of(code) if code else None for code, _ in found.rows]
    rows.strange(
        "service",
        found,
        [
            None if category or named else code
            for category, (code, named) in zip(known, found.rows, strict=True)
        ],
    )
    return found.column(
        [
            named.lower().replace(" ", "_") if named else category or OTHER
            for category, (_, named) in zip(known, found.rows, strict=True)
        ]
    )


def _places(rows: ExportRows) -> dict[str, pa.Array]:
    found = rows.combined("region_code", "region", "zone", "place", "product_code")
    return places(rows, found, [region(*row) for row in found.rows])


def _micros(time: datetime | None) -> int | None:
    return None if time is None else (time - _EPOCH) // timedelta(microseconds=1)


def _pairs(found: zip[tuple[str, str | None]]) -> tuple[tuple[str, str], ...] | None:
    """Return the pairs that have a value, sorted; None if there are none."""
    return tuple(sorted((key, value) for key, value in found if value)) or None
