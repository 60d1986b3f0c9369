"""
What a query reads: its tables, and of each the partitions that its conditions leave.

The model of pruning is simple: of ``WHERE a AND b`` every part counts that names no column but
those that decide about partitions; it is asked of their values. Every column named anywhere in the
query counts in full for every table that has one of the name.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import pyarrow as pa
from sqlglot import exp

from ogfd_sandbox.bigquery import information
from ogfd_sandbox.bigquery.dialect import condition_sql
from ogfd_sandbox.bigquery.errors import QueryError
from ogfd_sandbox.bigquery.sizes import MINIMUM_BILLED, billed
from ogfd_sandbox.bigquery.tables import Table
from ogfd_sandbox.bigquery.warehouse import Partition, Stored, Warehouse

_METADATA: Final = "INFORMATION_SCHEMA."


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """What a query reads of a table: *processed* bytes of some partitions."""

    table: Table
    partitions: tuple[Partition, ...]
    processed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """
    What a query reads.

    Attributes:
        reads: of every table.
        views: views of ``INFORMATION_SCHEMA``, by the names that the query has for them now.
    """

    reads: tuple[Read, ...]
    views: dict[str, pa.Table]

    @property
    def processed(self) -> int:
        """Bytes processed."""
        return sum(read.processed for read in self.reads)

    @property
    def billed(self) -> int:
        """Bytes billed."""
        tables = sum(billed(read.processed) for read in self.reads)
        return tables + len(self.views) * MINIMUM_BILLED

    @property
    def partitions(self) -> dict[str, list[str]]:
        """Ids of the partitions read, by the path of their table."""
        found: dict[str, set[str]] = {}
        for read in self.reads:
            found.setdefault(read.table.path, set()).update(
                one.id for one in read.partitions if one.id
            )
        return {path: sorted(ids) for path, ids in found.items()}


def read(query: exp.Query, warehouse: Warehouse, project: str, location: str) -> Reading:
    """
    Find out what *query* reads, and have it name DuckDB's tables.

    Args:
        query: is changed.
        warehouse: where the tables are.
        project: whose tables need no project before their name.
        location: where the job runs.

    Raises:
        QueryError: if a table is not there, or not in *location*, or may not be read.
    """
    names = {cte.alias_or_name.lower() for cte in query.find_all(exp.CTE)}
    reads: list[Read] = []
    views: dict[str, pa.Table] = {}
    columns = {part.name.lower() for one in query.find_all(exp.Column) for part in one.parts}
    for node in list(query.find_all(exp.Table)):
        if not node.db and node.name.lower() in names:
            continue
        owner = node.catalog or project
        if node.name.upper().startswith(_METADATA):
            view = f"view_{len(views)}"
            views[view] = _metadata(warehouse, owner, node, location)
            _rename(node, view)
            continue
        stored = _found(warehouse, owner, node, location)
        select = node.find_ancestor(exp.Select)
        partitions = warehouse.touched(stored, _conditions(select, node, stored))
        named = columns | _starred(select, stored)
        processed = sum(
            size
            for partition in partitions
            for name, size in partition.sizes.items()
            if name.lower() in named
        )
        reads.append(Read(table=stored.table, partitions=partitions, processed=processed))
        _rename(node, stored.place)
    return Reading(reads=tuple(reads), views=views)


def _found(warehouse: Warehouse, project: str, node: exp.Table, location: str) -> Stored:
    dataset, name = node.db, node.name
    if not dataset:
        message = f'Table "{name}" must be qualified with a dataset (e.g. dataset.table).'
        raise QueryError("invalid", message)
    _check_location(warehouse, project, dataset, location)
    stored = warehouse.find(project, dataset, name)
    whole = f"{project}:{dataset}.{name}"
    if stored is None:
        message = f"Not found: Table {whole} was not found in location {location}"
        raise QueryError("notFound", message)
    if "bigquery.tables.getData" in warehouse.denied:
        message = f"Access Denied: Table {whole}: User does not have permission to query table "
        raise QueryError("accessDenied", f"{message}{whole}, or perhaps it does not exist.")
    return stored


def _check_location(warehouse: Warehouse, project: str, dataset: str, location: str) -> None:
    if (warehouse.location(project, dataset) or "").upper() != location.upper():
        message = f"Not found: Dataset {project}:{dataset} was not found in location {location}"
        raise QueryError("notFound", message)


def _rename(node: exp.Table, place: str) -> None:
    """Have the query read *place* under the name that it knows the table by."""
    alias = node.args.get("alias") or exp.TableAlias(this=exp.to_identifier(node.name, quoted=True))
    node.replace(exp.Table(this=exp.to_identifier(place), alias=alias))


def _conditions(select: exp.Select | None, node: exp.Table, stored: Stored) -> list[str]:
    """Return the conditions of *select* that decide about partitions of the table, in SQL."""
    where = select.args.get("where") if select is not None else None
    if where is None or not stored.deciding:
        return []
    own, deciding = node.alias_or_name.lower(), {name.lower() for name in stored.deciding}
    found = []
    for part in _parts(where.this):
        columns = list(part.find_all(exp.Column))
        if not columns or part.find(exp.Select):
            continue
        if all(one.name.lower() in deciding and one.table.lower() in {"", own} for one in columns):
            alone = part.copy()
            for one in alone.find_all(exp.Column):
                one.set("table", None)
            found.append(condition_sql(alone))
    return found


def _parts(node: exp.Expr) -> Iterator[exp.Expr]:
    node = node.unnest()
    if isinstance(node, exp.And):
        yield from _parts(node.left)
        yield from _parts(node.right)
    else:
        yield node


def _starred(select: exp.Select | None, stored: Stored) -> set[str]:
    """Return the columns that a star of *select* stands for; the star leaves out hidden ones."""
    if select is None:
        return set()
    named: set[str] = set()
    for one in select.expressions:
        star = one.this if isinstance(one, exp.Column) else one
        if not isinstance(star, exp.Star):
            continue
        left_out = list(star.args.get("except_") or ())
        hidden = {column.name.lower() for column in left_out}
        named |= {name.lower() for name in stored.schema.names} - hidden
        left_out += [
            exp.to_identifier(name) for name in stored.hidden if name.lower() not in hidden
        ]
        star.set("except_", left_out or None)
    # a table as a value, as in TO_JSON_STRING(t), is all of its columns
    aliases = {column.name.lower() for column in select.find_all(exp.Column) if not column.table}
    from_ = select.args.get("from_")
    if from_ is not None and from_.this.alias_or_name.lower() in aliases:
        named |= {name.lower() for name in stored.schema.names}
    return named


def _metadata(warehouse: Warehouse, project: str, node: exp.Table, location: str) -> pa.Table:
    dataset, view = node.db, node.name.upper().removeprefix(_METADATA)
    _check_location(warehouse, project, dataset, location)
    tables = warehouse.tables(project, dataset)
    rows = information.view(view, tables)
    if rows is None:
        message = f"Not found: Table {project}:{dataset}.{_METADATA}{view} was not found"
        raise QueryError("notFound", f"{message} in location {location}")
    denied = any(stored.table.partition_metadata == "denied" for stored in tables)
    if "bigquery.tables.list" in warehouse.denied or (view == "PARTITIONS" and denied):
        whole = f"{project}:{dataset}.{_METADATA}{view}"
        message = f"Access Denied: Table {whole}: User does not have permission to query table "
        raise QueryError("accessDenied", f"{message}{whole}, or perhaps it does not exist.")
    return rows
