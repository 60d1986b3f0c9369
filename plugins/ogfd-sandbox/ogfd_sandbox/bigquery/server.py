"""
BigQuery on a loopback port, in a process of its own, with a log of requests and jobs and faults.

One port without TLS answers as BigQuery, as Google's token services and as the metadata server of
a virtual machine::

    with BigQueryServer() as bigquery:
        bigquery.set_table(Table(name="t", partitioning=Partitioning()), rows)
        bigquery.inject(Rule(action="lost", operation="InsertJob"))
        ...                             # api_endpoint=bigquery.url, and a credential of
        ...                             # bigquery.credentials_json()
        assert 1 == bigquery.count("InsertJob")
        assert {"acme-finops.billing.t": ("20260801",)} == bigquery.jobs()[0].partitions
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from ogfd_sandbox.bigquery.tables import Table
from ogfd_sandbox.standin import HOST, StandIn


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """
    One request that a client made.

    Attributes:
        operation: and *key*: what was asked; see the table in `ogfd_sandbox.bigquery`.
        status: 0 while, or if never, it was answered; over gRPC, the one of HTTP that Google's
            clients take its own for: 200 if all went well, 499 if the client hung up.
        headers: by lower-case name, without those that hold secrets.
        at: when it came, in seconds since the epoch.
        sent: bytes of the body of the answer; over gRPC, of its messages.
    """

    operation: str
    key: str
    status: int
    headers: Mapping[str, str] = field(default_factory=dict, compare=False)
    at: float = field(default=0.0, compare=False)
    sent: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """
    A query that was asked for, a dry run too.

    Attributes:
        job_id: empty for a dry run.
        state: ``RUNNING`` or ``DONE``.
        reason: of its error; empty if it has none.
        query: as it was sent.
        parameters: by name; a list for an array.
        labels: of the job.
        maximum_bytes_billed: None if it set no limit.
        bytes_processed: by the columns named and the partitions left after pruning.
        bytes_billed: no less than 10 MiB of every table; 0 if it failed or was a dry run.
        partitions: ids of those read, by the path of their table; of a table that has none, none.
        rows: of the result.
    """

    project: str
    location: str
    job_id: str
    dry_run: bool
    state: str
    reason: str
    query: str
    parameters: Mapping[str, Any]
    labels: Mapping[str, str]
    maximum_bytes_billed: int | None
    bytes_processed: int
    bytes_billed: int
    partitions: Mapping[str, tuple[str, ...]]
    rows: int


class BigQueryServer(StandIn[Request]):
    """A BigQuery stand-in, see `StandIn`; jobs outlive `forget_requests`."""

    title = "the BigQuery stand-in"
    module = "ogfd_sandbox.bigquery.process"
    request = Request

    def __init__(self, *, port: int = 0) -> None:
        super().__init__(port=port)
        self._files = 0
        self._storage_port = 0

    def close(self) -> None:
        """End the process. May be called again."""
        super().close()
        self._storage_port = 0

    @property
    def url(self) -> str:
        """What takes the place of ``https://bigquery.googleapis.com``: the ``api_endpoint``."""
        return f"http://{HOST}:{self.port}"

    @property
    def storage_url(self) -> str:
        """
        What takes the place of ``https://bigquerystorage.googleapis.com``: gRPC without TLS.

        It listens from the first look on, which takes half a second.

        Raises:
            RuntimeError: if the child has no gRPC: ``ogfd-sandbox[storage]`` brings it.
        """
        if not self._storage_port:
            status, answer = self._exchange("PUT", "storage", None)
            if status != 200:
                raise RuntimeError(
                    f"{self.title} has no Storage Read API: install ogfd-sandbox[storage] "
                    f"({answer.decode()})"
                )
            self._storage_port = int(answer)
        return f"http://{HOST}:{self._storage_port}"

    @property
    def token_uri(self) -> str:
        """What takes the place of ``https://oauth2.googleapis.com/token``."""
        return f"{self.url}/token"

    @property
    def metadata_environment(self) -> dict[str, str]:
        """The variables that lead the default credentials of a virtual machine here."""
        host = f"{HOST}:{self.port}"
        return {"GCE_METADATAHOST": host, "GCE_METADATA_IP": host, "GCE_METADATA_ROOT": host}

    def credentials_json(self) -> str:
        """Return the key of a service account, as Google hands one out, that leads here."""
        return json.dumps(self._control("GET", "credentials/service_account"))

    def federation_json(self, subject_token_file: Path, *, impersonate: bool = True) -> str:
        """
        Return a configuration of workload identity federation that leads here.

        Args:
            subject_token_file: holds the token of the other identity provider; any text but
                ``expired`` will do.
            impersonate: whether the identity takes on the service account.
        """
        found = dict(self._control("GET", "credentials/external_account"))
        if not impersonate:
            del found["service_account_impersonation_url"]
        return json.dumps({**found, "credential_source": {"file": str(subject_token_file)}})

    def reset(self) -> None:
        """
        Forget all that was set, logged, injected and asked, as if just started.

        The key of the service account stays what it is, and tokens that are out stay good.
        """
        self._control("DELETE", "all")

    def set_table(
        self, table: Table, rows: pa.Table, *, modified: Mapping[str, datetime] | None = None
    ) -> None:
        """
        Have *table* hold *rows*, in place of all that it held.

        Partitions whose rows are the same as before keep the time of their last change.

        Args:
            table: made if it is not there.
            rows: decimals are NUMERIC up to a scale of 9, BIGNUMERIC above.
            modified: times of the last change by partition id; now for others that are new or
                differ. A table without partitions has the id ``""``.
        """
        if self._folder is None:
            raise RuntimeError("the BigQuery stand-in is not running")
        self._files += 1
        path = Path(self._folder.name) / f"{self._files}.parquet"
        pq.write_table(rows, path, compression="zstd", compression_level=1)
        try:
            self.load(table, path, modified=modified)
        finally:
            path.unlink()

    def load(
        self, table: Table, *paths: Path, modified: Mapping[str, datetime] | None = None
    ) -> None:
        """Do as `set_table` with the rows of Parquet files, which are not read again."""
        times = {name: when.timestamp() for name, when in (modified or {}).items()}
        files = [str(path) for path in paths]
        self._control("PUT", "tables", {"table": asdict(table), "paths": files, "modified": times})

    def drop_table(self, table: Table) -> None:
        """Delete *table*; nothing happens if it is not there."""
        self._control("DELETE", "tables", asdict(table))

    def create_dataset(
        self, dataset: str, *, project: str | None = None, location: str = "US"
    ) -> None:
        """Create a *dataset* without tables; one that a table lies in needs no creation."""
        body = {"project": project, "dataset": dataset, "location": location}
        self._control("PUT", "datasets", body)

    def partitions(self, table: Table) -> dict[str, int]:
        """Return how many rows each partition of *table* has."""
        found: dict[str, int] = self._control("POST", "partitions", asdict(table))
        return found

    def deny(self, *permissions: str) -> None:
        """Take *permissions*, such as ``bigquery.jobs.create``, from everybody; none: restore."""
        self._control("PUT", "denied", permissions)

    def set_token_lifetime(self, seconds: int) -> None:
        """Have tokens that are issued from now on expire so soon; at first it is an hour."""
        self._control("PUT", "lifetime", seconds)

    def revoke_tokens(self) -> None:
        """
        Have every token that is out count as expired.

        One that the service account signed itself, and signed within this second, stays good.
        """
        self._control("DELETE", "tokens")

    def set_message_rows(self, rows: int | None) -> None:
        """Have sessions from now on give so many *rows* a message; None: some 1.5 MB of them."""
        self._control("PUT", "message_rows", rows)

    def expire_results(self) -> None:
        """
        Have the rows of all jobs be gone, as they are after a day; the jobs are still known.

        Sessions that were made of them can still be read.
        """
        self._control("DELETE", "results")

    def expire_read_sessions(self) -> None:
        """Have all sessions be expired that there are, as they are after six hours."""
        self._control("PUT", "sessions")

    def forget_read_sessions(self) -> None:
        """Have no session be known."""
        self._control("DELETE", "sessions")

    def bytes_sent(self, operation: str = "*") -> int:
        """Return the sum of `Request.sent` for *operation*, also of thousands of requests."""
        found: dict[str, int] = self._control("GET", "sent")
        return sum(found.values()) if operation == "*" else found.get(operation, 0)

    def jobs(self) -> tuple[Job, ...]:
        """Return all jobs since the start, oldest first; a refused request made none."""
        found = self._control("GET", "jobs")
        return tuple(
            Job(
                **{
                    **entry,
                    "partitions": {
                        path: tuple(names) for path, names in entry["partitions"].items()
                    },
                }
            )
            for entry in found
        )
