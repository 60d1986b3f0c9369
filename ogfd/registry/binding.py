"""Settings and plugins brought together: every table as an instance of its plugin's model."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from ogfd.config import (
    CONNECTOR_KEYS,
    SINK_KEYS,
    STREAM_KEYS,
    ConfigError,
    ConnectorTable,
    KeyPath,
    Mistake,
    Settings,
    SinkTable,
    StreamTable,
    load,
)
from ogfd.plugin import ConnectorSpec, PluginConfig, Price, SinkSpec, StreamSpec, Wanted
from ogfd.registry.host import CONNECTORS, SINKS, Registry
from ogfd.registry.predecessor import inherit, variables_by_type
from ogfd.registry.problem import PluginProblem, Reason
from ogfd.registry.translate import Refused, validate

S = TypeVar("S", ConnectorSpec, SinkSpec)


@dataclass(frozen=True, slots=True, kw_only=True)
class BoundStream:
    """A stream that is on. *start* is ``YYYY-MM``; None leaves it to the stream's history."""

    name: str
    spec: StreamSpec
    schedule: str
    start: str | None
    wanted: Wanted


@dataclass(frozen=True, slots=True, kw_only=True)
class BoundConnector:
    """A connector whose plugin is there and whose table fits it."""

    name: str
    table: ConnectorTable
    spec: ConnectorSpec
    config: PluginConfig
    streams: Mapping[str, BoundStream]

    @property
    def prices(self) -> Mapping[str, Price]:
        """What requests cost with this configuration, by operation."""
        prices = self.spec.prices
        return prices(self.config) if callable(prices) else prices


@dataclass(frozen=True, slots=True, kw_only=True)
class BoundSink:
    """A sink whose plugin is there and whose table fits it."""

    name: str
    table: SinkTable
    spec: SinkSpec
    config: PluginConfig


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """
    A configuration that can run.

    Attributes:
        settings: those given, with the connectors that the predecessor's variables add.
        connectors: by name; those whose plugin cannot be used are left out.
        sinks: by name.
        problems: why a connector was left out, by ``connectors.NAME``.
        warnings: what has no effect, though nothing is wrong.
    """

    settings: Settings
    connectors: Mapping[str, BoundConnector]
    sinks: Mapping[str, BoundSink]
    problems: Mapping[str, PluginProblem] = field(default_factory=dict)
    warnings: tuple[Mistake, ...] = ()


def load_bound(
    path: Path | None,
    environ: Mapping[str, str],
    registry: Registry,
    *,
    proposed: Mapping[Path, str] | None = None,
    streamless: bool = False,
) -> Bound:
    """
    Load the configuration and bind it to its plugins; arguments are those of `load` and `bind`.

    Raises:
        ConfigError: with every mistake there is.
    """
    settings, mistakes = load(path, environ, proposed=proposed)
    return bind(settings, registry, mistakes, streamless=streamless)


def bind(
    settings: Settings,
    registry: Registry,
    mistakes: Iterable[Mistake] = (),
    *,
    streamless: bool = False,
) -> Bound:
    """
    Load the plugins that *settings* name and have their models check their tables.

    A connector whose plugin cannot be used becomes a problem and the rest goes on; without a sink
    nothing can, so there it is a mistake.

    Args:
        settings: from `load`.
        registry: the plugins.
        mistakes: what `load` found.
        streamless: whether a connector may have no stream, as while its sources are looked for.

    Raises:
        ConfigError: with *mistakes* and those in the plugins' tables, if there are any.
    """
    binder = _Binder(settings, registry, mistakes, streamless=streamless)
    bound = binder.bind()
    if binder.mistakes:
        raise ConfigError(binder.mistakes)
    return bound


def used(settings: Settings, registry: Registry) -> set[tuple[str, str]]:
    """Return group and name of the plugins that the configuration names."""
    return {
        *((CONNECTORS, table.type) for table in settings.connectors.values()),
        *((CONNECTORS, kind) for kind in variables_by_type(settings.predecessor, registry)),
        *((SINKS, table.type) for table in settings.sinks.values()),
    }


