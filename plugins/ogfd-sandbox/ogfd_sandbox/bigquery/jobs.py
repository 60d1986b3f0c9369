"""
Jobs and their results: ``jobs.insert``, ``get`` and ``cancel``, ``getQueryResults``, ``query``.

https://docs.cloud.google.com/bigquery/docs/reference/rest/v2/jobs, 2026. What a failed query is
depends on who asks: a job of ``insert`` ends with the error, the other calls are refused with it.
"""

from __future__ import annotations

import json
import re
import threading
import uuid
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final

from sqlglot import exp

from ogfd_sandbox.azure.wire import Asked, Call, RefusedError, Reply, guarded, json_reply
from ogfd_sandbox.bigquery import cells, dialect
from ogfd_sandbox.bigquery.errors import QueryError, google_error
from ogfd_sandbox.bigquery.paging import page, start_text
from ogfd_sandbox.bigquery.tokens import Tokens
from ogfd_sandbox.bigquery.warehouse import Warehouse
from ogfd_sandbox.bigquery.work import Order, Work
from ogfd_sandbox.faults import Rule

API: Final = "/bigquery/v2/projects/"
_JOB: Final = re.compile(
    r"(?P<project>[^/]+)/(?P<kind>jobs|queries)/(?P<job>[^/]+)(?P<verb>/cancel)?"
)
_JOB_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,1024}")
_UNSAID: Final = frozenset({"US", "EU"})  # jobs of these are found without a location
_OF_CONFIGURATION: Final = frozenset({"labels", "dryRun", "jobTimeoutMs"})


