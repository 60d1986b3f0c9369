"""
One table of a report, as read, to activities: the columns of ``ACTIVITY_SCHEMA`` from the report's.

    billing_account_id  bill/PayerAccountId        sku           lineItem/UsageType
    account_id          lineItem/UsageAccountId    operation     lineItem/Operation
    billing_period      bill/BillingPeriodStartDate
    invoice_id          bill/InvoiceId             machine_type  product/instanceType
    service             product/ProductName, else lineItem/ProductCode
    category            lineItem/ProductCode by `ogfd_aws.services`
    region              product/regionCode, product/region, lineItem/AvailabilityZone,
                        product/location; `global` for global services; null for taxes and the like
    location, country   region by `ogfd_aws.regions`
    charge_category     lineItem/LineItemType by `ogfd_aws.lines`
    period_start, _end  lineItem/UsageStartDate, lineItem/UsageEndDate
    quantity, unit      lineItem/UsageAmount, pricing/unit; of usage only
    billed_cost         lineItem/UnblendedCost
    effective_cost      see `ogfd_aws.lines.Amortised`
    resource_id         lineItem/ResourceId        currency      lineItem/CurrencyCode
    tags                resourceTags/*, costCategory/*
    metadata            lineItem/LineItemType, product/productFamily, pricing/term,
                        pricing/PurchaseOption

https://docs.aws.amazon.com/cur/latest/userguide/data-dictionary.html
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ogfd.plugin import AMOUNT, INSTANT, LABELS, MONEY
from ogfd_aws import lines
from ogfd_aws.cur.columns import RESOURCE, TAG, Columns
from ogfd_aws.cur.cost import effective
from ogfd_aws.cur.numbers import numbers
from ogfd_aws.cur.problems import Problems, Rejected
from ogfd_aws.cur.text import Combined, Mask, Text, absent, text_of
from ogfd_aws.regions import GLOBAL, region_of, where
from ogfd_aws.services import CATEGORIES, OTHER, WITHOUT_REGION

SOURCE: Final = "aws_cur"
SPLIT: Final = "split cost allocation line, repeats the cost of its instance"
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_SHORTEST: Final = timedelta(seconds=1)
_METADATA: Final = (
    ("line_item_type", "line_item_line_item_type"),
    ("product_family", "product_product_family"),
    ("pricing_term", "pricing_term"),
    ("purchase_option", "pricing_purchase_option"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mapped:
    """
    Some rows of a file.

    Attributes:
        batch: the activities.
        source_rows: how many rows of the file they answer for, rejected and filtered included.
        rejected: bad rows.
        filtered: rows left out, by reason.
    """

    batch: pa.RecordBatch
    source_rows: int
    rejected: tuple[Rejected, ...] = ()
    filtered: Mapping[str, int] = field(default_factory=dict)


@dataclass(slots=True)
class Notes:
    """What a slice held that the tables do not know, for one line in the log each."""

    line_types: set[str] = field(default_factory=set)
    product_codes: set[str] = field(default_factory=set)
    regions: set[str] = field(default_factory=set)
    unamortised: int = 0
    rounded: int = 0


class Mapper:
    """Maps the rows of one slice. Keeps what it has parsed; not for two threads at once."""

    def __init__(self, tags: tuple[str, ...], *, resource_ids: bool) -> None:
        self.notes = Notes()
        self._tags = tags
        self._resource_ids = resource_ids
        self._instants: dict[str, datetime | None] = {}

    def map(self, table: pa.Table, columns: Columns, file: str, first_row: int) -> Mapped:
        """Map a table of combined chunks whose first row is data row *first_row* of *file*."""
        rows = _Rows(table, columns, self)
        return rows.mapped(file, first_row)

    def instant(self, text: str | None) -> datetime | None:
        """Read a time as reports write it; None if it is none. A time without zone is UTC."""
        if text is None:
            return None
        if text not in self._instants:
            self._instants[text] = _instant(text)
        return self._instants[text]

    @property
    def tags(self) -> tuple[str, ...]:
        """The wanted tag keys."""
        return self._tags

    @property
    def resource_ids(self) -> bool:
        """Whether resource ids are wanted."""
        return self._resource_ids


class _Rows:
    """The mapping of one table."""

    def __init__(self, table: pa.Table, columns: Columns, mapper: Mapper) -> None:
        self._count = table.num_rows
        self._mapper = mapper
        self._cells = {name: _chunk(table.column(name)) for name in table.column_names}
        self._columns = columns
        self._texts: dict[str, Text] = {}
        self._problems = Problems(self._count)
        self._out: dict[str, pa.Array] = {}

    def mapped(self, file: str, first_row: int) -> Mapped:
        self._check_texts()
        self._as_they_are()
        self._labelled()
        self._places()
        self._periods()
        split = self._money()
        kept = ~(split | self._problems.bad)
        batch = pa.RecordBatch.from_pydict(self._out)
        if not kept.all():
            batch = batch.filter(pa.array(kept))
        filtered = int(split.sum())
        return Mapped(
            batch=batch,
            source_rows=self._count,
            rejected=self._problems.rejected(file, first_row, self._out["billed_cost"], ~split),
            filtered={SPLIT: filtered} if filtered else {},
        )

    def _text(self, name: str) -> Text:
        if name not in self._texts:
            cells = self._cells.get(name)
            self._texts[name] = absent(self._count) if cells is None else text_of(cells)
        return self._texts[name]

    def _check_texts(self) -> None:
        for name, cells in self._cells.items():
            if not pa.types.is_dictionary(cells.type):
                continue
            text = self._text(name)
            if text.broken is not None:
                self._problems.add(
                    text.broken, f"{self._columns.header(name)} is not UTF-8 text", cells
                )
        for name in ("bill_payer_account_id", "line_item_currency_code"):
            text = self._text(name)
            if text.indices.null_count:
                self._problems.add(
                    text.empty, f"{self._columns.header(name)} is empty", self._cells[name]
                )

    def _as_they_are(self) -> None:
        out = self._out
        out["source"] = pa.DictionaryArray.from_arrays(
            np.zeros(self._count, dtype=np.int32), pa.array([SOURCE])
        )
        for target, name in (
            ("billing_account_id", "bill_payer_account_id"),
            ("account_id", "line_item_usage_account_id"),
            ("invoice_id", "bill_invoice_id"),
            ("sku", "line_item_usage_type"),
            ("operation", "line_item_operation"),
            ("machine_type", "product_instance_type"),
            ("currency", "line_item_currency_code"),
        ):
            if name in self._cells:
                out[target] = self._text(name).array()
        if self._mapper.resource_ids and RESOURCE in self._cells:
            out["resource_id"] = self._text(RESOURCE).array()

    def _labelled(self) -> None:
        service = self._combined("product_product_name", "line_item_product_code")
        self._out["service"] = service.map(lambda name, code: name or code)
        self._out["category"] = self._combined("line_item_product_code").map(self._category)
        metadata = self._combined(*(name for _, name in _METADATA))
        self._out["metadata"] = metadata.map(_metadata, LABELS)
        places = [tag for tag in self._mapper.tags if TAG + tag in self._cells]
        if places:
            tags = self._combined(*(TAG + tag for tag in places))
            self._out["tags"] = tags.map(
                lambda *values: _pairs(zip(places, values, strict=True)), LABELS
            )

    def _category(self, code: str | None) -> str:
        category = CATEGORIES.get(code or "")
        if category is None and code:
            self._mapper.notes.product_codes.add(code)
        return category or OTHER

    def _places(self) -> None:
        found = self._combined(
            "product_region_code",
            "product_region",
            "line_item_availability_zone",
            "product_location",
            "line_item_product_code",
        )
        regions = [self._region(*row) for row in found.rows]
        self._out["region"] = found.column(regions)
        known = [where(region) if region else None for region in regions]
        self._out["location"] = found.column([one and one.location for one in known])
        self._out["country"] = found.column([one and one.country for one in known])

    def _region(self, *named: str | None) -> str | None:
        region = region_of(*named[:4])
        if region is None and named[4] in WITHOUT_REGION:
            return GLOBAL
        if region is not None and where(region) is None:
            self._mapper.notes.regions.add(region)
        return region

    def _periods(self) -> None:
        read = self._mapper.instant
        months = self._combined("bill_billing_period_start_date")
        starts = [read(row[0]) for row in months.rows]
        self._note_times(months, starts, "bill_billing_period_start_date")
        self._out["billing_period"] = months.column([one and f"{one:%Y-%m}" for one in starts])
        spans = self._combined("line_item_usage_start_date", "line_item_usage_end_date")
        starts = [read(start) for start, _ in spans.rows]
        ends = [read(end) for _, end in spans.rows]
        self._note_times(spans, starts, "line_item_usage_start_date")
        self._note_times(spans, ends, "line_item_usage_end_date")
        backward = [
            start is not None and end is not None and end < start
            for start, end in zip(starts, ends, strict=True)
        ]
        self._add(spans, backward, "line_item_usage_end_date", "lies before the start")
        # A charge of an instant, such as a purchase, lasts a second: a period is never empty.
        ends = [
            end + _SHORTEST if end is not None and end == start else end
            for start, end in zip(starts, ends, strict=True)
        ]
        self._out["period_start"] = spans.column([_micros(one) for one in starts], INSTANT)
        self._out["period_end"] = spans.column([_micros(one) for one in ends], INSTANT)

    def _note_times(self, found: Combined, times: list[datetime | None], name: str) -> None:
        self._add(found, [one is None for one in times], name, "is not a time")

    def _add(self, found: Combined, chosen: list[bool], name: str, reason: str) -> None:
        if any(chosen):
            self._problems.add(
                found.flags(chosen),
                f"{self._columns.header(name)} {reason}",
                self._cells[name],
            )

    def _money(self) -> Mask:
        """Add the measures; return the rows that are left out."""
        notes = self._mapper.notes
        kinds = self._combined("line_item_line_item_type", "line_item_product_code")
        meant = [lines.line(kind) for kind, _ in kinds.rows]
        notes.line_types |= {
            row[0] or ""
            for row, line in zip(kinds.rows, meant, strict=True)
            if line is lines.UNKNOWN
        }
        self._out["charge_category"] = kinds.column([line.charge for line in meant])
        split = self._combined("line_item_operation").where(
            lambda operation: operation in lines.SPLIT_OPERATIONS
        )
        cells = self._cells["line_item_unblended_cost"]
        cost = numbers(cells, MONEY)
        header = self._columns.header("line_item_unblended_cost")
        self._problems.add(cost.bad, f"{header} is not a number below 10^15", cells)
        if cells.null_count:
            empty = cells.is_null().to_numpy(zero_copy_only=False)
            self._problems.add(empty, f"{header} is empty", cells)
        self._out["billed_cost"] = cost.values
        self._quantity(kinds.flags([line.usage for line in meant]))
        amortised = effective(
            cost.values,
            kinds,
            meant,
            cells=self._cells,
            reservation=~self._text("reservation_reservation_a_r_n").empty,
            counted=~(split | self._problems.bad),
        )
        for name, bad in amortised.bad.items():
            reason = f"{self._columns.header(name)} is not a number below 10^15"
            self._problems.add(bad, reason, self._cells[name])
        self._out["effective_cost"] = amortised.values
        notes.unamortised += amortised.unknown
        notes.rounded += cost.rounded + amortised.rounded
        return split

    def _quantity(self, usage: Mask) -> None:
        cells = self._cells["line_item_usage_amount"]
        if not usage.all():
            cells = pc.if_else(pa.array(usage), cells, None)
        amount = numbers(cells, AMOUNT)
        header = self._columns.header("line_item_usage_amount")
        self._problems.add(amount.bad, f"{header} is not a number below 10^15", cells)
        self._mapper.notes.rounded += amount.rounded
        self._out["quantity"] = amount.values
        units = self._text("pricing_unit").array()
        self._out["unit"] = pa.DictionaryArray.from_arrays(
            pc.if_else(pa.array(usage), units.indices, None), units.dictionary
        )

    def _combined(self, *names: str) -> Combined:
        return Combined([self._text(name) for name in names])


def _chunk(column: pa.ChunkedArray) -> pa.Array:
    return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()


def _instant(text: str) -> datetime | None:
    try:
        time = datetime.fromisoformat(text.replace(" +", "+"))
    except ValueError:
        return None
    return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)


def _micros(time: datetime | None) -> int | None:
    return None if time is None else (time - _EPOCH) // timedelta(microseconds=1)


def _metadata(*values: str | None) -> tuple[tuple[str, str], ...] | None:
    return _pairs(zip((key for key, _ in _METADATA), values, strict=True))


def _pairs(found: zip[tuple[str, str | None]]) -> tuple[tuple[str, str], ...] | None:
    """Return the pairs that have a value, sorted; None if there are none."""
    return tuple(sorted((key, value) for key, value in found if value)) or None
