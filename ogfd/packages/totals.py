"""What a package says of itself: exact sums, digest and claims, gathered block by block."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from decimal import Context, Decimal
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ogfd.packages.decimals import plain
from ogfd.packages.groups import Block
from ogfd.packages.identity import Lanes, number_lanes, row_digest, value_lanes
from ogfd.plugin import INSTANT, MEASURES, Claim, Kind, SumRow

UNIT_OF: Final = {"billed_cost": "currency", "effective_cost": "currency", "quantity": "unit"}
"""The column with the unit of a measure that may come in several; sums are kept apart by it."""

_FIXED_UNIT: Final = {"energy_kwh": "kWh"}
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_DAY: Final = 86_400_000_000
_EXACT: Final = Context(prec=76)


class Totals:
    """Sums over all blocks of a package; every sum is exact."""

    def __init__(self) -> None:
        self.rows = 0
        self.line_count = 0
        self._digest: Lanes = np.zeros((2, 1), dtype=np.uint64)
        self._sums: dict[tuple[str, str, str, str], Decimal] = defaultdict(Decimal)
        self._payers: set[tuple[str, str]] = set()
        self._billing_periods: set[str] = set()
        self._short_end: int | None = None
        self._long_end: int | None = None

    def add(self, block: Block) -> None:
        """Take in one block. Blocking work over the block's rows, vectorised."""
        table = block.table
        self.rows += table.num_rows
        self.line_count += int(table["line_count"].to_numpy().sum())
        self._digest = self._digest + row_digest(_content(block))
        self._add_ends(table)
        for measure in MEASURES:
            if measure in table.column_names and measure != "line_count":
                self._add_sums(table, measure)
        for row in _distinct(table, ["billing_account_id", "billing_period"]):
            self._add_payer(row.get("billing_account_id"), row.get("billing_period"))

    @property
    def billing_periods(self) -> tuple[str, ...]:
        """Return the billing periods that rows are of, with a payer or without."""
        return tuple(sorted(self._billing_periods))

    @property
    def digest(self) -> str:
        """Return the order-independent digest of the rows, as 32 hex digits."""
        return f"{int(self._digest[0, 0]):016x}{int(self._digest[1, 0]):016x}"

    def sums(self) -> dict[str, str]:
        """Return ``measure:unit`` (or ``measure``) to the exact sum in plain notation."""
        totals: dict[str, Decimal] = defaultdict(Decimal)
        for (_, _, measure, unit), amount in self._sums.items():
            name = f"{measure}:{unit}" if measure in UNIT_OF else measure
            totals[name] = _EXACT.add(totals[name], amount)
        totals["line_count"] = Decimal(self.line_count)
        return {name: plain(amount) for name, amount in sorted(totals.items())}

    def breakdown(self) -> tuple[SumRow, ...]:
        """Return sums by account, service and measure; quantities are left to the rows."""
        return tuple(
            SumRow(
                account_id=account,
                service=service,
                measure=measure,
                unit=unit,
                amount=plain(amount),
            )
            for (account, service, measure, unit), amount in sorted(self._sums.items())
            if measure != "quantity"
        )

    def claims(self, provider: str, kind: Kind) -> tuple[Claim, ...]:
        """Return what the package counts for."""
        return tuple(
            Claim(provider=provider, billing_account_id=payer, billing_period=period, kind=kind)
            for payer, period in sorted(self._payers)
        )

    @property
    def data_end(self) -> datetime | None:
        """
        Return the end of the newest activity, in UTC; None without rows.

        Rows longer than a day, such as fees of the whole month, count only if there are no others.
        """
        micros = self._long_end if self._short_end is None else self._short_end
        return None if micros is None else _EPOCH + timedelta(microseconds=micros)

    def _add_payer(self, payer: str | None, period: str | None) -> None:
        if period is not None:
            self._billing_periods.add(period)
            if payer is not None:
                self._payers.add((payer, period))

    def _add_ends(self, table: pa.Table) -> None:
        start, end = (_micros(table[name]) for name in ("period_start", "period_end"))
        short = end[end - start <= _DAY]
        if len(short):
            self._short_end = max(self._short_end or 0, int(short.max()))
        self._long_end = max(self._long_end or 0, int(end.max()))

    def _add_sums(self, table: pa.Table, measure: str) -> None:
        unit = UNIT_OF.get(measure)
        keys = [name for name in ("account_id", "service", unit) if name in table.column_names]
        chosen = table.select([*keys, measure]).filter(table[measure].is_valid())
        if not chosen.num_rows:
            return
        chosen = chosen.combine_chunks()
        summed = chosen.group_by(keys, use_threads=False).aggregate([(measure, "sum")])
        for row in summed.to_pylist():
            name = (row.get(unit) or "") if unit else _FIXED_UNIT.get(measure, "kg")
            key = (row.get("account_id") or "", row.get("service") or "", measure, name)
            self._sums[key] = _EXACT.add(self._sums[key], row[f"{measure}_sum"])


def _micros(column: pa.ChunkedArray) -> npt.NDArray[np.int64]:
    micros: npt.NDArray[np.int64] = column.cast(INSTANT).cast(pa.int64()).to_numpy()
    return micros


def _content(block: Block) -> Lanes:
    """Hash all that a row says: its key hash, its measures and its metadata."""
    lanes = block.lanes.copy()
    for name in MEASURES:
        if name in block.table.column_names:
            lanes += number_lanes(name, block.table[name].combine_chunks())
    metadata = block.table["metadata"].combine_chunks()
    codes = metadata.indices.to_numpy(zero_copy_only=False)
    return lanes + value_lanes("metadata", metadata.dictionary)[:, codes]


def _distinct(table: pa.Table, names: list[str]) -> Iterable[dict[str, str | None]]:
    """Return the distinct values of those columns of *names* that are there."""
    known = [name for name in names if name in table.column_names]
    if not known:
        return []
    rows: list[dict[str, str | None]] = (
        table.select(known)
        .combine_chunks()
        .group_by(known, use_threads=False)
        .aggregate([])
        .to_pylist()
    )
    return rows