class _Binder:
    """One call of `bind`: gathers mistakes and problems, and loads each plugin once."""

    def __init__(
        self,
        settings: Settings,
        registry: Registry,
        mistakes: Iterable[Mistake],
        *,
        streamless: bool,
    ) -> None:
        self.mistakes = list(mistakes)
        self._streamless = streamless
        self.problems: dict[str, PluginProblem] = {}
        self._registry = registry
        self._settings = settings
        self._loaded: dict[tuple[str, str], ConnectorSpec | SinkSpec | PluginProblem] = {}

    def bind(self) -> Bound:
        inherited = inherit(self._settings, self._registry)
        self._settings, self.problems = inherited.settings, inherited.problems
        self.mistakes += inherited.mistakes
        sinks = {name: self._sink(table) for name, table in self._settings.sinks.items()}
        connectors = {
            name: self._connector(table) for name, table in self._settings.connectors.items()
        }
        return Bound(
            settings=self._settings,
            connectors={name: bound for name, bound in connectors.items() if bound},
            sinks={name: bound for name, bound in sinks.items() if bound},
            problems=self.problems,
            warnings=tuple(inherited.warnings),
        )

    def _sink(self, table: SinkTable) -> BoundSink | None:
        path = ("sinks", table.name)
        try:
            spec = self._load(SINKS, table.type, self._registry.load_sink)
            config = self._config(spec, table.values, path, {(): SINK_KEYS})
        except PluginProblem as problem:
            self._wrong((*path, "type"), str(problem))
            return None
        if config is None:
            return None
        return BoundSink(name=table.name, table=table, spec=spec, config=config)

    def _connector(self, table: ConnectorTable) -> BoundConnector | None:
        path = ("connectors", table.name)
        try:
            spec = self._load(CONNECTORS, table.type, self._registry.load_connector)
            config = self._table(spec, table, path)
        except PluginProblem as problem:
            self.problems[".".join(path)] = problem
            return None
        streams = {name: table.streams[name] for name in spec.streams if name in table.streams}
        if not (self._streamless or streams or table.values.keys() & spec.streams.keys()):
            on = " or ".join(f"[connectors.{table.name}.{name}]" for name in spec.streams)
            self._wrong(path, f"no stream is on; add {on}")
        if config is None:
            return None
        return BoundConnector(
            name=table.name,
            table=table,
            spec=spec,
            config=config,
            streams={
                name: _stream(table, stream, spec.streams[name]) for name, stream in streams.items()
            },
        )

    def _table(
        self, spec: ConnectorSpec, table: ConnectorTable, path: KeyPath
    ) -> PluginConfig | None:
        values = dict(table.values)
        reserved: dict[KeyPath, Iterable[str]] = {(): CONNECTOR_KEYS}
        for name, stream in table.streams.items():
            values[name] = stream.values if name in spec.streams else stream.whole
            if name in spec.streams:
                self.mistakes += stream.mistakes
                reserved[name,] = STREAM_KEYS
        return self._config(spec, values, path, reserved)

    def _config(
        self,
        spec: ConnectorSpec | SinkSpec,
        values: Mapping[str, object],
        path: KeyPath,
        reserved: Mapping[KeyPath, Iterable[str]],
    ) -> PluginConfig | None:
        try:
            return validate(
                spec.config,
                values,
                path=path,
                origins=self._settings.origins,
                reserved=reserved,
                allow_plain_secrets=self._settings.daemon.allow_plain_secrets,
            )
        except Refused as refused:
            self.mistakes += refused.mistakes
            return None
        # A validator of the plugin is broken; its text may quote a secret.
        except Exception as exc:  # noqa: BLE001 - the border to plugins
            raise PluginProblem(
                f"the plugin {spec.name} failed to check {'.'.join(path)}: {type(exc).__name__}",
                plugin=spec.name,
                reason=Reason.BROKEN,
            ) from None

    def _load(self, group: str, type: str, load: Callable[[str], S]) -> S:
        if (group, type) not in self._loaded:
            try:
                self._loaded[group, type] = load(type)
            except PluginProblem as problem:
                self._loaded[group, type] = problem
        loaded = self._loaded[group, type]
        if isinstance(loaded, PluginProblem):
            raise loaded
        return loaded  # type: ignore[return-value]  # what *load* returned for this group

    def _wrong(self, path: KeyPath, message: str) -> None:
        self.mistakes.append(self._settings.origins.mistake(path, message))


def _stream(table: ConnectorTable, stream: StreamTable, spec: StreamSpec) -> BoundStream:
    resource_ids = stream.resource_ids
    return BoundStream(
        name=stream.name,
        spec=spec,
        schedule=stream.schedule or spec.schedule or table.schedule,
        start=stream.start or table.start,
        wanted=Wanted(
            grain=stream.grain or table.grain,
            tags=table.tags if stream.tags is None else stream.tags,
            resource_ids=table.resource_ids if resource_ids is None else resource_ids,
            by_account=bool(table.accounts.include or table.accounts.exclude),
        ),
    )
