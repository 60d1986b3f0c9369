"""Google's client of the Storage Read API, and what it is asked again and again."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import grpc
import pyarrow as pa
import pyarrow.ipc
import pytest
from google.cloud.bigquery import Client, QueryJob, QueryJobConfig
from google.cloud.bigquery_storage import BigQueryReadClient, types
from google.cloud.bigquery_storage_v1.services.big_query_read import BigQueryReadClient as Calls
from google.cloud.bigquery_storage_v1.services.big_query_read.transports import (
    BigQueryReadGrpcTransport,
)
from google.oauth2 import service_account
from ogfd_sandbox.bigquery.server import BigQueryServer
from ogfd_sandbox.bigquery.tables import PROJECT

PARENT = f"projects/{PROJECT}"


class _Details(NamedTuple):
    method: str
    timeout: float | None
    metadata: Any
    credentials: Any
    wait_for_ready: bool | None
    compression: Any


class Bearer(grpc.UnaryUnaryClientInterceptor, grpc.UnaryStreamClientInterceptor):
    """Shows the token, which gRPC does by itself with TLS alone."""

    def __init__(self, key: service_account.Credentials) -> None:
        self._key = key

    def _called(self, proceed: Callable, call: Any, request: Any) -> Any:
        shown = [*(call.metadata or ()), ("authorization", f"Bearer {self._key.token}")]
        rest = call.timeout, shown, call.credentials, call.wait_for_ready, call.compression
        return proceed(_Details(call.method, *rest), request)

    intercept_unary_unary = intercept_unary_stream = _called


@pytest.fixture(scope="session")
def storage_channel(bigquery_server: BigQueryServer) -> Iterator[grpc.Channel]:
    target = bigquery_server.storage_url.removeprefix("http://")
    # windows that stay small show that the server waits
    options = [("grpc.max_receive_message_length", -1), ("grpc.http2.bdp_probe", 0)]
    with grpc.insecure_channel(target, options) as channel:
        yield channel


def table(made: types.ReadSession, messages: Iterable[types.ReadRowsResponse]) -> pa.Table:
    """Return the rows of *messages*."""
    schema = pa.ipc.read_schema(pa.py_buffer(made.arrow_schema.serialized_schema))
    batches = [
        pa.ipc.read_record_batch(
            pa.py_buffer(one.arrow_record_batch.serialized_record_batch), schema
        )
        for one in messages
    ]
    return pa.Table.from_batches(batches, schema)


class Storage:
    """
    Asks as a reader of jobs does: a query over REST, its rows over gRPC.

    Attributes:
        client: Google's, of the Storage Read API.
    """

    def __init__(self, google: Client, client: BigQueryReadClient) -> None:
        self._google = google
        self.client = client

    def run(self, sql: str) -> QueryJob:
        """Run a query, and wait for it."""
        config = QueryJobConfig(use_query_cache=False)
        job = self._google.query(
            sql, job_config=config, location="US", retry=None, job_retry=None, timeout=5
        )
        job.result(retry=None, job_retry=None, max_results=0)
        return job

    def session(
        self,
        what: QueryJob | str,
        *,
        parent: str = PARENT,
        streams: int = 1,
        options: Mapping[str, Any] | None = None,
        **wish: Any,
    ) -> types.ReadSession:
        """Make a session for the rows of a job, or for a table."""
        table = what if isinstance(what, str) else what.destination.to_bqstorage()
        asked = {"data_format": types.DataFormat.ARROW, "table": table, **wish}
        chosen = types.ReadSession.TableReadOptions(options or {})
        return self.client.create_read_session(
            parent=parent,
            read_session=types.ReadSession(read_options=chosen, **asked),
            max_stream_count=streams,
            retry=None,
            timeout=5,
        )

    def read(self, made: types.ReadSession, stream: int = 0, **options: Any) -> pa.Table:
        """Read what is left of a stream, as Google's client does: it resumes by itself."""
        name = made.streams[stream].name
        rows = self.client.read_rows(name, retry=None, timeout=5, **options)
        return table(made, rows)

    def messages(self, made: types.ReadSession, **options: Any) -> Iterator[Any]:
        """Read the first stream in one call, message by message."""
        asked = {"read_stream": made.streams[0].name, "retry": None, "timeout": 5, **options}
        return Calls.read_rows(self.client, **asked)


@pytest.fixture
def storage(
    google: Client, google_key: service_account.Credentials, storage_channel: grpc.Channel
) -> Storage:
    channel = grpc.intercept_channel(storage_channel, Bearer(google_key))
    client = BigQueryReadClient(transport=BigQueryReadGrpcTransport(channel=channel))
    return Storage(google, client)
