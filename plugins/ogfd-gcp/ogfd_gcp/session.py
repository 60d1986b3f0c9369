"""
Google's client, one HTTP request per call, each under the policy of ogfd.

    connector -> Session -> ctx.call(thread, SDK timeout) -> google-cloud-bigquery, retry=None -> one request

Left to itself the library tries for ten minutes and waits without end. What it has no call for, a
page of results as the bytes that came, is asked for by the same connection.
"""

from __future__ import annotations

import threading
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, TypeVar

import anyio
import requests
from google.api_core.exceptions import Conflict, NotFound, from_http_response
from google.auth.credentials import AnonymousCredentials
from google.cloud import bigquery

from ogfd.plugin import Context, TransientError
from ogfd_gcp.config import GcpConfig
from ogfd_gcp.faults import HINTS, address
from ogfd_gcp.identifiers import DatasetName, TableName
from ogfd_gcp.storage import opened
from ogfd_gcp.tokens import AuthorizedHttp, Tokens

if TYPE_CHECKING:
    from ogfd_gcp.storage.reading import Storage

T = TypeVar("T")

ATTEMPT: Final = timedelta(seconds=60)
GET_TABLE: Final = "bigquery:GetTable"
LIST_DATASETS: Final = "bigquery:ListDatasets"
LIST_TABLES: Final = "bigquery:ListTables"
INSERT: Final = "bigquery:InsertJob"
GET_JOB: Final = "bigquery:GetJob"
CANCEL: Final = "bigquery:CancelJob"
RESULTS: Final = "bigquery:GetQueryResults"

_NEVER: Final[Any] = None  # as the library takes it, but does not say
_SDK_SECONDS: Final = 45.0
"""
How long the SDK waits for bytes: less than an attempt has, so that its thread is free again.
"""


