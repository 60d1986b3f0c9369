"""
The tables, in DuckDB, with what BigQuery knows of their partitions.

A table of ingestion partitions has two columns more than it shows, `LOADED` and its date. Beside
every partitioned table ``t7`` lies ``t7_keys``, each distinct value that decides about partitions
with the id of its own: what a condition on them leaves is asked there.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import duckdb
import pyarrow as pa

from ogfd_sandbox.bigquery.dialect import TO_NUMERIC
from ogfd_sandbox.bigquery.sizes import size_of
from ogfd_sandbox.bigquery.tables import LOADED, Table

LOADED_DATE: Final = "_PARTITIONDATE"
PSEUDO: Final = (LOADED, LOADED_DATE)
_FORMATS: Final = {"HOUR": "%Y%m%d%H", "DAY": "%Y%m%d", "MONTH": "%Y%m", "YEAR": "%Y"}
_STREAMED: Final = "__UNPARTITIONED__"
_MISSING: Final = "__NULL__"
# The values are not those of Google's function, only as good for telling rows apart.
_FINGERPRINT: Final = (
    "CREATE MACRO farm_fingerprint(x) AS "
    "CAST(CAST(hash(x) AS HUGEINT) - 9223372036854775808 AS BIGINT)"
)
# A plain cast multiplies by 10^9 first, which 53 bits do not hold beyond nine million.
_NUMERIC: Final = f"""
CREATE MACRO {TO_NUMERIC}
    (x DOUBLE) AS CAST(CAST(trunc(x) AS HUGEINT) AS DECIMAL(38, 9))
        + CAST(x - trunc(x) AS DECIMAL(38, 9)),
    (x HUGEINT) AS CAST(x AS DECIMAL(38, 9)),
    (x DECIMAL(38, 9)) AS CAST(x AS DECIMAL(38, 9)),
    (x VARCHAR) AS CAST(x AS DECIMAL(38, 9))
"""
_CONCATENATION: Final = (
    "CREATE MACRO array_concat_agg(x) AS flatten(list(x) FILTER (x IS NOT NULL))"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Partition:
    """
    What BigQuery knows of a partition; of a table without partitions, of all of it.

    Attributes:
        id: empty for a table without partitions.
        rows: how many.
        sizes: logical bytes by column.
        modified: of its last change, in seconds since the epoch.
        digest: of its rows, in any order.
    """

    id: str
    rows: int
    sizes: Mapping[str, int]
    modified: float
    digest: int

    @property
    def size(self) -> int:
        """Logical bytes of all columns."""
        return sum(self.sizes.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """
    A table as it is stored.

    Attributes:
        place: its name in DuckDB.
        schema: of the columns that it shows.
        partitions: by id.
    """

    table: Table
    place: str
    schema: pa.Schema
    partitions: tuple[Partition, ...]
    created: float

    @property
    def keys(self) -> str:
        """The name in DuckDB of what conditions on partitions are asked of."""
        return f"{self.place}_keys"

    @property
    def deciding(self) -> tuple[str, ...]:
        """The columns that conditions on partitions name."""
        cut = self.table.partitioning
        if cut is None:
            return ()
        return PSEUDO if cut.field is None else (cut.field,)

    @property
    def hidden(self) -> tuple[str, ...]:
        """The columns that a star leaves out."""
        cut = self.table.partitioning
        return PSEUDO if cut is not None and cut.field is None else ()

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return sum(partition.rows for partition in self.partitions)

    @property
    def modified(self) -> float:
        """Time of the last change, in seconds since the epoch."""
        return max((one.modified for one in self.partitions), default=self.created)


class Warehouse:
    """Datasets and their tables. Safe to use from many threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._made = 0
        self._tables: dict[tuple[str, str, str], Stored] = {}
        self._locations: dict[tuple[str, str], str] = {}
        self.denied: frozenset[str] = frozenset()
        self._database = duckdb.connect(":memory:", config={"threads": "2"})
        self._database.execute("SET GLOBAL TimeZone = 'UTC'")
        for macro in (_FINGERPRINT, _NUMERIC, _CONCATENATION):
            self._database.execute(macro)

    def cursor(self) -> duckdb.DuckDBPyConnection:
        """Return a connection of the caller's own, which it must close."""
        return self._database.cursor()

    def deny(self, permissions: Iterable[str]) -> None:
        """Let nobody have *permissions*, and everybody all others."""
        self.denied = frozenset(permissions)

    def create_dataset(self, project: str, dataset: str, location: str) -> None:
        """Create a dataset, or move it."""
        self._locations[project, dataset] = location

    def location(self, project: str, dataset: str) -> str | None:
        """Return where a dataset lies; None if there is none."""
        return self._locations.get((project, dataset))

    def datasets(self, project: str) -> list[str]:
        """Return the names of all datasets of *project*, sorted."""
        return sorted(dataset for owner, dataset in self._locations if owner == project)

    def tables(self, project: str, dataset: str) -> list[Stored]:
        """Return all tables of a dataset, by name."""
        return [
            stored
            for (owner, place, _), stored in sorted(self._tables.items())
            if (owner, place) == (project, dataset)
        ]

    def find(self, project: str, dataset: str, name: str) -> Stored | None:
        """Return a table; None if there is none."""
        return self._tables.get((project, dataset, name))

    def drop(self, table: Table) -> None:
        """Delete *table* if it is there."""
        self._tables.pop((table.project, table.dataset, table.name), None)

    def put(self, table: Table, paths: Sequence[str], modified: Mapping[str, float]) -> None:
        """
        Have *table* hold the rows of Parquet files; its old rows stay readable to whom has them.

        Args:
            table: what to put.
            paths: of the files.
            modified: times of partitions, in seconds since the epoch.

        Raises:
            duckdb.Error: if the files are not of one schema, or miss the deciding column.
        """
        key = table.project, table.dataset, table.name
        with self._lock:
            self._made += 1
            place, before = f"t{self._made}", self._tables.get(key)
        with self.cursor() as cursor:
            stored = _loaded(cursor, table, place, paths)
        kept = {one.id: one for one in before.partitions} if before is not None else {}
        now = time.time()
        partitions = tuple(_timed(one, kept.get(one.id), modified, now) for one in stored)
        with self.cursor() as cursor:
            shown = cursor.sql(f"FROM {place} LIMIT 0").to_arrow_table().schema
        for name in PSEUDO:
            if name in shown.names:
                shown = shown.remove(shown.get_field_index(name))
        self._locations[table.project, table.dataset] = table.location
        self._tables[key] = Stored(
            table=table,
            place=place,
            schema=shown,
            partitions=partitions,
            created=now if before is None else before.created,
        )

    def touched(self, stored: Stored, conditions: Sequence[str]) -> tuple[Partition, ...]:
        """Return the partitions that may have rows for which all *conditions*, in SQL, hold."""
        if not conditions or not stored.deciding:
            return stored.partitions
        where = " AND ".join(f"({condition})" for condition in conditions)
        with self.cursor() as cursor:
            found = cursor.execute(f"SELECT DISTINCT id FROM {stored.keys} WHERE {where}")
            ids = {row[0] for row in found.fetchall()}
        return tuple(one for one in stored.partitions if one.id in ids)


