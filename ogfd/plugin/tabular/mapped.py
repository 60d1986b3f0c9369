"""What became of some rows of a file, on its way to an `Output`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import pyarrow as pa

from ogfd.plugin.output import Output
from ogfd.plugin.tabular.problems import Rejected


@dataclass(frozen=True, slots=True, kw_only=True)
class Mapped:
    """
    Some rows of a file.

    Attributes:
        batch: the activities.
        source_rows: how many rows of the file they answer for, rejected and filtered included.
        rejected: bad rows.
        filtered: rows left out, by reason.
        unknown: field and value that no table knows, to the number of rows.
        rounded: how many values were rounded half-even to the schema.
    """

    batch: pa.RecordBatch
    source_rows: int
    rejected: tuple[Rejected, ...] = ()
    filtered: Mapping[str, int] = field(default_factory=dict)
    unknown: Mapping[tuple[str, str], int] = field(default_factory=dict)
    rounded: int = 0

    async def put(self, out: Output) -> None:
        """Hand all of it to *out*; waits while the pipeline is behind."""
        for bad in self.rejected:
            out.reject(bad.where, bad.reason, bad.raw, bad.cost, bad.rows)
        for reason, rows in self.filtered.items():
            out.filtered(reason, rows)
        for (name, value), rows in self.unknown.items():
            out.unknown(name, value, rows)
        if self.rounded:
            out.rounded(self.rounded)
        await out.write(self.batch, self.source_rows)
