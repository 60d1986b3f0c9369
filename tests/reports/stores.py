"""Rows of cost and emissions, and sinks that answer for them as built-in ones and others do."""

from contextlib import asynccontextmanager
from datetime import UTC, datetime
from decimal import Decimal

import pyarrow as pa

from ogfd.plugin import MONEY, LedgerEntry, Period

TEXT = (
    "provider", "connector", "stream", "billing_account_id", "account_id", "service", "category",
    "region", "location", "country", "charge_category", "billing_period", "currency",
)  # fmt: skip
ROW = {
    "provider": "aws",
    "connector": "aws-prod",
    "stream": "cost",
    "billing_account_id": "1",
    "account_id": "11",
    "service": "AmazonEC2",
    "category": "compute",
    "region": "us-east-1",
    "location": "US-EAST",
    "country": "US",
    "charge_category": "usage",
    "billing_period": "2026-10",
    "period_start": "2026-10-05T00:00:00Z",
    "billed_cost": "1",
    "effective_cost": "1",
    "currency": "USD",
    "line_count": 1,
}
EMISSION = {
    **{name: value for name, value in ROW.items() if "cost" not in name and name != "currency"},
    "stream": "carbon",
    "charge_category": "emission",
    "location_based_kg": "2",
    "market_based_kg": "1",
}
VIEWS = {"ogfd_cost": "billed_cost", "ogfd_emissions_reported": "location_based_kg"}
AMOUNTS = ("billed_cost", "effective_cost", "location_based_kg", "market_based_kg")


def emission(**changes):
    return {**EMISSION, **changes}


def row(**changes):
    return {**ROW, **changes}


class TextSink:
    """Answers as SQLite does: times are text, costs are floats."""

    def __init__(self, rows, *, ledger=None, batch_rows=2):
        self.rows = rows
        self.entries = ledger
        self.batch_rows = batch_rows
        self.scans = []

    async def ledger(self, slices=None):
        return self.entries

    def column(self, name, rows):
        values = [r[name] for r in rows]
        if name in AMOUNTS:
            return pa.array([None if v is None else float(v) for v in values], pa.float64())
        return pa.array(values, pa.int64() if name == "line_count" else pa.string())

    @asynccontextmanager
    async def scan(self, view, columns, where=None, period=None):
        self.scans.append((view, tuple(columns), where, period))
        rows = [r for r in self.rows if VIEWS[view] in r and self.wanted(r, where or {}, period)]

        async def batches():
            for start in range(0, len(rows), self.batch_rows):
                part = rows[start : start + self.batch_rows]
                yield pa.RecordBatch.from_pydict({c: self.column(c, part) for c in columns})

        yield batches()

    def wanted(self, r, where, period):
        if period is not None and datetime.fromisoformat(r["period_start"]) not in period:
            return False
        return all(r[name] in values for name, values in where.items())


class TypedSink(TextSink):
    """Answers as a warehouse does: times are timestamps, costs decimals, labels dictionaries."""

    def column(self, name, rows):
        values = [r[name] for r in rows]
        if name in AMOUNTS:
            return pa.array([None if v is None else Decimal(v) for v in values], MONEY)
        if name == "period_start":
            times = [datetime.fromisoformat(v) for v in values]
            return pa.array(times, pa.timestamp("us", tz="UTC"))
        if name == "line_count":
            return pa.array(values, pa.int64())
        return pa.array(values, pa.string()).dictionary_encode()


def entry(slice, months="2026-10", **changes):
    connector, stream, partition = slice.split("/")
    first, _, last = months.partition("..")
    return LedgerEntry(
        **{
            "slice": slice, "connector": connector, "stream": stream, "partition": partition,
            "period": Period.months(first, last or first), "closed": True, "generation": 1,
            "target": "t", "version": "v", "recipe": "r", "source": "", "rows": 1,
            "sums": {"billed_cost:USD": "1"}, "digest": "d", "attempt": "a",
            "committed_at": datetime(2026, 11, 1, tzinfo=UTC), **changes,
        }
    )  # fmt: skip


def ledger(*entries):
    return {item.slice: item for item in entries}
