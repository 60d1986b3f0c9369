"""What can be asked of ogfd: the same in the process of a command and through the daemon."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import anyio

from ogfd.control.audit import Audit
from ogfd.control.checks import Checks
from ogfd.control.choice import Choice
from ogfd.control.protocol import EX_CONFIG, EX_USAGE, Emit, OperationError
from ogfd.control.reconcile import Reconcile
from ogfd.control.standing import Standing, Status
from ogfd.plugin import ReadableSink, Sink, is_readable
from ogfd.registry import Bound
from ogfd.reports import ReportError, query_of, report
from ogfd.runs import Planned, Runner, RunRequest, RunResult, overall, plan_total

Operation = Callable[[Mapping[str, Any], Emit], Awaitable[dict[str, Any]]]


class LocalOperations:
    """
    Does the operations in this process.

    Args:
        bound: the configuration with its plugins.
        runner: runs connectors.
        sinks: by name.
        standing: what is known of the process.
    """

    def __init__(
        self, bound: Bound, runner: Runner, sinks: Mapping[str, Sink], standing: Standing
    ) -> None:
        self._runner = runner
        self._sinks = sinks
        self._choice = Choice(bound, runner)
        audit = Audit(runner, sinks)
        self._operations: dict[str, Operation] = {
            "sync": self._sync,
            "plan": self._plan,
            "report": self._report,
            "status": Status(bound, runner, sinks, standing).status,
            "check": Checks(bound, runner, sinks, self._choice).check,
            "reconcile": Reconcile(runner, self._choice).reconcile,
            "slices.list": audit.list,
            "slices.show": audit.show,
            "slices.history": audit.history,
            "slices.approve": audit.approve,
            "slices.reject": audit.reject,
            "slices.drop": audit.drop,
        }

    async def call(self, name: str, params: Mapping[str, Any], emit: Emit) -> dict[str, Any]:
        """Do the operation *name*; see `ogfd.control.protocol.Operations`."""
        operation = self._operations.get(name)
        if operation is None:
            raise OperationError(f"there is no operation {name!r}", EX_USAGE)
        return await operation(params, emit)

    async def _sync(self, params: Mapping[str, Any], emit: Emit) -> dict[str, Any]:
        results: list[RunResult] = []
        requests = self._choice.requests(params)

        async def run(request: RunRequest) -> None:
            results.append(await self._runner.run(request, lambda event: emit(dict(event))))

        async with anyio.create_task_group() as tasks:
            for request in requests:
                tasks.start_soon(run, request)
        runs = [result.as_json() for result in sorted(results, key=lambda each: each.connector)]
        broken = self._choice.broken(params)
        outcome = str(overall(results))
        if broken:
            good = any(run["outcome"] != "failed" for run in runs)
            outcome = "partial" if good else "failed"
        return {"outcome": outcome, "runs": runs + broken}

    async def _plan(self, params: Mapping[str, Any], _: Emit) -> dict[str, Any]:
        slices: list[Planned] = []
        errors: list[dict[str, Any]] = []
        for request in self._choice.requests(params):
            planned, failed = await self._runner.plan(request)
            slices += planned
            errors += [{"connector": request.connector, **each.as_json()} for each in failed]
        errors += [
            {"connector": run["connector"], **run["error"]} for run in self._choice.broken(params)
        ]
        return {
            "slices": [each.as_json() for each in slices],
            "errors": errors,
            "total": plan_total(slices),
        }

    async def _report(self, params: Mapping[str, Any], _: Emit) -> dict[str, Any]:
        name, sink = self._readable(params.get("sink"))
        try:
            return (await report(sink, query_of(params))).document(name)
        except ReportError as exc:
            raise OperationError(str(exc), EX_USAGE) from exc

    def _readable(self, name: str | None) -> tuple[str, ReadableSink]:
        readable = {each: sink for each, sink in self._sinks.items() if is_readable(sink)}
        if name is None and readable:
            name = next(iter(readable))
        if name is None or name not in readable:
            asked = f"sink {name!r} cannot be read" if name else "no sink can be read"
            raise OperationError(
                f"{asked}; reports need a sink such as sqlite", EX_USAGE if name else EX_CONFIG
            )
        return name, readable[name]
