"""``ogfd reconcile``: committed sums beside the providers' own totals."""

from __future__ import annotations

from collections.abc import Container, Mapping
from typing import Any

import anyio

from ogfd.control.choice import Choice
from ogfd.control.protocol import Emit
from ogfd.plugin import single_error
from ogfd.runs import Blueprint, Reconciled, Runner, RunRequest
from ogfd.runs.border import border_error
from ogfd.slices import Agreement, worst
from ogfd.state import StateStore
from ogfd.state.reconciliations import Reconciliation, reconciliations


class Reconcile:
    """
    Answers ``ogfd reconcile``.

    Args:
        runner: opens connectors.
        choice: knows which connectors are asked for.
    """

    def __init__(self, runner: Runner, choice: Choice) -> None:
        self._runner = runner
        self._choice = choice

    async def reconcile(self, params: Mapping[str, Any], _: Emit) -> dict[str, Any]:
        """Reconcile the chosen months of the chosen connectors, all connectors at once."""
        done: dict[str, Reconciled] = {}
        requests = self._choice.requests(params)
        async with anyio.create_task_group() as tasks:
            for request in requests:
                done[request.connector] = Reconciled()
                tasks.start_soon(self._connector, request, done[request.connector])
        checks = [check for each in done.values() for check in each.checks]
        errors = [
            {"connector": name, **error.as_json()}
            for name, each in done.items()
            for error in each.errors
        ]
        errors += [
            {"connector": run["connector"], **run["error"]} for run in self._choice.broken(params)
        ]
        return {
            "result": str(worst(check.comparison.agreement for check in checks)),
            "checks": [check.as_json() for check in checks],
            "errors": errors,
        }

    async def _connector(self, request: RunRequest, done: Reconciled) -> None:
        """Open a connector and reconcile its streams, one after the other."""
        runner = self._runner
        connector = runner.connectors[request.connector]
        try:
            with single_error():
                async with (
                    runner.contexts(connector, asked=True) as context,
                    connector.spec.open(connector.config, context) as streams,
                ):
                    for name, blueprint in runner.blueprints[connector.name].items():
                        if request.streams is None or name in request.streams:
                            found = await runner.reconciler.reconcile(
                                streams[name], blueprint, request.window
                            )
                            done.checks.extend(found.checks)
                            done.errors.extend(found.errors)
        except Exception as exc:  # noqa: BLE001 - the border: other connectors go on
            done.errors.append(border_error(exc, connector.name))


async def unreconciled(
    state: StateStore, blueprints: Mapping[str, Mapping[str, Blueprint]]
) -> list[dict[str, Any]]:
    """
    Return the months that were found to differ from the provider's totals or could not be checked.

    Args:
        state: knows them.
        blueprints: of the streams that are configured, by connector and stream.
    """
    return [
        document
        for record in await reconciliations(state)
        if (found := blueprints.get(record.connector, {}).get(record.stream)) is not None
        for document in _standing(record, found.sinks)
    ]


def _standing(record: Reconciliation, sinks: Container[str]) -> list[dict[str, Any]]:
    month = {
        "stream": f"{record.connector}/{record.stream}",
        "billing_period": record.billing_period,
        "checked_at": record.checked_at.isoformat(),
    }
    error = record.document["error"]
    bad = [
        each
        for each in record.document["checks"]
        if Agreement(each["result"]).is_bad and each["sink"] in sinks
    ]
    kept = ("sink", "measure", "result", "committed", "provider", "difference", "share")
    found = [month | {name: each[name] for name in kept} | {"error": None} for each in bad]
    if error is not None:
        found.append(month | dict.fromkeys(kept) | {"result": "failed", "error": error})
    return found
