"""One query job: what was asked, what became of it, and how the API describes it."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import duckdb
import pyarrow as pa

from ogfd_sandbox.bigquery import cells, dialect
from ogfd_sandbox.bigquery.errors import QueryError
from ogfd_sandbox.bigquery.reading import Reading, read
from ogfd_sandbox.bigquery.tokens import CLIENT_EMAIL
from ogfd_sandbox.bigquery.warehouse import Warehouse


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """
    What a job is asked to do.

    Attributes:
        job_id: empty for a dry run.
        configuration: of the job, as `jobs.insert` takes it.
    """

    project: str
    location: str
    job_id: str
    configuration: Mapping[str, Any]

    @property
    def query(self) -> Mapping[str, Any]:
        """What the configuration says of the query."""
        found: Mapping[str, Any] = self.configuration.get("query", {})
        return found

    @property
    def dry_run(self) -> bool:
        """Whether nothing is to be run."""
        return bool(self.configuration.get("dryRun"))

    @property
    def maximum_bytes_billed(self) -> int | None:
        """The limit, if there is one."""
        limit = self.query.get("maximumBytesBilled")
        return None if limit is None else int(limit)


@dataclass(slots=True, kw_only=True)
class Work:
    """
    A job, from when it is inserted; a dry run is none, but one is kept on record all the same.

    Attributes:
        error: how it ended, if badly.
        result: its rows; none of a dry run, or a job with an error.
        expired: whether its rows are gone, as they are a day after the job.
        polls: so many looks still find it running.
    """

    order: Order
    created: float = field(default_factory=time.time)
    ended: float = 0.0
    error: QueryError | None = None
    reading: Reading | None = None
    result: pa.Table | None = None
    expired: bool = False
    polls: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def run(self, warehouse: Warehouse) -> None:
        """Do the work; an error is the job's."""
        try:
            self._run(warehouse)
        except QueryError as exc:
            self.error = exc
        except duckdb.Error as exc:
            self.error = dialect.query_error(exc)
        if self.error is not None:
            self.reading = None
        self.ended = time.time()

    def look(self) -> bool:
        """Tell whether the job is done; the look counts."""
        with self.lock:
            done = self.polls <= 0 and self.ended > 0  # another request may be running it
            self.polls -= self.polls > 0
            return done

    def stop(self) -> None:
        """End the job if it still runs."""
        with self.lock:
            if self.polls > 0:
                self.polls, self.ended, self.result = 0, time.time(), None
                message = "Job execution was cancelled: User requested cancellation"
                self.error = QueryError("stopped", message)

    @property
    def destination(self) -> tuple[str, str, str]:
        """Project, dataset and name of the table that keeps the rows for a day."""
        order = self.order
        whole = f"{order.project}:{order.location}.{order.job_id}"
        dataset = f"_{hashlib.sha256(CLIENT_EMAIL.encode()).hexdigest()[:40]}"
        return order.project, dataset, f"anon{hashlib.sha256(whole.encode()).hexdigest()}"

    def rows(self) -> pa.Table:
        """
        Return the rows of a job that is done.

        Raises:
            QueryError: the job's own, or that there are no rows any more.
        """
        with self.lock:  # it may just be stopped
            error, found = self.error, None if self.polls > 0 or self.expired else self.result
        if error is not None:
            raise error
        if found is None:
            project, dataset, name = self.destination
            raise QueryError("notFound", f"Not found: Table {project}:{dataset}.{name}")
        return found

    @property
    def processed(self) -> int:
        """Bytes processed."""
        return self.reading.processed if self.reading is not None else 0

    @property
    def billed(self) -> int:
        """Bytes billed: none for what gave no result."""
        return self.reading.billed if self.reading is not None and self.result is not None else 0

    def _run(self, warehouse: Warehouse) -> None:
        asked = self.order.query
        if asked.get("useLegacySql", True):
            raise QueryError("invalid", "The stand-in has no legacy SQL: set useLegacySql to false")
        query = dialect.bind(dialect.parse(asked["query"]), asked.get("queryParameters", ()))
        self.reading = read(query, warehouse, self.order.project, self.order.location)
        limit = self.order.maximum_bytes_billed
        if limit is not None and self.reading.billed > limit and not self.order.dry_run:
            message = f"Query exceeded limit for bytes billed: {limit}. {self.reading.billed} or "
            raise QueryError("bytesBilledLimitExceeded", f"{message}higher required.")
        with warehouse.cursor() as cursor:
            for name, view in self.reading.views.items():
                cursor.register(name, view)
            sql = dialect.duckdb_sql(query)
            if self.order.dry_run:
                self.result = _settled(cursor.sql(f"FROM ({sql}) LIMIT 0"))
            else:
                self.result = _settled(cursor.sql(sql))

    def resource(self, state: str) -> dict[str, Any]:
        """Return the job as ``jobs.get`` gives it."""
        order = self.order
        whole = f"{order.project}:{order.location}.{order.job_id}"
        reference = {"projectId": order.project, "location": order.location}
        if order.job_id:
            reference["jobId"] = order.job_id
        status: dict[str, Any] = {"state": state}
        if state == "DONE" and self.error is not None:
            status |= {"errorResult": self.error.result(), "errors": [self.error.result()]}
        project, dataset, name = self.destination
        table = {"projectId": project, "datasetId": dataset, "tableId": name}
        query = {"priority": "INTERACTIVE", **order.query, "destinationTable": table}
        return {
            "kind": "bigquery#job",
            "etag": hashlib.sha256(f"{whole} {state}".encode()).hexdigest()[:22],
            "id": whole,
            "selfLink": f"https://bigquery.googleapis.com/bigquery/v2/projects/{order.project}"
            f"/jobs/{order.job_id}?location={order.location}",
            "user_email": CLIENT_EMAIL,
            "configuration": {**order.configuration, "query": query, "jobType": "QUERY"},
            "jobReference": reference,
            "statistics": self._statistics(state),
            "status": status,
        }

    def described(self) -> dict[str, Any]:
        """Return what the control side says of the job."""
        order, query = self.order, self.order.query
        return {
            "project": order.project,
            "location": order.location,
            "job_id": order.job_id,
            "dry_run": order.dry_run,
            "state": "RUNNING" if self.polls > 0 else "DONE",
            "reason": self.error.reason if self.error is not None else "",
            "query": query.get("query", ""),
            "parameters": {
                one.get("name", ""): dialect.plain_value(one.get("parameterValue", {}))
                for one in query.get("queryParameters", ())
            },
            "labels": dict(order.configuration.get("labels", {})),
            "maximum_bytes_billed": order.maximum_bytes_billed,
            "bytes_processed": self.processed,
            "bytes_billed": 0 if order.dry_run else self.billed,
            "partitions": self.reading.partitions if self.reading is not None else {},
            "rows": self.result.num_rows if self.result is not None else 0,
        }

    def _statistics(self, state: str) -> dict[str, Any]:
        times = {"creationTime": _milliseconds(self.created)}
        if not self.order.dry_run:
            times["startTime"] = times["creationTime"]
        query: dict[str, Any] = {"statementType": "SELECT"}
        if self.reading is not None:
            query["referencedTables"] = [
                {
                    "projectId": one.table.project,
                    "datasetId": one.table.dataset,
                    "tableId": one.table.name,
                }
                for one in self.reading.reads
            ]
        if state == "DONE":
            counted = (
                sum(len(ids) for ids in self.reading.partitions.values()) if self.reading else 0
            )
            query |= {
                "totalBytesProcessed": str(self.processed),
                "totalBytesBilled": str(0 if self.order.dry_run else self.billed),
                "totalPartitionsProcessed": str(counted),
                "cacheHit": False,
                "billingTier": 1,
                "totalSlotMs": str(max(1, int((self.ended - self.created) * 1000))),
            }
            if not self.order.dry_run:
                times["endTime"] = _milliseconds(self.ended)
        if self.order.dry_run and self.result is not None:
            query["schema"] = {"fields": cells.fields(self.result.schema)}
            query["totalBytesProcessedAccuracy"] = "PRECISE"
        return {**times, "totalBytesProcessed": str(self.processed), "query": query}


def _settled(relation: duckdb.DuckDBPyRelation) -> pa.Table:
    """Return the rows of *relation*; DuckDB's sums of integers, of 128 bits, in 64."""
    found = relation.to_arrow_table()
    for place, kind in enumerate(relation.types):
        if kind.id in {"hugeint", "uhugeint", "ubigint"}:
            whole = found.column(place).cast(pa.int64())
            found = found.set_column(place, found.schema.names[place], whole)
    return found


def _milliseconds(seconds: float) -> str:
    return str(int(seconds * 1000))
