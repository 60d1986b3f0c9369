"""Columns of tables from the whole numbers of rows; what is shared is made once for each entry."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import numpy as np
import pyarrow as pa

from ogfd_sandbox.bigquery.bill.assembly import Account
from ogfd_sandbox.bigquery.bill.book import Entry
from ogfd_sandbox.bigquery.bill.lines import MOST_CREDITS, NANO, Integers, Lines
from ogfd_sandbox.bigquery.bill.settings import RATES

MICROSECONDS: Final = pa.timestamp("us", "UTC")
HOUR: Final = 3_600_000_000
DAY: Final = 24 * HOUR
NUMERIC: Final = pa.decimal128(38, 9)
CREDIT_FIELDS: Final = ("name", "amount", "full_name", "id", "type")

Makers = Mapping[str, tuple[pa.DataType, Callable[[Entry], Any]]]


def shared(account: Account, makers: Makers) -> dict[str, pa.Array]:
    """Return columns of what depends on the entry alone: by name its type and its value."""
    which = pa.array(account.lines.entry)
    return {
        name: pa.array([make(entry) for entry in account.book.entries], kind).take(which)
        for name, (kind, make) in makers.items()
    }


def moments(micros: Integers) -> pa.Array:
    """Return microseconds since the epoch as timestamps."""
    return pa.array(micros).cast(MICROSECONDS)


def loaded(lines: Lines) -> pa.Array:
    """Return the partitions of rows."""
    return moments(lines.partition * DAY)


def exported(lines: Lines) -> pa.Array:
    """Return when rows were exported: in their day of ingestion, the later row the later."""
    starts = np.flatnonzero(np.diff(lines.partition, prepend=lines.partition[:1] - 1))
    sizes = np.diff(np.append(starts, len(lines)))
    place = np.arange(len(lines)) - np.repeat(starts, sizes)
    step = np.repeat((DAY - HOUR) // np.maximum(sizes, 1), sizes)
    return moments(lines.partition * DAY + HOUR + place * step)


def floats(nanos: Integers) -> pa.Array:
    """Return amounts as FLOAT64, each the nearest to its nine decimals."""
    return pa.array(nanos / NANO, pa.float64())


def exact(nanos: Integers) -> pa.Array:
    """Return amounts as NUMERIC."""
    whole = pa.array(nanos.astype(np.int64)).cast(pa.decimal128(38, 0))
    return pa.Array.from_buffers(NUMERIC, len(whole), whole.buffers())


def used(account: Account) -> np.ndarray:
    """Return which rows have usage."""
    return np.array([entry.used for entry in account.book.entries])[account.lines.entry]


def usage(account: Account) -> tuple[pa.Array, pa.Array]:
    """Return usage in its unit and in the unit of the price; NULL of what has none."""
    entries, lines = account.book.entries, account.lines
    per = np.array([entry.offer.per_pricing_unit for entry in entries])[lines.entry]
    none = ~used(account)
    amounts = pa.array(lines.usage.astype(np.float64), mask=none)
    return amounts, pa.array(lines.usage / per, mask=none)


def rates(account: Account) -> pa.Array:
    """Return how much of the currency a dollar is: it creeps up from one invoice to the next."""
    invoice = account.lines.invoice
    months = invoice // 100 * 12 + invoice % 100
    first = RATES[account.currency]
    creep = 0.0 if account.currency == "USD" else 0.001
    return pa.array(np.round(first + (months - months.min(initial=months[0])) * creep, 3))


def invoice_months(lines: Lines) -> pa.Array:
    """Return the months of invoices as ``YYYYMM``."""
    return pa.array(lines.invoice).cast(pa.string())


def credit_lists(
    account: Account, names: Sequence[str], amounts: Callable[[Integers], pa.Array]
) -> pa.Array:
    """
    Return the credits of rows, none of some.

    Args:
        account: whose rows.
        names: what the fields are called here, in the order of `CREDIT_FIELDS`.
        amounts: makes a column of amounts.
    """
    lines, entries = account.lines, account.book.entries
    counts = np.array([len(entry.credits) for entry in entries])[lines.entry]
    rows, numbers = np.nonzero(np.arange(MOST_CREDITS)[None, :] < counts[:, None])
    kinds = [credit for entry in entries for credit in entry.credits]
    firsts = np.cumsum([0, *(len(entry.credits) for entry in entries)])
    which = pa.array(firsts[lines.entry[rows]] + numbers)
    values = {
        "name": pa.array([kind.name for kind in kinds], pa.string()).take(which),
        "amount": amounts(lines.credits[rows, numbers]),
        "full_name": pa.array([kind.name for kind in kinds], pa.string()).take(which),
        "id": pa.array([kind.type.lower() for kind in kinds], pa.string()).take(which),
        "type": pa.array([kind.type for kind in kinds], pa.string()).take(which),
    }
    cells = pa.StructArray.from_arrays([values[name] for name in CREDIT_FIELDS], list(names))
    offsets = pa.array(np.concatenate([[0], np.cumsum(counts)]).astype(np.int32))
    return pa.ListArray.from_arrays(offsets, cells)


def pairs(labels: Mapping[str, str], key: str = "key", value: str = "value") -> list[Any]:
    """Return labels as BigQuery has them."""
    return [{key: name, value: text} for name, text in sorted(labels.items())]