class JobService:
    """Answers what concerns jobs, and keeps them and their results until it is forgotten."""

    def __init__(self, tokens: Tokens, warehouse: Warehouse) -> None:
        self._tokens = tokens
        self._warehouse = warehouse
        self._lock = threading.Lock()
        self._works: list[Work] = []
        self._by_id: dict[tuple[str, str, str], Work] = {}
        self._by_request: dict[tuple[str, str], Work] = {}
        self._by_destination: dict[tuple[str, str, str], Work] = {}

    def described(self) -> list[dict[str, Any]]:
        """Return what the control side says of all jobs, oldest first."""
        return [work.described() for work in self._works]

    def writer(self, project: str, dataset: str, table: str) -> Work | None:
        """Return the job whose rows an anonymous table has, or had; None if there is none."""
        return self._by_destination.get((project, dataset, table))

    def expire_results(self) -> None:
        """Have the rows of all jobs be gone, as they are after a day; the jobs are still known."""
        for work in self._works:
            work.expired = True

    def asked(self, call: Call) -> Asked | None:
        """Recognise a request."""
        path = call.path.removeprefix(API)
        if path == call.path:
            return None
        if call.method == "POST" and path.endswith(("/jobs", "/queries")):
            project, _, kind = path.partition("/")
            body = _json(call.body)
            return self._asked_to_run(call, project, kind, body)
        found = _JOB.fullmatch(path)
        if found is None:
            return None
        project, job_id, verb = found["project"], found["job"], found["verb"]
        key = f"{project} {call.query.get('location', '-')} {job_id}"
        work: Callable[[Call, str, str, Rule | None], Reply]
        match call.method, found["kind"], verb:
            case "GET", "jobs", None:
                operation, work = "GetJob", self._get
            case "POST", "jobs", "/cancel":
                operation, work = "CancelJob", self._cancel
            case "GET", "queries", None:
                operation, work = "GetQueryResults", self._results
                key += f" {start_text(call.query)} {call.query.get('maxResults', '-')}"
            case _:
                return None
        return self._asked(call, operation, key, partial(work, call, project, job_id))

    def _asked_to_run(self, call: Call, project: str, kind: str, body: Mapping[str, Any]) -> Asked:
        if kind == "queries":
            key = f"{project} {body.get('location', '-')}"
            return self._asked(call, "Query", key, partial(self._query, project, body))
        reference, configuration = body.get("jobReference", {}), body.get("configuration", {})
        key = f"{project} {reference.get('location', '-')} {reference.get('jobId', '-')}"
        if configuration.get("dryRun"):
            key += " dry_run"
        work = partial(self._insert, project, reference, configuration)
        return self._asked(call, "InsertJob", key, work)

    def _asked(
        self, call: Call, operation: str, key: str, work: Callable[[Rule | None], Reply]
    ) -> Asked:
        def answer(rule: Rule | None) -> Reply:
            self._tokens.check(call.headers.get("authorization", ""))
            return work(rule)

        return Asked(
            operation=operation,
            key=key,
            answer=guarded(answer, google_error),
            error=google_error,
        )

    def _insert(
        self,
        project: str,
        reference: Mapping[str, Any],
        configuration: Mapping[str, Any],
        rule: Rule | None,
    ) -> Reply:
        job_id = str(reference.get("jobId") or f"job_{uuid.uuid4().hex}")
        if not _JOB_ID.fullmatch(job_id):
            message = f'Invalid job ID "{job_id}". Job IDs must be alphanumeric (plus underscores '
            raise RefusedError(400, "invalid", f"{message}and dashes) and at most 1024 characters")
        if "query" not in configuration:
            message = "The stand-in runs queries alone: no load, copy or extract jobs."
            raise RefusedError(400, "invalid", message)
        work = self._worked(project, reference.get("location"), job_id, configuration, rule)
        if work.order.dry_run and work.error is not None:
            raise work.error.refused()
        return json_reply(work.resource("RUNNING" if work.polls > 0 else "DONE"))

    def _query(self, project: str, body: Mapping[str, Any], rule: Rule | None) -> Reply:
        request = project, str(body.get("requestId", uuid.uuid4()))
        work = self._by_request.get(request)
        if work is None:
            configuration = {name: body[name] for name in _OF_CONFIGURATION & body.keys()}
            query = {name: value for name, value in body.items() if name not in configuration}
            configuration["query"] = query
            job_id = f"job_{uuid.uuid4().hex}"
            work = self._worked(project, body.get("location"), job_id, configuration, rule)
            self._by_request[request] = work
        asked = {"maxResults": str(body["maxResults"])} if "maxResults" in body else {}
        options = body.get("formatOptions", {})
        if options.get("useInt64Timestamp"):
            asked["formatOptions.useInt64Timestamp"] = "true"
        return self._page(work, asked, rule, "bigquery#queryResponse")

    def _worked(
        self,
        project: str,
        location: str | None,
        job_id: str,
        configuration: Mapping[str, Any],
        rule: Rule | None,
    ) -> Work:
        """Return a new job that is done, or will be said to be after some looks."""
        if "bigquery.jobs.create" in self._warehouse.denied:
            message = f"Access Denied: Project {project}: User does not have "
            message += f"bigquery.jobs.create permission in project {project}."
            raise RefusedError(403, "accessDenied", message)
        dry = bool(configuration.get("dryRun"))
        place = location or self._home(project, configuration["query"].get("query", ""))
        order = Order(
            project=project,
            location=place,
            job_id="" if dry else job_id,
            configuration=configuration,
        )
        polls = rule.polls if rule is not None and rule.action == "run" else 0
        work = Work(order=order, polls=polls)
        with self._lock:
            key = project, place.upper(), job_id
            if not dry and key in self._by_id:
                message = f"Already Exists: Job {project}:{place}.{job_id}"
                raise RefusedError(409, "duplicate", message)
            if not dry:
                self._by_id[key] = self._by_destination[work.destination] = work
            self._works.append(work)
        if rule is not None and rule.action == "fail":
            work.error, work.ended = QueryError(rule.code, rule.message), work.created
        else:
            work.run(self._warehouse)
        return work

    def _home(self, project: str, sql: str) -> str:
        """Return the location of the first table that a query names, as Google finds it."""
        try:
            tables = dialect.parse(sql).find_all(exp.Table)
        except QueryError:
            return "US"
        places = (self._warehouse.location(one.catalog or project, one.db) for one in tables)
        return next(filter(None, places), "US")

    def _found(self, call: Call, project: str, job_id: str) -> Work:
        location = call.query.get("location")
        places = _UNSAID if location is None else {location.upper()}
        for place in sorted(places):
            work = self._by_id.get((project, place, job_id))
            if work is not None:
                return work
        where = f"{location}." if location is not None else ""
        raise RefusedError(404, "notFound", f"Not found: Job {project}:{where}{job_id}")

    def _get(self, call: Call, project: str, job_id: str, _rule: Rule | None) -> Reply:
        work = self._found(call, project, job_id)
        return json_reply(work.resource("DONE" if work.look() else "RUNNING"))

    def _cancel(self, call: Call, project: str, job_id: str, _rule: Rule | None) -> Reply:
        work = self._found(call, project, job_id)
        work.stop()
        job = work.resource("DONE")
        return json_reply({"kind": "bigquery#jobCancelResponse", "job": job})

    def _results(self, call: Call, project: str, job_id: str, rule: Rule | None) -> Reply:
        work = self._found(call, project, job_id)
        return self._page(work, call.query, rule, "bigquery#getQueryResultsResponse")

    def _page(self, work: Work, asked: Mapping[str, str], rule: Rule | None, kind: str) -> Reply:
        order = work.order
        found: dict[str, Any] = {
            "kind": kind,
            "jobReference": work.resource("DONE")["jobReference"],
            "jobComplete": True,
        }
        if not work.look():
            return json_reply({**found, "jobComplete": False})
        try:
            rows = work.rows()
        except QueryError as exc:
            raise exc.refused() from None
        found |= {
            "schema": {"fields": cells.fields(rows.schema)},
            "totalRows": str(rows.num_rows),
            "totalBytesProcessed": str(work.processed),
            "cacheHit": False,
        }
        if order.dry_run:
            return json_reply({**found, "totalRows": "0"})
        return page(found, rows, asked, rule)


def _json(body: bytes) -> Mapping[str, Any]:
    try:
        found = json.loads(body)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
