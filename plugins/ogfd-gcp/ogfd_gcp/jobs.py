"""
Queries as jobs that survive us.

    id of the query, the slice and its version
      |
    insert -- there already --> adopt it: the answer was lost, or we were killed
      |                           |
    wait on the loop <------------+
      |
    ended well -> its rows, for a day     failed, worth another try -> the next id

A job costs money once, and its results can be read for about 24 hours. So what a slice is read by
has an id made of nothing but what is asked: whoever asks the same again gets the same job. An id
whose job failed cannot be used again.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import uuid4

import anyio
from google.cloud import bigquery

from ogfd.plugin import Context, Parked, SourceError, TransientError
from ogfd_gcp.config import GcpConfig
from ogfd_gcp.faults import JobFailedError
from ogfd_gcp.query import Query
from ogfd_gcp.session import Session

OUTCOME: Final = "bigquery:JobOutcome"

_POLLS: Final = (0.1, 0.2, 0.4, 0.8, 1.5, 3.0, 5.0)
_RUNS: Final = 4
_PAUSES: Final = (1.0, 2.0, 4.0)
_ADOPTIONS: Final = 4
_CANCEL_SECONDS: Final = 5
_LONGEST_SECONDS: Final = 3600.0
_STOPPING_SECONDS: Final = 300.0  # that BigQuery may take to stop a job whose time is up
_DONE: Final = "DONE"
_RUN: Final = "ogfd_run"
_STOPPED: Final = "stopped"
_TIMEOUT: Final = "timeout"
_LABEL_LENGTH: Final = 63  # https://cloud.google.com/bigquery/docs/labels-intro#requirements


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """
    A job that has ended well.

    Attributes:
        job_id: by which its rows are read.
        location: where it ran.
        started: the instant whose content of the tables it read.
        adopted: whether an earlier run made it.
        table: resource name of the table that its rows are in; None if BigQuery does not tell.
    """

    job_id: str
    location: str | None
    started: datetime | None
    adopted: bool
    table: str | None


class Jobs:
    """
    Runs queries.

    Args:
        ctx: of the run.
        session: makes the requests.
        config: of the connector.
    """

    def __init__(self, ctx: Context, session: Session, config: GcpConfig) -> None:
        self._ctx = ctx
        self._session = session
        self._config = config
        self._run = uuid4().hex

    async def run(
        self,
        query: Query,
        *,
        location: str | None,
        identity: Sequence[str] = (),
        since: datetime | None = None,
    ) -> Finished:
        """
        Run *query* to its end; cancelled, its job is cancelled too.

        Args:
            query: what to run.
            location: of the dataset.
            identity: what the job is told apart by besides the query, such as slice and version;
                without it the query is run anew each time.
            since: what was changed last among what it reads; an earlier run's job of before is
                not taken. None if that is not known: then none of an earlier run is.

        Raises:
            SourceError, Parked: if it failed, by its reason.
        """
        named = self._names(query, identity)
        failures = 0
        for number in range(_RUNS + _ADOPTIONS):
            finished, failure = await self._tried(query, named(number), location)
            if finished is not None and not _outdated(finished, since):
                return finished
            if failure is not None:
                failures += 1
                if failures == _RUNS:
                    raise failure
                await anyio.sleep(_PAUSES[min(failures, len(_PAUSES)) - 1])
        raise TransientError(f"no job for {query.purpose} could be made under any of its ids")

    async def dry_run(self, query: Query, *, location: str | None) -> int:
        """
        Return how many bytes *query* would read; free, and checks it against the schema.

        Without the limit of bytes: many slices together may go beyond it, and nothing is billed.
        """
        config = self._settings(query)
        config.dry_run = True
        job = await self._session.insert(
            query.sql, config, job_id=f"ogfd_dry_{uuid4().hex}", location=location
        )
        if job is None:
            raise TransientError("a dry run collided with another")
        return int(job.total_bytes_processed or 0)

    def _names(self, query: Query, identity: Sequence[str]) -> Callable[[int], str]:
        """Return what names the job of each try."""
        if not identity:
            return lambda number: f"ogfd_{query.purpose}_{uuid4().hex}_{number}"
        limit = str(self._config.maximum_bytes_billed)
        # Who else asks may see other rows, and may not read those of a job that is not his.
        asking = self._ctx.connector, self._session.project, self._session.email or "", limit
        digest = query.digest(*asking, *identity)

        def named(number: int) -> str:
            # After many failures of the past, one that nobody can have used.
            last = str(number) if number < _RUNS + _ADOPTIONS - 1 else uuid4().hex
            return f"ogfd_{query.purpose}_{digest}_{last}"

        return named

    async def _tried(
        self, query: Query, job_id: str, location: str | None
    ) -> tuple[Finished | None, TransientError | None]:
        """Return the job, or why it failed if it may be tried again; neither of an old failure."""
        try:
            job = await self._ended(query, job_id, location)
        except anyio.get_cancelled_exc_class():
            await self._abandoned(job_id, location)
            raise
        # Of one that is there already, the label tells whether it was made a moment ago, and only
        # the answer was lost.
        adopted = job.labels.get(_RUN) != self._run
        if adopted and job.error_result is not None:
            return None, None  # what was wrong then may have been mended
        try:
            await self._ctx.call(OUTCOME, _check, job, idempotent=False)
        except TransientError as exc:
            return None, exc
        finished = Finished(
            job_id=job_id,
            location=job.location or location,
            started=job.started,
            adopted=adopted,
            table=None if job.destination is None else job.destination.to_bqstorage(),
        )
        return finished, None

    async def _ended(self, query: Query, job_id: str, location: str | None) -> bigquery.QueryJob:
        """Create the job, or find it there, and wait for its end."""
        settings = self._settings(query)
        settings.maximum_bytes_billed = self._config.maximum_bytes_billed
        made = await self._session.insert(query.sql, settings, job_id=job_id, location=location)
        running = made is not None and made.state != _DONE
        longest = _LONGEST_SECONDS + _STOPPING_SECONDS
        deadline = anyio.current_time() + longest
        for polls in itertools.count():
            if running:
                await anyio.sleep(_POLLS[min(polls, len(_POLLS) - 1)])
            job = await self._session.job(job_id, location)
            if job.state == _DONE:
                return job
            running = True
            if anyio.current_time() > deadline:
                break
        raise TransientError(
            f"job {job_id} has not ended after {longest / 60:.0f} minutes",
            hint="it goes on, and the next run waits for it; see the load of the project",
        )

    async def _abandoned(self, job_id: str, location: str | None) -> None:
        """Have BigQuery stop a job that nobody waits for any more, if it can be told in time."""
        with anyio.move_on_after(_CANCEL_SECONDS, shield=True):
            try:
                await self._session.cancel(job_id, location)
            except (SourceError, Parked) as exc:
                self._ctx.log.info("job %s could not be cancelled: %s", job_id, exc)

    def _settings(self, query: Query) -> bigquery.QueryJobConfig:
        settings = bigquery.QueryJobConfig(
            query_parameters=[each.sent() for each in query.parameters],
            use_legacy_sql=False,
            labels={
                "ogfd": query.purpose,
                "ogfd_connector": _label(self._ctx.connector),
                _RUN: self._run,
            },
        )
        settings.job_timeout_ms = int(_LONGEST_SECONDS * 1000)
        return settings


def _outdated(finished: Finished, since: datetime | None) -> bool:
    """Tell whether a job of an earlier run may have read other content than there is now."""
    if not finished.adopted:
        return False
    return since is None or finished.started is None or finished.started <= since


def _check(job: bigquery.QueryJob) -> None:
    """
    Raise what a job failed with.

    Under the policy, so that it is classified, counted and parked as any other error is; what goes
    well is told too, or nothing would ever close a breaker.
    """
    failure = job.error_result
    if failure is not None:
        reason = _TIMEOUT if _timed_out(job) else str(failure.get("reason", ""))
        raise JobFailedError(job.job_id, reason, str(failure.get("message", "")))


def _timed_out(job: bigquery.QueryJob) -> bool:
    """
    Tell whether BigQuery has stopped a job since its time was up.

    It says the same of one that somebody has cancelled, which is worth another try; this one would
    run for as long again, and be billed again. The time counts from the creation on.
    https://cloud.google.com/bigquery/docs/reference/rest/v2/Job#JobConfiguration
    """
    if job.error_result.get("reason") != _STOPPED or job.ended is None or job.created is None:
        return False
    seconds: float = (job.ended - job.created).total_seconds()
    return seconds >= _LONGEST_SECONDS


def _label(text: str) -> str:
    return re.sub(r"[^a-z0-9_-]", "_", text.lower())[:_LABEL_LENGTH]
