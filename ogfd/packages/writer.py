"""The Output that a stream writes into: shapes, aggregates, spills and seals one slice."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import anyio
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from anyio import to_thread

from ogfd.packages.accumulate import Accumulator
from ogfd.packages.allocation import give_back
from ogfd.packages.budget import ByteBudget
from ogfd.packages.days import Days
from ogfd.packages.disk import publish
from ogfd.packages.fate import RowFate
from ogfd.packages.finish import PACKAGE_SCHEMA, finished
from ogfd.packages.groups import aggregated, lines
from ogfd.packages.identity import text_lanes
from ogfd.packages.rows import rows_of
from ogfd.packages.sealed import (
    REJECTS_FILE,
    ROWS_FILE,
    SealedPackage,
    open_package,
    write_manifest,
)
from ogfd.packages.shape import Shape, shaped
from ogfd.packages.totals import Totals
from ogfd.plugin import FatalError, Grain, Kind, PackageInfo, Period, Wanted

PIPELINE_VERSION: Final = 1
"""Raise it when the same batches give other rows; part of every recipe."""

_ROW_GROUP: Final = 131_072


@dataclass(frozen=True, slots=True, kw_only=True)
class PackageHeader:
    """
    What is known of a package before its rows are; the names are those of `PackageInfo`.

    Attributes:
        bases: the generation of the slice in each sink when the read began.
    """

    slice: str
    org_id: str
    provider: str
    connector: str
    stream: str
    partition: str
    kind: Kind
    period: Period
    closed: bool
    source: str
    version: str | None
    recipe: str
    recipe_body: Mapping[str, Any]
    bases: Mapping[str, int] = field(default_factory=dict)


class PackageWriter:
    """
    One slice on its way to a package. Make a new one for each attempt.

    Args:
        directory: a fresh directory for temporary files; becomes the package when sealed.
        header: what the package is.
        shape: how the rows are shaped.
        budget: the byte budget that all slices share.
        memory_bytes: how much aggregated data stays in memory before it spills.
    """

    def __init__(
        self,
        directory: Path,
        header: PackageHeader,
        shape: Shape,
        *,
        budget: ByteBudget,
        memory_bytes: int,
    ) -> None:
        self.wanted: Wanted = shape.wanted
        self.fate = RowFate()
        self._days = Days(header.period)
        self._directory = directory
        self._header = header
        self._shape = shape
        self._budget = budget
        self._by_line = shape.wanted.grain is Grain.LINE
        self._slice = text_lanes("slice", header.slice)
        self._spill = directory / "spill"
        self._spill.mkdir()
        self._accumulator = Accumulator(
            self._spill, budget_bytes=memory_bytes, by_line=self._by_line
        )
        self._turn = anyio.Lock()

    async def write(self, batch: pa.RecordBatch, source_rows: int | None = None) -> None:
        """See `ogfd.plugin.Output.write`."""
        if batch.num_rows:
            async with self._budget.hold(batch.nbytes), self._turn:
                await to_thread.run_sync(self._take, batch)
        if source_rows is not None:
            self.fate.stated = (self.fate.stated or 0) + source_rows

    def reject(
        self, where: str, reason: str, raw: str = "", cost: Decimal | None = None, rows: int = 1
    ) -> None:
        """See `ogfd.plugin.Output.reject`."""
        self.fate.reject(where, reason, raw, cost, rows)

    def filtered(self, reason: str, rows: int) -> None:
        """See `ogfd.plugin.Output.filtered`."""
        self.fate.leave_out(reason, rows)

    def unknown(self, field: str, value: str, rows: int = 1) -> None:
        """See `ogfd.plugin.Output.unknown`."""
        self.fate.strange(field, value, rows)

    def rounded(self, values: int) -> None:
        """See `ogfd.plugin.Output.rounded`."""
        self.fate.roundings += values

    def doubt(self, reason: str) -> None:
        """See `ogfd.plugin.Output.doubt`."""
        self.fate.doubt(reason)

    async def seal(self, final: Path, target_of: Callable[[str], str]) -> SealedPackage:
        """
        Merge, write, digest, fsync and rename into *final*; nothing is there before.

        Args:
            final: the directory that the package becomes.
            target_of: gives the target of a version.

        Raises:
            FatalError: if the row fate does not add up.
        """
        return await to_thread.run_sync(self._seal, final, target_of)

    def _take(self, batch: pa.RecordBatch) -> None:
        try:
            whole = rows_of(batch)
            rows, filtered = shaped(whole, self._shape)
            block = (lines if self._by_line else aggregated)(rows, self._slice)
        except (ValueError, pa.ArrowException) as exc:
            raise FatalError(f"the connector wrote rows that cannot be used: {exc}") from exc
        self._days.add(*(whole.keys[name].array() for name in ("period_start", "period_end")))
        self.fate.filtered.update(filtered)
        self.fate.roundings += rows.roundings
        self.fate.accepted += int(np.sum(block.table["line_count"].to_numpy()))
        if block.table.num_rows:
            self._accumulator.add(block)

    def _seal(self, final: Path, target_of: Callable[[str], str]) -> SealedPackage:
        fate, header = self.fate, self._header
        if fate.source != fate.counted:
            raise FatalError(
                f"{fate.source} source rows were read but {fate.counted} are accounted for",
                hint="this is a defect of the connector; nothing was changed",
            )
        give_back()
        totals = Totals()
        with pq.ParquetWriter(
            self._directory / ROWS_FILE,
            PACKAGE_SCHEMA,
            compression="zstd",
            compression_level=1,
            use_dictionary=[name for name in PACKAGE_SCHEMA.names if name != "activity_id"],
        ) as file:
            for block in self._accumulator.blocks():
                totals.add(block)
                for start in range(0, block.table.num_rows, _ROW_GROUP):
                    file.write_table(finished(block, self._header, start, _ROW_GROUP))
        if totals.line_count != fate.accepted:
            raise FatalError(f"{fate.accepted} rows were accepted but {totals.line_count} remain")
        fate.write(self._directory / REJECTS_FILE)
        shutil.rmtree(self._spill)
        end = totals.data_end
        counts = fate.counts() | {"data_end": end and end.isoformat()}
        write_manifest(self._directory, self._info(totals, target_of), counts, header.bases)
        publish(self._directory, final)
        self._accumulator.forget()
        give_back()
        return open_package(final)

    def _info(self, totals: Totals, target_of: Callable[[str], str]) -> PackageInfo:
        header = self._header
        version = totals.digest if header.version is None else header.version
        return PackageInfo(
            slice=header.slice,
            provider=header.provider,
            connector=header.connector,
            stream=header.stream,
            partition=header.partition,
            kind=header.kind,
            period=header.period,
            closed=header.closed,
            source=header.source,
            version=version,
            recipe=header.recipe,
            recipe_body=header.recipe_body,
            target=target_of(version),
            rows=totals.rows,
            line_count=totals.line_count,
            sums=totals.sums(),
            breakdown=totals.breakdown(),
            digest=totals.digest,
            claims=totals.claims(header.provider, header.kind),
            billing_periods=totals.billing_periods,
            days=self._days.span,
        )
