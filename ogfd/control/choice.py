"""Which connectors a command is about, and the requests that come of it."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ogfd.control.protocol import EX_CONFIG, EX_USAGE, OperationError
from ogfd.plugin import ErrorClass, Period
from ogfd.registry import Bound
from ogfd.runs import RunError, Runner, RunRequest, Trigger, asked_window, default_window


class Choice:
    """
    Turns the parameters of a command into requests.

    Args:
        bound: the configuration with its plugins.
        runner: knows the connectors whose plugins work.
    """

    def __init__(self, bound: Bound, runner: Runner) -> None:
        self._bound = bound
        self._runner = runner

    def requests(self, params: Mapping[str, Any]) -> list[RunRequest]:
        """
        Return a request for each chosen connector whose plugin works.

        Raises:
            OperationError: if a connector, stream or month is not one.
        """
        names = self.names(params)
        stream = params.get("stream")
        requests = []
        for name in names:
            connector = self._runner.connectors.get(name)
            if connector is None:
                continue  # its plugin has a problem, which `_broken` reports
            if stream is not None and stream not in connector.streams:
                if params.get("connectors"):
                    raise OperationError(
                        f"connector {name} has no stream {stream!r}"
                        f"{meant(stream, connector.streams)}",
                        EX_USAGE,
                    )
                continue
            requests.append(
                RunRequest(
                    connector=name,
                    trigger=Trigger(params.get("trigger") or "cli"),
                    streams=None if stream is None else frozenset([stream]),
                    window=self._window(name, params),
                    force=bool(params.get("force")),
                )
            )
        if stream is not None and not requests and not self.broken(params):
            raise OperationError(f"no connector has a stream {stream!r}", EX_USAGE)
        return requests

    def _window(self, name: str, params: Mapping[str, Any]) -> Period | None:
        blueprints = list(self._runner.blueprints[name].values())
        if not blueprints:
            return None
        stream = blueprints[0].stream
        default = default_window(stream.spec, stream.start, self._runner.now())
        try:
            return asked_window(params.get("from"), params.get("to"), default)
        except ValueError as exc:
            raise OperationError(str(exc), EX_USAGE) from exc

    def names(self, params: Mapping[str, Any]) -> list[str]:
        """Return the connectors that are asked for, by name or by provider; all by default."""
        enabled = [name for name, table in self._bound.settings.connectors.items() if table.enabled]
        asked: Sequence[str] = params.get("connectors") or ()
        if not asked:
            return enabled
        chosen: dict[str, None] = {}
        for name in asked:
            of_provider = [
                each
                for each in enabled
                if each in self._runner.connectors
                and self._runner.connectors[each].spec.provider == name
            ]
            if name in enabled:
                chosen[name] = None
            elif name in self._bound.settings.connectors:
                raise OperationError(f"connector {name} is disabled", EX_CONFIG)
            elif of_provider:
                chosen |= dict.fromkeys(of_provider)
            else:
                raise OperationError(
                    f"there is no connector {name!r}{meant(name, enabled)}", EX_USAGE
                )
        return list(chosen)

    def broken(self, params: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Return a failed run for each chosen connector whose plugin has a problem."""
        broken = []
        for name in self.names(params):
            problem = self._bound.problems.get(f"connectors.{name}")
            if problem is not None:
                now = self._runner.now().isoformat()
                error = RunError(error_class=ErrorClass.FATAL, message=str(problem)).as_json()
                broken.append(
                    {
                        "run_id": None,
                        "connector": name,
                        "provider": None,
                        "trigger": params.get("trigger") or "cli",
                        "outcome": "failed",
                        "started_at": now,
                        "ended_at": now,
                        "error": error,
                        "errors": [error],
                        "slices": [],
                    }
                )
        return broken


def meant(name: str, known: Iterable[str]) -> str:
    """Return what to add to a message about a *name* that is not *known*."""
    close = difflib.get_close_matches(name, list(known), n=1)
    return f"; did you mean {close[0]}?" if close else f"; there are: {', '.join(known) or 'none'}"
