"""
What day a row of an export belongs to, for ever: its slice.

    partitioned by the time of ingestion    _PARTITIONTIME, as Google makes its exports, FOCUS too
    partitioned by a column                 that column: a copy that somebody made
    not partitioned, a view                 the time of export; each read reads everything

Rows never move from one day to another, so that a change of one day is a change of one slice.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from google.cloud import bigquery

from ogfd.plugin import FatalError, Period
from ogfd_gcp.identifiers import column
from ogfd_gcp.query import Parameter
from ogfd_gcp.schema import Schema

_FITTING: Final = frozenset({"DAY", "HOUR"})
_KINDS: Final[dict[str, Literal["DATE", "TIMESTAMP"]]] = {"DATE": "DATE", "TIMESTAMP": "TIMESTAMP"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Slicing:
    """
    How a table is cut into days.

    Attributes:
        column: what decides, as it stands in a query.
        kind: its type.
        partitioned: whether BigQuery keeps the days apart, and can say when one was changed.
        by_export: whether the days are those on which rows were exported.
    """

    column: str
    kind: Literal["DATE", "TIMESTAMP"]
    partitioned: bool
    by_export: bool = True

    @classmethod
    def of(cls, table: bigquery.Table, schema: Schema, exported: str) -> Slicing:
        """
        Return how *table* is cut; *exported* is its column with the time of export.

        Raises:
            FatalError: if it is partitioned by months or years, so that a day cannot be told.
        """
        how = table.time_partitioning
        if how is None:
            return cls(column=exported, kind="TIMESTAMP", partitioned=False)
        if how.type_ not in _FITTING:
            raise FatalError(
                f"{schema.table} is partitioned by {how.type_}",
                hint="use the export that Google writes, or a copy partitioned by DAY",
            )
        if how.field is None:
            return cls(column="_PARTITIONTIME", kind="TIMESTAMP", partitioned=True)
        kind = _KINDS.get(schema.type(how.field))
        try:
            quoted = column(how.field)
        except ValueError:
            kind = None
        if kind is None:
            return cls(column=exported, kind="TIMESTAMP", partitioned=False)
        by_export = how.field.lower() == exported.lower()
        return cls(column=quoted, kind=kind, partitioned=True, by_export=by_export)

    @property
    def condition(self) -> str:
        """What holds for the rows of the days between the parameters; BigQuery reads no others."""
        return f"{self.column} >= @first AND {self.column} < @last"

    def parameters(self, period: Period) -> tuple[Parameter, Parameter]:
        """Return the parameters of `condition` for *period*, whole days."""
        first, last = (
            (period.start.date(), period.end.date())
            if self.kind == "DATE"
            else (period.start, period.end)
        )
        return (
            Parameter(name="first", kind=self.kind, value=first),
            Parameter(name="last", kind=self.kind, value=last),
        )
