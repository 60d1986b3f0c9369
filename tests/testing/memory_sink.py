"""A sink in memory that can be told to be wrong in one way."""

from contextlib import asynccontextmanager
from decimal import Decimal

import anyio
import pyarrow as pa
import pyarrow.compute as pc
from anyio import to_thread

from ogfd.plugin import (
    ACTIVITY_SCHEMA,
    Committed,
    Guarantee,
    HistoryEntry,
    LedgerEntry,
    OverlapError,
    PluginConfig,
    SinkError,
    SinkSpec,
    Superseded,
)


class MemoryConfig(PluginConfig):
    """Names a store."""

    store: str


class Store:
    """What outlives a sink."""

    def __init__(self):
        self.tables, self.entries, self.history = {}, {}, {}
        self.claims = set()
        self.lock = anyio.Lock()


class MemorySink:
    """Right in all points but those named in *flaws*."""

    guarantee = Guarantee.EXACTLY_ONCE

    def __init__(self, store, now, flaws):
        self._store, self._now, self._flaws = store, now, flaws

    async def ledger(self, slices=None):
        entries = self._store.entries
        if slices is None or "ledger ignores its argument" in self._flaws:
            return dict(entries)
        return {name: entries[name] for name in slices if name in entries}

    async def commit(self, package, base_generation, attempt):
        store, info = self._store, package.info
        if "no lock" in self._flaws:
            return await self._replace(package, base_generation, attempt, self._held(info.slice))
        async with store.lock:
            generation, holder = self._held(info.slice)
            if holder == attempt and "no attempts" not in self._flaws:
                return Committed(generation=generation)
            if generation != base_generation and "no compare-and-swap" not in self._flaws:
                return Superseded(generation=generation)
            return await self._replace(package, base_generation, attempt, (generation, holder))

    def _held(self, slice):
        entry = self._store.entries.get(slice)
        return (entry.generation, entry.attempt) if entry else (0, None)

    async def _replace(self, package, base, attempt, held):
        store, info = self._store, package.info
        if held[0] != base and "no lock" in self._flaws:
            return Superseded(generation=held[0])
        if "no claims" not in self._flaws:
            self._claim(info)
        if "torn" in self._flaws:
            old = store.tables.get(info.slice, ACTIVITY_SCHEMA.empty_table())
            store.tables[info.slice] = old.slice(0, len(old) // 2)
            await anyio.lowlevel.checkpoint()
        table = await to_thread.run_sync(
            lambda: pa.Table.from_batches(package.batches(), ACTIVITY_SCHEMA)
        )
        await anyio.lowlevel.checkpoint()
        self._verify(info, table)
        store.tables[info.slice] = self._flawed(info, table)
        entry = self._entry(info, base + 1, attempt)
        store.entries[info.slice] = entry
        store.history.setdefault(info.slice, []).append((entry, info))
        return Committed(generation=base + 1)

    def _claim(self, info):
        claims = self._store.claims
        stream = f"{info.connector}/{info.stream}/"
        for claim, holder in claims:
            if claim in info.claims and not holder.startswith(stream):
                raise OverlapError("taken", other=holder)
        if "claims are kept for ever" not in self._flaws:
            claims -= {held for held in claims if held[1] == info.slice}
        claims |= {(claim, info.slice) for claim in info.claims}

    def _verify(self, info, table):
        if "unverified" in self._flaws:
            return
        cost = pc.sum(table["billed_cost"].filter(pc.equal(table["currency"], "USD"))).as_py()
        lines = pc.sum(table["line_count"]).as_py() or 0
        exact = Decimal(info.sums.get("billed_cost:USD", "0")) == (cost or 0)
        if (info.rows, info.line_count) != (table.num_rows, lines) or not exact:
            raise SinkError("the package lies")

    def _flawed(self, info, table):
        if "appends" in self._flaws and info.slice in self._store.tables:
            return pa.concat_tables([self._store.tables[info.slice], table])
        if "empty is skipped" in self._flaws and not table.num_rows:
            return self._store.tables.get(info.slice, table)
        if "loses the last row" in self._flaws:
            return table.slice(0, max(0, table.num_rows - 1))
        if "nulls become empty" in self._flaws:
            index = table.schema.get_field_index("sku")
            return table.set_column(index, "sku", pc.fill_null(table["sku"], ""))
        return table

    def _entry(self, info, generation, attempt):
        sums = dict(info.sums)
        if "sums are floats" in self._flaws:
            sums = {name: f"{float(text)}" for name, text in sums.items()}
        return LedgerEntry(
            **{name: getattr(info, name) for name in ("slice", "connector", "stream", "partition")},
            **{name: getattr(info, name) for name in ("period", "closed", "target", "version")},
            **{name: getattr(info, name) for name in ("recipe", "source", "rows", "digest")},
            generation=generation,
            sums=sums,
            attempt=attempt,
            committed_at=self._now(),
        )

    @asynccontextmanager
    async def scan(self, view, columns, where=None, period=None):
        tables = list(self._store.tables.values())
        if view not in {"activities", "ogfd_cost", "ogfd_emissions_reported"}:
            raise SinkError("no such view")

        async def batches():
            for name, table in zip(list(self._store.tables), tables, strict=True):
                rows = table.append_column("slice", pa.repeat(name, len(table)))
                if not set(columns) <= set(rows.column_names):
                    raise SinkError("no such column")
                rows = self._selected(rows, where or {}, period)
                if view == "ogfd_emissions_reported":
                    rows = rows.filter(pc.equal(rows["method"], "supplier_specific"))
                for batch in rows.select(list(columns)).to_batches():
                    await anyio.lowlevel.checkpoint()
                    yield batch

        yield batches()

    def _selected(self, rows, where, period):
        for name, values in where.items():
            if "where is ignored" not in self._flaws:
                rows = rows.filter(pc.is_in(rows[name], pa.array(list(values), pa.string())))
        if period is None:
            return rows
        start = rows["period_start"]
        inside = pc.and_(pc.greater_equal(start, period.start), pc.less(start, period.end))
        return rows.filter(inside)

    async def history(self, slice):
        entries = self._store.history.get(slice, [])
        if "history is forgotten" in self._flaws:
            entries = entries[-1:]
        names = ("slice", "generation", "target", "version", "recipe", "rows", "sums", "digest")
        return [
            HistoryEntry(
                **{name: getattr(entry, name) for name in (*names, "attempt", "committed_at")},
                actor=info.actor,
                reason=info.reason,
            )
            for entry, info in entries
        ]

    async def breakdown(self, slice, generation):
        return self._store.history[slice][generation - 1][1].breakdown


def memory_spec(*flaws):
    """Return the spec of a sink whose stores live as long as the spec."""
    stores: dict[str, Store] = {}

    @asynccontextmanager
    async def open_it(config, ctx):
        if "restart loses all" in flaws:
            stores.pop(config.store, None)
        yield MemorySink(stores.setdefault(config.store, Store()), ctx.now, flaws)

    return SinkSpec(name="memory", config=MemoryConfig, open=open_it)
