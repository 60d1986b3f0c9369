"""
What answers: hands a request to its service, keeps the log, and spoils by rule.

The control side lies below ``/_sandbox/``. Services work in threads, so that a long query holds
nobody up.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, Final

import anyio.to_thread
from aiohttp import web

from ogfd_sandbox.azure.answers import Service, answered, call_of, unknown
from ogfd_sandbox.azure.wire import Call, Reply
from ogfd_sandbox.bigquery.catalog import CatalogService
from ogfd_sandbox.bigquery.errors import google_error
from ogfd_sandbox.bigquery.identity import IdentityService
from ogfd_sandbox.bigquery.jobs import JobService
from ogfd_sandbox.bigquery.sessions import ReadSessions
from ogfd_sandbox.bigquery.tables import PROJECT, Table
from ogfd_sandbox.bigquery.tokens import LIFETIME_SECONDS, Tokens
from ogfd_sandbox.bigquery.warehouse import Warehouse
from ogfd_sandbox.child import CONTROL
from ogfd_sandbox.faults import Rule, Rules
from ogfd_sandbox.journal import Journal

_SECRETS: Final = frozenset({"authorization"})
_FOR_SERVICE: Final = frozenset({"pages", "repeat", "fail", "run"})


class BigQueryApp:
    """All services, what they are told, the rules in force and the log of requests."""

    def __init__(self) -> None:
        self._rules = Rules()
        self._journal = Journal(_SECRETS)
        self._storage_port = 0
        self._tokens = Tokens()
        self._identity = IdentityService(self._tokens)
        self._begin()

    def _begin(self) -> None:
        self._warehouse = Warehouse()
        self._tokens.live_for(LIFETIME_SECONDS)
        self._jobs = JobService(self._tokens, self._warehouse)
        self._sessions = ReadSessions(self._tokens, self._warehouse, self._jobs)
        self._services: tuple[Service, ...] = (
            self._jobs,
            CatalogService(self._tokens, self._warehouse),
            self._identity,
        )

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer a request."""
        call = await call_of(request)
        if call.path.startswith(CONTROL):
            return await self._control(call)
        found = (service.asked(call) for service in self._services)
        asked = next(filter(None, found), None) or unknown(call, "notFound", google_error)

        async def work(rule: Rule | None) -> Reply:
            told = rule if rule is not None and rule.action in _FOR_SERVICE else None
            return await anyio.to_thread.run_sync(asked.answer, told)

        return await answered(
            request, call, asked, rules=self._rules, journal=self._journal, work=work
        )

    async def _control(self, call: Call) -> web.Response:
        name = call.path.removeprefix(CONTROL)
        orders: Mapping[tuple[str, str], Callable[[Any], Any]] = {
            ("GET", "requests"): lambda _: self._journal.entries(),
            ("DELETE", "requests"): lambda _: self._journal.clear(),
            ("GET", "sent"): lambda _: self._journal.sent(),
            ("GET", "jobs"): lambda _: self._jobs.described(),
            ("DELETE", "results"): lambda _: self._jobs.expire_results(),
            ("PUT", "sessions"): lambda _: self._sessions.expire_all(),
            ("DELETE", "sessions"): lambda _: self._sessions.forget_all(),
            ("PUT", "message_rows"): self._set_message_rows,
            ("PUT", "faults"): lambda rules: self._rules.replace(map(Rule.from_json, rules)),
            ("DELETE", "all"): lambda _: self._forget(),
            ("PUT", "tables"): self._set_table,
            ("DELETE", "tables"): lambda told: self._warehouse.drop(Table.from_json(told)),
            ("PUT", "datasets"): self._create_dataset,
            ("POST", "partitions"): self._partitions,
            ("PUT", "denied"): self._warehouse.deny,
            ("PUT", "lifetime"): self._tokens.live_for,
            ("DELETE", "tokens"): lambda _: self._tokens.revoke(),
        }
        order = orders.get((call.method, name))
        if name == "storage":
            return await self._storage()
        if name.startswith("credentials/"):
            kind = name.removeprefix("credentials/")
            return web.json_response(self._identity.credentials(kind, call.base))
        if order is None:
            return web.json_response({"unknown": name}, status=404)
        try:
            done = await anyio.to_thread.run_sync(order, json.loads(call.body or b"null"))
        except Exception as exc:  # noqa: BLE001 - whatever it is, the test must read of it
            return web.json_response({type(exc).__name__: str(exc)}, status=400)
        return web.json_response(done)

    async def _storage(self) -> web.Response:
        """Answer with the port of the Storage Read API, which listens from the first time on."""
        try:
            from ogfd_sandbox.bigquery.storage import StorageServer  # noqa: PLC0415 - see there
        except ImportError as exc:
            return web.json_response({"ImportError": str(exc)}, status=501)
        if not self._storage_port:
            server = StorageServer(self._rules, self._journal, lambda: self._sessions)
            self._storage_port = await server.start()
        return web.json_response(self._storage_port)

    def _set_message_rows(self, rows: int | None) -> None:
        self._sessions.message_rows = rows

    def _set_table(self, told: Mapping[str, Any]) -> None:
        table = Table.from_json(told["table"])
        self._warehouse.put(table, told["paths"], told["modified"])

    def _create_dataset(self, told: Mapping[str, Any]) -> None:
        project = told["project"] or PROJECT
        self._warehouse.create_dataset(project, told["dataset"], told["location"])

    def _partitions(self, told: Mapping[str, Any]) -> dict[str, int]:
        table = Table.from_json(told)
        stored = self._warehouse.find(table.project, table.dataset, table.name)
        return {} if stored is None else {one.id: one.rows for one in stored.partitions}

    def _forget(self) -> None:
        self._rules.replace(())
        self._journal.clear()
        self._begin()
