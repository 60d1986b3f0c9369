"""``ogfd check``: configuration, credentials, permissions and sinks, without reading data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from ogfd.control.choice import Choice
from ogfd.control.protocol import Emit
from ogfd.plugin import Context, ErrorClass, Finding, FindingLevel, OgfdError, Sink, SinkError
from ogfd.registry import Bound, BoundConnector
from ogfd.runs import Runner, default_window

_NAMED: Final = 10


class Checks:
    """
    Answers ``ogfd check``.

    Args:
        bound: the configuration with its plugins.
        runner: opens contexts.
        sinks: by name.
        choice: knows which connectors are asked for.
    """

    def __init__(
        self, bound: Bound, runner: Runner, sinks: Mapping[str, Sink], choice: Choice
    ) -> None:
        self._bound = bound
        self._runner = runner
        self._sinks = sinks
        self._choice = choice

    async def check(self, params: Mapping[str, Any], _: Emit) -> dict[str, Any]:
        """Check the chosen connectors and all sinks; *discover* also looks for what to configure."""
        findings = [self._config(), *[await self._sink(name) for name in self._sinks]]
        for name in self._choice.names(params):
            problem = self._bound.problems.get(f"connectors.{name}")
            if problem is not None:
                findings.append(_error(f"connector {name}", "plugin", problem))
                continue
            connector = self._runner.connectors[name]
            found = [*await self._connector(connector), *await self._unknown(name)]
            if params.get("discover"):
                found += await self._discovered(connector)
            findings += [_of_connector(name, finding) for finding in found]
        return {"findings": findings}

    def _config(self) -> dict[str, Any]:
        files = ", ".join(str(path) for path in self._bound.settings.files) or "the environment"
        finding = Finding(level=FindingLevel.OK, subject="configuration", message=files)
        return _document("config", finding)

    async def _sink(self, name: str) -> dict[str, Any]:
        try:
            ledger = await self._sinks[name].ledger()
        except SinkError as exc:
            return _error(f"sink {name}", "ledger", exc)
        held = "keeps no ledger" if ledger is None else f"holds {len(ledger)} slices"
        finding = Finding(level=FindingLevel.OK, subject="ledger", message=held)
        return _document(f"sink {name}", finding)

    async def _connector(self, connector: BoundConnector) -> Sequence[Finding]:
        try:
            async with self._runner.contexts(connector, asked=True) as context:
                if connector.spec.check is not None:
                    return await connector.spec.check(connector.config, context)
                return await self._listed(connector, context)
        except OgfdError as exc:
            return [_finding("open", exc)]

    async def _discovered(self, connector: BoundConnector) -> Sequence[Finding]:
        """Find what could be configured, for connectors that know how."""
        if (discover := connector.spec.discover) is None:
            message = f"connectors of the type {connector.spec.name} cannot look for sources"
            return [Finding(level=FindingLevel.WARNING, subject="discover", message=message)]
        try:
            async with self._runner.contexts(connector, asked=True) as context:
                return await discover(connector.config, context)
        except OgfdError as exc:
            return [_finding("discover", exc)]

    async def _unknown(self, connector: str) -> Sequence[Finding]:
        """Name the values that no table of the connector knows, by stream and field."""
        named: dict[str, list[str]] = {}
        for each in await self._runner.unknown(connector):
            subject = f"unknown {each.field} in {each.stream}"
            named.setdefault(subject, []).append(f"{each.value} ({each.rows} rows)")
        return [
            Finding(
                level=FindingLevel.WARNING,
                subject=subject,
                message=f"{_listing(values)}; the rows are kept as they are. A newer plugin may "
                "know more",
            )
            for subject, values in named.items()
        ]

    async def _listed(self, connector: BoundConnector, context: Context) -> Sequence[Finding]:
        """List the partitions of every stream, for connectors that bring no check of their own."""
        findings = []
        async with connector.spec.open(connector.config, context) as streams:
            for name, bound in connector.streams.items():
                window = default_window(bound.spec, bound.start, self._runner.now())
                try:
                    found = len(await streams[name].partitions(window))
                except OgfdError as exc:
                    findings.append(_finding(f"stream {name}", exc))
                    continue
                findings.append(
                    Finding(
                        level=FindingLevel.OK if found else FindingLevel.WARNING,
                        subject=f"stream {name}",
                        message=f"lists {found} partitions",
                    )
                )
        return findings


def _listing(values: Sequence[str]) -> str:
    more = len(values) - _NAMED
    return ", ".join(values[:_NAMED]) + (f" and {more} more" if more > 0 else "")


def _of_connector(name: str, finding: Finding) -> dict[str, Any]:
    document = _document(f"connector {name}", finding)
    if finding.suggestion is not None:
        document["suggestion"] = {"connectors": {name: dict(finding.suggestion)}}
    return document


def _finding(subject: str, exc: OgfdError) -> Finding:
    known = getattr(exc, "error_class", ErrorClass.FATAL)
    return Finding(level=FindingLevel.ERROR, subject=subject, message=str(exc), error_class=known)


def _error(scope: str, subject: str, exc: OgfdError) -> dict[str, Any]:
    return _document(scope, _finding(subject, exc))


def _document(scope: str, finding: Finding) -> dict[str, Any]:
    return {
        "scope": scope,
        "level": str(finding.level),
        "subject": finding.subject,
        "message": finding.message,
        "grant": finding.grant,
        "suggestion": None,
        "error_class": finding.error_class and str(finding.error_class),
    }
