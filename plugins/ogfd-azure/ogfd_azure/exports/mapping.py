"""
One table of an export, as read, to activities: the columns of ``ACTIVITY_SCHEMA`` from its own.

                        details                        FOCUS
    billing_account_id  BillingAccountId, else the     x_BillingAccountId, else BillingAccountId:
                        subscription                   in both without the path before it
    account_id, _name   SubscriptionId, Name           SubAccountId, SubAccountName
                        null where it is empty or the zero GUID: unused commitments, roundings
    billing_period      BillingPeriodStartDate, else   BillingPeriodStart
                        the month of Date
    invoice_id          invoiceId                      InvoiceId
    service, category   ConsumedService and the type   ServiceName and ServiceCategory, else by
                        of ResourceId by               x_ResourceType
                        `ogfd_azure.tables.services`; else MeterCategory
    region              ResourceLocation, else         RegionId
                        Location
                        in both by `ogfd_azure.tables.regions`; MeterRegion is where a price holds
    sku                 MeterName                      SkuMeter
    operation           MeterSubCategory               x_SkuMeterSubcategory
                        many meters of a service have one name
    machine_type        ServiceType in AdditionalInfo  ServiceType in SkuPriceDetails
    resource_group      ResourceGroup, else that of    x_ResourceGroupName
                        ResourceId
                        in lower case, as ids are: Azure spells them in any
    period_start, _end  Date, a whole day              ChargePeriodStart, ChargePeriodEnd
    charges             `ogfd_azure.exports.charges`
    quantity, unit      `ogfd_azure.exports.quantities`
    currency            BillingCurrency                BillingCurrency
    resource_id         ResourceId                     ResourceId
    tags                Tags                           Tags

How each agreement spells them: `ogfd_azure.exports.fields`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, time, timedelta
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ogfd.plugin import INSTANT, LABELS, Wanted
from ogfd.plugin.tabular import Combined, Mapped, Maps
from ogfd_azure.exports.charges import Charges, Dataset, charges
from ogfd_azure.exports.columns import Columns
from ogfd_azure.exports.dates import instant
from ogfd_azure.exports.fields import RESOURCE, TAG, Family
from ogfd_azure.exports.labels import metadata, pairs
from ogfd_azure.exports.quantities import in_units_of, quantities
from ogfd_azure.exports.resources import groups, machines, places, services
from ogfd_azure.exports.rows import ExportRows, tags_of

SOURCE: Final = "azure_cost_export"

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_DAY: Final = timedelta(days=1)
_SHORTEST: Final = timedelta(seconds=1)
_NOBODY: Final = "00000000-0000-0000-0000-000000000000"
_ACCOUNTS: Final = "/billingaccounts/"
_AS_THEY_ARE: Final = (
    ("account_name", "account_name"),
    ("invoice_id", "invoice"),
    ("sku", "meter"),
    ("operation", "meter_subcategory"),
    ("currency", "currency"),
)


class Mapper:
    """
    Maps the rows of one slice. Keeps what it has parsed; not for two threads at once.

    Args:
        wanted: what the operator wants of them.
        dataset: as the manifest names it, or the operator if that does not; details of neither are
            actual costs.
        in_units: pairs such as ``100 Hours: Virtual Machines``, a unit of measure and a meter
            category, of what is counted in units although it is priced by the block, where a row's
            cost does not tell.
    """

    def __init__(
        self, wanted: Wanted, dataset: Dataset | None, *, in_units: Iterable[str] = ()
    ) -> None:
        self._wanted = wanted
        self._dataset = dataset
        self._in_units = in_units_of(in_units)
        self._maps = Maps(tags_of)
        self._instants: dict[str, datetime | None] = {}

    def map(self, table: pa.Table, columns: Columns, file: str, first_row: int) -> Mapped:
        """
        Map a table of combined chunks whose first row is data row *first_row* of *file*.

        Raises:
            FatalError: if the rows are of another dataset.
        """
        rows = ExportRows(table, columns, self._maps)
        rows.empty("currency")
        out = _as_they_are(rows) | _accounts(rows) | services(rows) | places(rows)
        out |= self._labelled(rows) | self._periods(rows)
        charged = charges(rows, self._dataset, file)
        used = quantities(rows, charged, self._in_units)
        out |= dict(charged.columns) | dict(used.columns)
        out["metadata"] = metadata(rows, used.checks)
        return _mapped(rows, out, charged, file, first_row)

    def _labelled(self, rows: ExportRows) -> dict[str, pa.Array]:
        out = {"machine_type": machines(rows), "resource_group": groups(rows)}
        if self._wanted.resource_ids and RESOURCE in rows.cells:
            out["resource_id"] = rows.part(RESOURCE, pc.utf8_lower).array()
        tags = [tag for tag in self._wanted.tags if TAG + tag in rows.cells]
        if tags:
            out["tags"] = rows.combined(*(TAG + tag for tag in tags)).map(
                lambda *values: pairs(zip(tags, values, strict=True)), LABELS
            )
        return out

    def _periods(self, rows: ExportRows) -> dict[str, pa.Array]:
        months = rows.combined("month", "start")
        opened = [self._instant(month or start) for month, start in months.rows]
        rows.odd(
            months,
            [one is None and bool(row[0]) for one, row in zip(opened, months.rows, strict=True)],
            "month",
            "is not a time",
        )
        spans = rows.combined("start", "end")
        details = rows.family is Family.DETAILS
        starts = self._instants_of(rows, spans, 0, "start")
        if details:
            starts = [start and datetime.combine(start, time.min, UTC) for start in starts]
            ends = [start and start + _DAY for start in starts]
        else:
            ends = self._ends(rows, spans, starts)
        return {
            "billing_period": months.column([f"{one:%Y-%m}" if one else None for one in opened]),
            "period_start": spans.column([_micros(one) for one in starts], INSTANT),
            "period_end": spans.column([_micros(one) for one in ends], INSTANT),
        }

    def _ends(
        self, rows: ExportRows, spans: Combined, starts: Sequence[datetime | None]
    ) -> list[datetime | None]:
        ends = self._instants_of(rows, spans, 1, "end")
        backward = [
            start is not None and end is not None and end < start
            for start, end in zip(starts, ends, strict=True)
        ]
        rows.odd(spans, backward, "end", "lies before the start")
        return [
            _later(start) if start and end == start else end
            for start, end in zip(starts, ends, strict=True)
        ]

    def _instants_of(
        self, rows: ExportRows, found: Combined, place: int, name: str
    ) -> list[datetime | None]:
        times = [self._instant(row[place]) for row in found.rows]
        rows.odd(found, [one is None for one in times], name, "is not a time")
        return times

    def _instant(self, text: str | None) -> datetime | None:
        if text is None:
            return None
        if text not in self._instants:
            self._instants[text] = instant(text)
        return self._instants[text]


def _as_they_are(rows: ExportRows) -> dict[str, pa.Array]:
    source = pa.DictionaryArray.from_arrays(
        np.zeros(rows.count, dtype=np.int32), pa.array([SOURCE])
    )
    return {"source": source} | {
        target: rows.text(name).array() for target, name in _AS_THEY_ARE if name in rows.cells
    }


def _accounts(rows: ExportRows) -> dict[str, pa.Array]:
    found = rows.combined("payer", "account")
    payers = [_payer(payer) or _subscription(account) for payer, account in found.rows]
    rows.odd(
        found, [one is None for one in payers], "account", "is empty, and so is the billing account"
    )
    return {
        "billing_account_id": found.column(payers),
        "account_id": found.map(lambda _, account: _subscription(account)),
    }


def _payer(text: str | None) -> str | None:
    """Return the id of a billing account, which FOCUS has as a path, with a profile behind it."""
    plain = (text or "").strip().casefold()
    return plain.rpartition(_ACCOUNTS)[2].partition("/")[0] or None


def _subscription(text: str | None) -> str | None:
    """Return the id of a subscription, which FOCUS has as a path."""
    plain = (text or "").strip().casefold().rpartition("/")[2]
    return None if plain in {"", _NOBODY} else plain


def _later(start: datetime) -> datetime:
    """Return the end of a charge of an instant: of its day, or a second later."""
    return start + (_DAY if start.time() == time.min else _SHORTEST)


def _micros(instant: datetime | None) -> int | None:
    return None if instant is None else (instant - _EPOCH) // timedelta(microseconds=1)


def _mapped(
    rows: ExportRows, out: Mapping[str, pa.Array], charged: Charges, file: str, first_row: int
) -> Mapped:
    batch = pa.RecordBatch.from_pydict(dict(out))
    if rows.problems.bad.any():
        batch = batch.filter(pa.array(~rows.problems.bad))
    everything = np.ones(rows.count, dtype=np.bool_)
    return Mapped(
        batch=batch,
        source_rows=rows.count,
        rejected=rows.problems.rejected(file, first_row, charged.cost, everything),
        unknown=rows.unknown,
        rounded=rows.rounded,
    )
