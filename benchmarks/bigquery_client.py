"""
Google's own client, reading the single rows of a billing export as Arrow tables; keeps nothing.

    python -m benchmarks.bigquery_client PLACE.json [--storage]
    prints how many rows there were

The query is ours: the same columns, all days in one job.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import grpc
from google.auth.transport.requests import Request
from google.cloud import bigquery
from google.cloud.bigquery_storage import BigQueryReadClient
from google.cloud.bigquery_storage_v1.services.big_query_read.transports import (
    BigQueryReadGrpcTransport,
)
from google.oauth2 import service_account
from ogfd_gcp.credentials import SCOPE
from ogfd_gcp.identifiers import TableName
from ogfd_gcp.schema import Schema
from ogfd_gcp.slicing import Slicing
from ogfd_gcp.sql.cost import charges, layout_of

from ogfd.plugin import Grain, Period, Wanted


class Authorized(
    grpc.UnaryUnaryClientInterceptor,  # type: ignore[misc]  # grpc is not typed
    grpc.UnaryStreamClientInterceptor,  # type: ignore[misc]  # likewise
):
    """Sends the token, which a channel without TLS does not by itself."""

    def __init__(self, token: str) -> None:
        self._token = ("authorization", f"Bearer {token}")

    def intercept_unary_unary(self, continuation: Any, details: Any, request: Any) -> Any:
        """Send a request."""
        return continuation(self._with_token(details), request)

    def intercept_unary_stream(self, continuation: Any, details: Any, request: Any) -> Any:
        """Send a request whose answer is a stream."""
        return continuation(self._with_token(details), request)

    def _with_token(self, details: Any) -> Any:
        return details._replace(metadata=[*(details.metadata or ()), self._token])


def storage(url: str, token: str) -> BigQueryReadClient:
    """Return a client of the Storage Read API."""
    channel = grpc.insecure_channel(
        urlsplit(url).netloc, options=[("grpc.max_receive_message_length", -1)]
    )
    channel = grpc.intercept_channel(channel, Authorized(token))
    return BigQueryReadClient(transport=BigQueryReadGrpcTransport(channel=channel))


def main() -> None:
    """Print how many rows the export has."""
    place = json.loads(Path(sys.argv[1]).read_text())
    credentials = service_account.Credentials.from_service_account_info(
        json.loads(place["key"]), scopes=[SCOPE]
    )
    credentials.refresh(Request())
    client = bigquery.Client(
        project=place["project"],
        credentials=credentials,
        client_options={"api_endpoint": place["url"]},
    )
    name = TableName.parse(place["table"])
    there = client.get_table(place["table"])
    schema = Schema.of(there)
    slicing = Slicing.of(there, schema, layout_of(schema).exported)
    ever = Period.months("2026-01", "2026-12")
    query = charges(name, schema, slicing, ever, Wanted(grain=Grain.LINE))
    settings = bigquery.QueryJobConfig(query_parameters=[each.sent() for each in query.parameters])
    result = client.query(query.sql, settings).result()
    reader = storage(place["storage_url"], credentials.token) if "--storage" in sys.argv else None
    rows = sum(batch.num_rows for batch in result.to_arrow_iterable(bqstorage_client=reader))
    print(rows)


if __name__ == "__main__":
    main()