def _loaded(
    cursor: duckdb.DuckDBPyConnection, table: Table, place: str, paths: Sequence[str]
) -> list[Partition]:
    """Create the table and the keys; return the partitions, as changed at no time yet."""
    cut = table.partitioning
    ingested = cut is not None and cut.field is None
    date = f", CAST({LOADED} AS DATE) AS {LOADED_DATE}" if ingested else ""
    cursor.execute(f"CREATE TABLE {place} AS SELECT *{date} FROM read_parquet($1)", [list(paths)])
    identity = "''"
    if cut is not None:
        field = LOADED if cut.field is None else f'"{cut.field}"'
        missing = _STREAMED if cut.field is None else _MISSING
        identity = f"coalesce(strftime({field}, '{_FORMATS[cut.unit]}'), '{missing}')"
        keys = ", ".join(PSEUDO if cut.field is None else (field,))
        cursor.execute(
            f"CREATE TABLE {place}_keys AS SELECT DISTINCT {identity} AS id, {keys} FROM {place}"
        )
    shown = [
        (name, kind)
        for name, kind, *_ in cursor.execute(f"DESCRIBE {place}").fetchall()
        if name not in PSEUDO
    ]
    columns = cursor.sql(f"FROM {place} LIMIT 0")
    types = dict(zip(columns.columns, columns.types, strict=True))
    sizes = [size_of(f'"{name}"', types[name]) for name, _ in shown]
    sums = ", ".join(f"coalesce(sum({size}), 0)" for size in sizes)
    found = cursor.execute(
        f"SELECT {identity} AS id, count(*), sum(hash(whole)), {sums} FROM {place} AS whole "
        "GROUP BY 1 ORDER BY 1"
    )
    return [
        Partition(
            id=row[0],
            rows=row[1],
            sizes={name: int(size) for (name, _), size in zip(shown, row[3:], strict=True)},
            modified=0.0,
            digest=int(row[2]),
        )
        for row in found.fetchall()
    ]


def _timed(
    new: Partition, old: Partition | None, modified: Mapping[str, float], now: float
) -> Partition:
    """Return *new* with the time of its last change."""
    when = modified.get(new.id)
    if when is None:
        same = old is not None and (old.rows, old.digest) == (new.rows, new.digest)
        when = old.modified if old is not None and same else now
    return Partition(id=new.id, rows=new.rows, sizes=new.sizes, modified=when, digest=new.digest)
