"""
A table, what is in it, and whether it has changed meanwhile.

    look     tables.get: columns, location, partitioning, time of the last change; free
    tokens   rows and time of the last change of each partition, as BigQuery keeps them

A version is taken between two looks, and a slice is read by one job, which sees one state of the
table. If the table's last change is the same before the version was taken and after the job had
ended, then that state is the version. Otherwise the version is taken once more.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from google.cloud import bigquery

from ogfd.plugin import AuthError, BadRequestError, Context, NotFoundError
from ogfd_gcp.answers import records
from ogfd_gcp.identifiers import TableName
from ogfd_gcp.jobs import Jobs
from ogfd_gcp.schema import Schema
from ogfd_gcp.session import Session
from ogfd_gcp.sql.partitions import PARTITION, partitions

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_STORED: Final = "TABLE"
_KEPT_BACK: Final = frozenset({"accessDenied", "notFound", "invalidQuery", "invalid"})
"""
What BigQuery answers for ever where it does not tell of partitions, such as in a linked dataset that
Google owns, or in one of more than a thousand tables. Other errors pass, or are of everything.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """
    A table as it was looked at.

    Attributes:
        table: what BigQuery said.
        schema: its columns.
        modified: when it was changed last; None of a view, which does not know.
    """

    table: bigquery.Table
    schema: Schema
    modified: datetime | None

    @property
    def location(self) -> str | None:
        """Where queries about it must run."""
        location: str | None = self.table.location
        return location


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """
    What BigQuery keeps about a partition.

    Attributes:
        rows: how many it has.
        bytes: of all its columns.
        modified: when it was changed last.
    """

    rows: int
    bytes: int
    modified: datetime

    @property
    def version(self) -> str:
        """
        The token as a text.

        Rows that are deleted need not change the time, so their number counts too.
        https://cloud.google.com/bigquery/docs/information-schema-partitions#schema (2026)
        """
        return f"{(self.modified - _EPOCH) // timedelta(microseconds=1)}-{self.rows}"


class Watch:
    """
    Looks at one table.

    Args:
        ctx: of the run.
        session: makes the requests.
        jobs: runs the queries.
        name: of the table.
    """

    def __init__(self, ctx: Context, session: Session, jobs: Jobs, name: TableName) -> None:
        self._ctx = ctx
        self._session = session
        self._jobs = jobs
        self._name = name

    async def look(self) -> Seen:
        """
        Return the table as it is now.

        Raises:
            SourceError, Parked: if it is not there or may not be looked at.
        """
        table = await self._session.table(self._name)
        stored = table.table_type == _STORED
        return Seen(
            table=table, schema=Schema.of(table), modified=table.modified if stored else None
        )

    async def tokens(self, seen: Seen) -> Mapping[str, Token] | None:
        """
        Return the token of each partition by its id; None if BigQuery does not tell.

        Raises:
            SourceError, Parked: if it cannot be asked.
        """
        query = partitions(self._name)
        try:
            found = await records(
                self._ctx, self._session, self._jobs, query, PARTITION, location=seen.location
            )
        except (AuthError, BadRequestError, NotFoundError) as exc:
            if exc.code not in _KEPT_BACK:
                raise
            self._ctx.log.info("what changed is told by the rows, as partitions are not: %s", exc)
            return None
        return {
            row["partition_id"]: Token(
                rows=int(row["total_rows"] or 0),
                bytes=int(row["total_bytes"] or 0),
                modified=_EPOCH + timedelta(microseconds=int(row["modified"] or 0)),
            )
            for row in found
            if row["partition_id"] is not None
        }
