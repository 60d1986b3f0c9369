"""
Rows of a billing export, as `ogfd_gcp.sql.cost` asks for them, to activities.

                        standard, detailed                      FOCUS
    billing_account_id  billing_account_id                      BillingAccountId
    account_id, _name   project.id, else project.number; name   x_Project, else SubAccountId
                        null of taxes, support and the like
    billing_period      invoice.month                           BillingPeriodStart
    service             service.description                     ServiceName
                        category by `ogfd_gcp.tables.services`
    region              location.region, else .location         RegionId, else x_Location
    sku                 sku.description                         ChargeDescription
    machine_type        system label machine_spec
    resource_id         resource.global_name, else .name        ResourceId
    charge_category     cost_type                               ChargeCategory
    period_start, _end  usage_start_time, usage_end_time        ChargePeriodStart, ChargePeriodEnd
    quantity, unit      usage.amount, usage.unit                ConsumedQuantity, ConsumedUnit
                        bytes and byte-seconds in GB and GB-Seconds
    billed_cost         cost and all credits                    BilledCost
    effective_cost      the same                                EffectiveCost
    tags                labels, tags, project.labels, by key: the first that has one
    metadata            sku_id, conversion_rate, seller, cost_type if it is no usage

FOCUS has billed cost include all reductions, and so does Google's own view of FOCUS: cost and the
sum of the credits, for both costs. Google charges commitments hour by hour, so nothing is there to
be spread, and calls what FOCUS calls a purchase a usage; what is paid ahead is of the period that it
is charged for.
https://focus.finops.org/focus-specification/v1-2/#billedcost
https://cloud.google.com/billing/docs/how-to/export-data-bigquery-tables/focus-export
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ogfd.plugin import AMOUNT, INSTANT, LABELS, MONEY, Wanted
from ogfd.plugin.tabular import Mapped, Mask, Rejected, Rows
from ogfd_gcp.answers import rows_of
from ogfd_gcp.places import places, services
from ogfd_gcp.sql.cost import LINES, MEASURES, TAG

SOURCE: Final = "gcp_billing"
LEFT_OUT: Final = "billing account not in billing_account_ids"
UNKNOWN: Final = "adjustment"
"""The category of a cost type that Google has added since: its money counts, it is reported."""

_CATEGORIES: Final[Mapping[str, str]] = {
    "regular": "usage",
    "tax": "tax",
    "adjustment": "adjustment",
    "rounding_error": "adjustment",
    # of FOCUS
    "usage": "usage",
    "purchase": "purchase",
    "credit": "credit",
}
_NUMBERS: Final = (*MEASURES, LINES)
_BILLIONS: Final[Mapping[str, str]] = {"bytes": "GB", "byte-seconds": "GB-Seconds"}
"""
Units of which Google counts so many that a disk of an hour goes beyond what a quantity may be, and
the units that are 10^9 of them, so that no digit is lost.
"""
_GOOGLE: Final = frozenset({"google", "google cloud", "google, llc", "google llc"})
_MONTH_DIGITS: Final = 6
_DIGITS: Final = 76  # as many as Arrow's decimals can have


def mapped(
    table: pa.Table, wanted: Wanted, accounts: frozenset[str], place: str, before: int
) -> Mapped:
    """
    Map a page of rows.

    Args:
        table: the page.
        wanted: what the operator wants of them.
        accounts: whose rows are kept; all if there are none.
        place: where they are from, for messages.
        before: how many rows came before it.
    """
    rows = rows_of(_in_billions(table), _NUMBERS)
    for name in ("account", "currency", "billed_cost"):
        rows.empty(name)
    out = _labelled(rows, wanted) | services(rows) | places(rows)
    out |= _charged(rows) | _periods(rows)
    lines = rows.cells[LINES].cast(pa.string()).cast(pa.int64())
    out["line_count"] = lines
    bad, left = rows.problems.bad, _left_out(rows, accounts)
    batch = pa.RecordBatch.from_pydict(out)
    if bad.any() or left.any():
        batch = batch.filter(pa.array(~bad & ~left))
    return Mapped(
        batch=batch,
        source_rows=int(pc.sum(lines).as_py() or 0),
        rejected=_rejected(rows, out, lines, place, before),
        filtered={LEFT_OUT: _count(lines, left & ~bad)} if left.any() else {},
        unknown=rows.unknown,
        rounded=rows.rounded,
    )


def _in_billions(table: pa.Table) -> pa.Table:
    """Return *table* with quantities of `_BILLIONS` in the larger units."""
    units, quantities = (table.column(name).combine_chunks() for name in ("unit", "quantity"))
    small = pc.is_in(units, pa.array(list(_BILLIONS)))
    for unit, larger in _BILLIONS.items():
        units = pc.if_else(pc.equal(units, unit), larger, units)
    if pa.types.is_decimal(quantities.type):
        shifted, quantities = _shifted(quantities)
    else:
        shifted = pc.binary_join_element_wise(quantities, "e-9", "")
    changed = {"unit": units, "quantity": pc.if_else(small, shifted, quantities)}
    return pa.table(dict(zip(table.column_names, table.columns, strict=True)) | changed)


def _shifted(quantities: pa.Array) -> tuple[pa.Array, pa.Array]:
    """Return decimals divided by 10^9, every digit kept, and as they are, of the same type."""
    wide = pa.decimal256(_DIGITS, quantities.type.scale + 9)
    same = quantities.cast(pa.decimal256(_DIGITS, quantities.type.scale))
    # The point moves, and nothing else.
    shifted = pa.Array.from_buffers(wide, len(same), same.buffers(), offset=same.offset)
    return shifted, same.cast(wide)


def _left_out(rows: Rows, accounts: frozenset[str]) -> Mask:
    if not accounts:
        return np.zeros(rows.count, dtype=np.bool_)
    return rows.combined("account").where(lambda account: account not in accounts)


def _count(lines: pa.Array, where: Mask) -> int:
    return int(pc.sum(lines.filter(pa.array(where))).as_py() or 0)


def _labelled(rows: Rows, wanted: Wanted) -> dict[str, pa.Array]:
    source = pa.DictionaryArray.from_arrays(
        np.zeros(rows.count, dtype=np.int32), pa.array([SOURCE])
    )
    out = {
        "source": source,
        "billing_account_id": rows.text("account").array(),
        "account_id": rows.text("project").array(),
        "account_name": rows.text("project_name").array(),
        "sku": rows.text("sku").array(),
        "machine_type": rows.text("machine_type").array(),
        "currency": rows.text("currency").array(),
        "metadata": _metadata(rows),
    }
    if wanted.resource_ids:
        out["resource_id"] = rows.text("resource").array()
    if wanted.tags:
        found = rows.combined(*(f"{TAG}{place}" for place in range(len(wanted.tags))))
        out["tags"] = found.map(lambda *values: _pairs(wanted.tags, values), LABELS)
    return out


def _charged(rows: Rows) -> dict[str, pa.Array]:
    charges = rows.combined("charge")
    kinds = [(charge or "").casefold() for (charge,) in charges.rows]
    known = [_CATEGORIES.get(kind) for kind in kinds]
    strange = [None if one else kind or "(none)" for one, kind in zip(known, kinds, strict=True)]
    rows.strange("charge_category", charges, strange)
    categories = [one or UNKNOWN for one in known]
    used = charges.flags([one == "usage" for one in categories])
    units = rows.combined("charge", "unit")
    usage = [_CATEGORIES.get((charge or "").casefold()) == "usage" for charge, _ in units.rows]
    return {
        "charge_category": charges.column(categories),
        "quantity": rows.number("quantity", AMOUNT, where=used).values,
        "unit": units.column(
            [
                unit if is_usage else None
                for (_, unit), is_usage in zip(units.rows, usage, strict=True)
            ]
        ),
        "billed_cost": rows.number("billed_cost", MONEY).values,
        "effective_cost": rows.number("effective_cost", MONEY).values,
    }


def _periods(rows: Rows) -> dict[str, pa.Array]:
    months = rows.combined("invoice_month")
    named = [_month(text) for (text,) in months.rows]
    rows.odd(months, [one is None for one in named], "invoice_month", "is no month")
    spans = rows.combined("period_start", "period_end")
    bounds = [_bounds(start, end) for start, end in spans.rows]
    rows.odd(spans, [one is None for one in bounds], "period_start", "is empty or after its end")
    return {
        "billing_period": months.column(named),
        "period_start": spans.column([one and one[0] for one in bounds], INSTANT),
        "period_end": spans.column([one and one[1] for one in bounds], INSTANT),
    }


def _metadata(rows: Rows) -> pa.Array:
    found = rows.combined("sku_id", "conversion_rate", "seller", "charge")
    return found.map(_facts, LABELS)


def _facts(
    sku_id: str | None, rate: str | None, seller: str | None, charge: str | None
) -> tuple[tuple[str, str], ...] | None:
    known = {
        "sku_id": sku_id,
        "conversion_rate": rate,
        "seller": None if (seller or "").casefold() in _GOOGLE else seller,
        "cost_type": None if _CATEGORIES.get((charge or "").casefold()) == "usage" else charge,
    }
    return _pairs(tuple(known), tuple(known.values()))


def _pairs(keys: Sequence[str], values: Sequence[str | None]) -> tuple[tuple[str, str], ...] | None:
    found = [(key, value) for key, value in zip(keys, values, strict=True) if value]
    return tuple(found) or None


def _month(text: str | None) -> str | None:
    if text is None or len(text) != _MONTH_DIGITS or not text.isdecimal():
        return None
    return f"{text[:4]}-{text[4:]}" if "01" <= text[4:] <= "12" else None


def _bounds(start: str | None, end: str | None) -> tuple[int, int] | None:
    if start is None or end is None:
        return None
    first, last = int(start), int(end)
    if last < first:
        return None
    # A charge of an instant, such as a tax, is of the second that it begins.
    return first, last if last > first else last + 1_000_000


def _rejected(
    rows: Rows, out: Mapping[str, pa.Array], lines: pa.Array, place: str, before: int
) -> tuple[Rejected, ...]:
    """Return the bad rows, in so many source rows as they stand for."""
    bad = rows.problems.bad
    if not bad.any():
        return ()
    everything = np.ones(rows.count, dtype=np.bool_)
    told = rows.problems.rejected(place, before + 1, out["billed_cost"], everything)
    more = _count(lines, bad) - sum(each.rows for each in told)
    if more <= 0:
        return told
    summed = Rejected(
        where=f"{place}, in the rows named before", reason="stands for more than one", rows=more
    )
    return (*told, summed)