class Session:
    """
    The calls to BigQuery that this connector makes.

    Args:
        ctx: of the run.
        client: of BigQuery, whose requests go through *http*.
        http: adds the token.
        tokens: gets the token.
        url: the address of the API.
        storage: reads the rows of jobs; None if they come over REST.
    """

    def __init__(
        self,
        ctx: Context,
        client: bigquery.Client,
        http: AuthorizedHttp,
        tokens: Tokens,
        url: str,
        *,
        storage: Storage | None,
    ) -> None:
        self._ctx = ctx
        self._client = client
        self._http = http
        self._tokens = tokens
        self._url = url
        self.storage = storage

    @property
    def project(self) -> str:
        """The project that jobs run in."""
        project: str = self._client.project
        return project

    @property
    def email(self) -> str | None:
        """The account that asks, after the first request; None if that is not known."""
        return self._tokens.email

    async def signed_in(self) -> None:
        """
        Get a token.

        Raises:
            SourceError, Parked: if there is none to be had.
        """
        await self._tokens.ready()

    async def table(self, name: TableName) -> bigquery.Table:
        """Return what is known of a table: its schema, location and partitioning; free."""
        found: bigquery.Table = await self._call(GET_TABLE, self._get_table, name)
        return found

    async def datasets(self, project: str) -> list[DatasetName]:
        """Return the datasets of *project* that can be seen."""
        found: list[DatasetName] = []

        async def page(token: str | None) -> Any:
            return await self._call(LIST_DATASETS, self._dataset_page, project, token)

        async for names, _ in self._ctx.pages(page, next_token=lambda answer: answer[1]):
            found += names
        return found

    async def tables(self, dataset: DatasetName) -> list[str]:
        """Return the names of the tables and views of *dataset*."""
        found: list[str] = []

        async def page(token: str | None) -> Any:
            return await self._call(LIST_TABLES, self._table_page, dataset, token)

        async for names, _ in self._ctx.pages(page, next_token=lambda answer: answer[1]):
            found += names
        return found

    async def insert(
        self, sql: str, config: bigquery.QueryJobConfig, *, job_id: str, location: str | None
    ) -> bigquery.QueryJob | None:
        """
        Create a job; None if there is one of that id already, as when the answer was lost.

        Cancelled while the request is on its way, the job is cancelled as soon as it is there.
        """
        gone = threading.Event()
        created: bigquery.QueryJob | None
        try:
            created = await self._call(INSERT, self._insert, sql, config, job_id, location, gone)
        except anyio.get_cancelled_exc_class():
            gone.set()
            raise
        return created

    async def job(self, job_id: str, location: str | None) -> bigquery.QueryJob:
        """Return the job of that id as it is now."""
        found: bigquery.QueryJob = await self._call(GET_JOB, self._get_job, job_id, location)
        return found

    async def cancel(self, job_id: str, location: str | None) -> None:
        """Have BigQuery stop a job; what has ended stays as it is."""
        await self._call(CANCEL, self._cancel, job_id, location)

    async def results(
        self,
        job_id: str,
        location: str | None,
        *,
        start: int,
        rows: int,
        take: Callable[[bytes], T],
    ) -> T:
        """
        Return a page of the rows of a job that has ended, from row *start* on, as *take* makes it.

        In the thread of the request: if *take* raises a `TransientError`, as of an answer that is
        cut, the page is asked for again.
        """
        params = {"startIndex": str(start), "maxResults": str(rows), "location": location or ""}
        page: T = await self._call(RESULTS, self._page, job_id, params, take)
        return page

    async def _call(self, operation: str, func: Any, *args: Any) -> Any:
        await self._tokens.ready()
        return await self._ctx.call(operation, self._heard, func, *args, timeout=ATTEMPT)

    # What follows runs in threads.

    def _heard(self, func: Any, *args: Any) -> Any:
        try:
            return func(*args)
        except requests.JSONDecodeError as exc:
            raise TransientError(
                f"{address(self._url)} answered what is no JSON", hint=HINTS["page"]
            ) from exc

    def _get_table(self, name: TableName) -> bigquery.Table:
        dataset = bigquery.DatasetReference(name.project, name.dataset)
        return self._client.get_table(
            bigquery.TableReference(dataset, name.table), retry=_NEVER, timeout=_SDK_SECONDS
        )

    def _dataset_page(
        self, project: str, token: str | None
    ) -> tuple[list[DatasetName], str | None]:
        listing = self._client.list_datasets(
            project=project, page_token=token, page_size=1000, retry=_NEVER, timeout=_SDK_SECONDS
        )
        names = [
            DatasetName(project=project, dataset=each.dataset_id)
            for each in next(listing.pages, ())
        ]
        return names, listing.next_page_token

    def _table_page(self, dataset: DatasetName, token: str | None) -> tuple[list[str], str | None]:
        listing = self._client.list_tables(
            bigquery.DatasetReference(dataset.project, dataset.dataset),
            page_token=token,
            page_size=1000,
            retry=_NEVER,
            timeout=_SDK_SECONDS,
        )
        return [each.table_id for each in next(listing.pages, ())], listing.next_page_token

    def _insert(
        self,
        sql: str,
        config: bigquery.QueryJobConfig,
        job_id: str,
        location: str | None,
        gone: threading.Event,
    ) -> bigquery.QueryJob | None:
        try:
            created = self._client.query(
                sql,
                job_config=config,
                job_id=job_id,
                location=location,
                retry=_NEVER,
                job_retry=None,
                timeout=_SDK_SECONDS,
            )
        except Conflict:
            return None
        if gone.is_set():
            self._cancel(job_id, location)
        return created

    def _get_job(self, job_id: str, location: str | None) -> bigquery.QueryJob:
        try:
            found = self._client.get_job(
                job_id, location=location, retry=_NEVER, timeout=_SDK_SECONDS
            )
        except NotFound as exc:
            # Whoever asks has just made it, or been told that it is there.
            raise TransientError(f"job {job_id} cannot be seen yet", code="notFound") from exc
        if not isinstance(found, bigquery.QueryJob):
            raise TransientError(f"job {job_id} is no query")
        return found

    def _cancel(self, job_id: str, location: str | None) -> None:
        self._client.cancel_job(job_id, location=location, retry=_NEVER, timeout=_SDK_SECONDS)

    def _page(self, job_id: str, params: Mapping[str, str], take: Callable[[bytes], T]) -> T:
        url = f"{self._url}/bigquery/v2/projects/{self.project}/queries/{job_id}"
        response = self._http.get(
            url,
            params={key: value for key, value in params.items() if value},
            timeout=_SDK_SECONDS,
        )
        if not response.ok:
            raise from_http_response(response)
        return take(response.content)


@asynccontextmanager
async def open_session(ctx: Context, config: GcpConfig) -> AsyncGenerator[Session]:
    """
    Open a session; nothing is asked yet.

    Leaving it closes its connections.

    Raises:
        FatalError: if storage_api is on without what it needs.
    """
    tokens = Tokens(ctx, config)
    http = AuthorizedHttp(tokens.headers)
    try:
        client = bigquery.Client(
            project=config.job_project,
            credentials=AnonymousCredentials(),
            _http=http,
            client_options={"api_endpoint": config.url},
        )
        yield Session(ctx, client, http, tokens, config.url, storage=opened(ctx, config, tokens))
    finally:
        http.close()
        tokens.close()
