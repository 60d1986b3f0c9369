"""The columns that a table has: Google adds some over the years, and old exports keep what they had."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from google.cloud import bigquery

from ogfd.plugin import FatalError


@dataclass(frozen=True, slots=True, kw_only=True)
class Schema:
    """
    The columns of a table.

    Attributes:
        table: its name, for messages.
        types: dotted path in lower case, as BigQuery's names have no case, to the type, such as
            ``FLOAT``.
    """

    table: str
    types: Mapping[str, str]

    @classmethod
    def of(cls, table: bigquery.Table) -> Schema:
        """Return the columns of *table*."""
        name = f"{table.project}.{table.dataset_id}.{table.table_id}"
        return cls(table=name, types=dict(_paths(table.schema)))

    def __contains__(self, path: str) -> bool:
        return path.lower() in self.types

    @property
    def leaves(self) -> frozenset[str]:
        """The paths, in lower case, that are no records of others."""
        return frozenset(self.types) - {path.rpartition(".")[0] for path in self.types}

    def type(self, path: str) -> str:
        """Return the type of the column at *path*, which must be there."""
        return self.types[path.lower()]

    def require(self, paths: Iterable[str], what: str) -> None:
        """
        Check that columns are there.

        Args:
            paths: of the columns.
            what: the table must be, for the message.

        Raises:
            FatalError: if one is not.
        """
        missing = [path for path in paths if path not in self]
        if missing:
            raise FatalError(
                f"{self.table} is no {what}: it lacks {', '.join(missing)}",
                hint="check the name of the table; ogfd check --discover lists the exports",
            )


def _paths(fields: Sequence[bigquery.SchemaField], above: str = "") -> Iterator[tuple[str, str]]:
    for field in fields:
        path = f"{above}{field.name.lower()}"
        yield path, field.field_type
        yield from _paths(field.fields, f"{path}.")
