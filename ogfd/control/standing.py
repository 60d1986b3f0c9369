"""How the daemon, its connectors and its sinks stand."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from ogfd import __version__
from ogfd.control.failing import failing
from ogfd.control.protocol import Emit
from ogfd.control.reconcile import unreconciled
from ogfd.plugin import Sink, SinkError
from ogfd.registry import Bound
from ogfd.runs import Runner
from ogfd.state import Spending


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """
    What is known of the process itself.

    Attributes:
        running: whether this is the daemon rather than a single command.
        started_at: in UTC.
        next_run: when a connector's next run is due, if it is scheduled here.
    """

    running: bool
    started_at: datetime
    next_run: Callable[[str], datetime | None]


class Status:
    """
    Answers ``ogfd status``.

    Args:
        bound: the configuration with its plugins.
        runner: knows what runs.
        sinks: by name.
        standing: what is known of the process.
    """

    def __init__(
        self, bound: Bound, runner: Runner, sinks: Mapping[str, Sink], standing: Standing
    ) -> None:
        self._bound = bound
        self._runner = runner
        self._sinks = sinks
        self._standing = standing

    async def status(self, _params: Mapping[str, Any], _emit: Emit) -> dict[str, Any]:
        """Tell how everything stands."""
        records = await self._runner.state.slices()
        counts: dict[str, int] = {}
        for record in records.values():
            counts[record.outcome] = counts.get(record.outcome, 0) + 1
        return {
            "daemon": {
                "running": self._standing.running,
                "pid": os.getpid() if self._standing.running else None,
                "version": __version__,
                "state_dir": str(self._bound.settings.daemon.state_dir),
                "started_at": self._standing.started_at.isoformat()
                if self._standing.running
                else None,
            },
            "connectors": [await self._connector(name) for name in self._bound.settings.connectors],
            "slices": counts,
            "stopped": [
                {
                    "connector": brake.connector,
                    "operation": brake.operation,
                    "scope": brake.scope,
                    "until": brake.until and brake.until.isoformat(),
                    "reason": brake.reason or "the provider asked for a wait",
                }
                for brake in self._runner.brakes.readings()
                if brake.is_open or brake.until
            ],
            "failing": await failing(self._runner.state, self._runner.blueprints),
            "reconciliation": await unreconciled(self._runner.state, self._runner.blueprints),
            "held": [
                {"slice": record.slice, "reason": record.reason}
                for record in records.values()
                if record.outcome == "held"
            ],
            "sinks": [await self._sink(name) for name in self._sinks],
            "problems": [
                {"plugin": problem.plugin, "reason": problem.reason, "message": str(problem)}
                for problem in self._bound.problems.values()
            ],
        }

    async def _connector(self, name: str) -> dict[str, Any]:
        table = self._bound.settings.connectors[name]
        bound = self._bound.connectors.get(name)
        runs = await self._runner.state.runs(name, limit=1)
        last = runs[0] if runs else None
        identity = self._runner.identities.of(name)
        next_run = self._standing.next_run(name)
        problem = self._bound.problems.get(f"connectors.{name}")
        if not table.enabled:
            status = "disabled"
        elif name in self._runner.running:
            status = "running"
        elif problem or (last is not None and last.outcome in {"failed", "partial", "crashed"}):
            status = "error"
        else:
            status = "connected"
        error = str(problem) if problem else last and last.error
        return {
            "name": name,
            "type": table.type,
            "provider": bound.spec.provider if bound else None,
            "status": status,
            "identity": identity and identity.name,
            "identity_since": identity and identity.since.isoformat(),
            "last_run": last
            and {
                "run_id": last.run_id,
                "outcome": last.outcome,
                "started_at": last.started_at.isoformat(),
                "ended_at": last.ended_at and last.ended_at.isoformat(),
                "slices": last.document.get("slices", {}),
            },
            "next_run": next_run and next_run.isoformat(),
            "last_error": error,
            "streams": sorted(bound.streams) if bound else [],
            "unknown": [
                {"stream": i.stream, "field": i.field, "value": i.value, "rows": i.rows}
                for i in await self._runner.unknown(name)
            ],
            "spending": await self._spending(name),
        }

    async def _spending(self, name: str) -> list[dict[str, Any]]:
        """Tell what the connector's paid requests have cost this month."""
        month = f"{self._runner.now().astimezone(UTC):%Y-%m}"
        return [
            {
                "operation": each.operation,
                "month": each.month,
                "requests": each.requests,
                "usd": str(each.usd),
            }
            for each in await Spending(self._runner.state).of(name, month)
        ]

    async def _sink(self, name: str) -> dict[str, Any]:
        sink = self._sinks[name]
        error = None
        try:
            await sink.ledger([])
        except SinkError as exc:
            error = str(exc)
        return {
            "name": name,
            "type": self._bound.settings.sinks[name].type,
            "guarantee": str(sink.guarantee),
            "ok": error is None,
            "error": error,
        }
