"""
The plugin host: finds plugins by their entry points and loads them one at a time.

Listing reads metadata and imports nothing. Each plugin gets a plugin manager of its own, so that a
broken one can neither keep the others from loading nor change what they announce.
"""

from __future__ import annotations

import importlib.metadata
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from importlib.metadata import EntryPoint
from typing import Any, Final

import click
import pluggy

from ogfd.config import did_you_mean
from ogfd.plugin import (
    API_VERSION,
    ConnectorHooks,
    ConnectorSpec,
    SinkHooks,
    SinkSpec,
)
from ogfd.registry.contract import connector_faults, sink_faults
from ogfd.registry.problem import PluginProblem, Reason

CONNECTORS: Final = "ogfd.connectors"
SINKS: Final = "ogfd.sinks"
COMMANDS: Final = "ogfd.commands"

_FIRST_PARTY: Final = {
    CONNECTORS: {"aws": "ogfd-aws", "hello": "ogfd-hello"},
    SINKS: {"sqlite": "ogfd", "jsonl": "ogfd"},
    COMMANDS: {"demo": "ogfd-sandbox"},
}
_KINDS: Final = {CONNECTORS: "connector", SINKS: "sink", COMMANDS: "command"}
_PROJECT: Final = "ogfd"


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class PluginInfo:
    """
    What the metadata of an installed distribution says about a plugin.

    Attributes:
        group: the entry point group.
        name: the ``type`` in the configuration, or the name of the command.
        dist: the distribution that brings it; None if that is not known.
        version: the distribution's.
        value: the module, or the object in it.
    """

    group: str
    name: str
    dist: str | None
    version: str | None
    value: str

    @property
    def kind(self) -> str:
        """What the plugin brings: ``connector``, ``sink`` or ``command``."""
        return _KINDS[self.group]


class Registry:
    """
    The plugins that are installed.

    A plugin that is installed or upgraded while the process runs takes part after a restart.

    Args:
        entry_points: ``importlib.metadata.entry_points``, or a function that answers the same
            way to ``entry_points(group=...)``.
    """

    def __init__(
        self,
        entry_points: Callable[..., Iterable[EntryPoint]] = importlib.metadata.entry_points,
    ) -> None:
        self._entry_points = entry_points

    def available(self) -> list[PluginInfo]:
        """Return every installed plugin, from metadata alone: nothing is imported."""
        return sorted(
            (_info(group, entry) for group in _KINDS for entry in self._entry_points(group=group)),
            key=lambda info: (info.group, info.name, info.dist or ""),
        )

    def load_connector(self, type: str) -> ConnectorSpec:
        """
        Import the connector plugin *type* and return what it announces, checked.

        Raises:
            PluginProblem: if it is missing or cannot be used.
        """
        spec: ConnectorSpec = self._load(
            CONNECTORS, type, ConnectorHooks, ConnectorSpec, connector_faults
        )
        return spec

    def load_sink(self, type: str) -> SinkSpec:
        """
        Import the sink plugin *type* and return what it announces, checked.

        Raises:
            PluginProblem: if it is missing or cannot be used.
        """
        spec: SinkSpec = self._load(SINKS, type, SinkHooks, SinkSpec, sink_faults)
        return spec

    def load_command(self, name: str) -> click.Command:
        """
        Import the command *name* that a plugin adds to ``ogfd``.

        Raises:
            PluginProblem: if it is missing or cannot be used.
        """
        info, loaded = self._import(COMMANDS, name)
        if not isinstance(loaded, click.Command):
            raise _problem(info, Reason.NO_HOOK, f"{info.value} is not a click command")
        return loaded

    def _load(
        self,
        group: str,
        name: str,
        hooks: type,
        kind: type[Any],
        faults: Callable[[Any], Iterator[str]],
    ) -> Any:
        info, module = self._import(group, name)
        hook = next(attribute for attribute in vars(hooks) if attribute.startswith("ogfd_"))
        spec = _announced(info, module, hooks, hook)
        version = getattr(spec, "api_version", None)
        if version != API_VERSION and isinstance(version, int):
            raise _problem(
                info,
                Reason.WRONG_VERSION,
                f"speaks version {version} of the plugin contract, this ogfd speaks {API_VERSION}",
                hint=f"upgrade {info.dist or 'the plugin'} or ogfd so that the two match",
            )
        if not isinstance(spec, kind):
            raise _problem(info, Reason.BROKEN, f"{hook} did not return a {kind.__name__}")
        found = [*_misnamed(info, spec.name), *_contained(info, faults, spec)]
        if found:
            raise _problem(info, Reason.BROKEN, "; ".join(found), findings=tuple(found))
        return spec

    def _import(self, group: str, name: str) -> tuple[PluginInfo, Any]:
        entries = [entry for entry in self._entry_points(group=group) if entry.name == name]
        if not entries:
            raise self._missing(group, name)
        infos = [_info(group, entry) for entry in entries]
        if len(infos) > 1:
            dists = " and ".join(sorted(info.dist or info.value for info in infos))
            raise _problem(
                infos[0], Reason.BROKEN, f"{dists} both bring it", hint="uninstall one of them"
            )
        # A plugin is a stranger: whatever its import raises is its own problem.
        try:
            return infos[0], entries[0].load()
        except (Exception, SystemExit) as exc:
            raise _problem(infos[0], Reason.BROKEN, f"cannot be imported: {_said(exc)}") from exc

    def _missing(self, group: str, name: str) -> PluginProblem:
        installed = {info.name for info in self.available() if info.group == group}
        known = _FIRST_PARTY[group]
        hint = f"install it: pip install {known[name]}" if name in known else None
        guess = "" if hint else did_you_mean(name, installed | known.keys())
        if not hint and not guess:
            hint = f"installed are: {', '.join(sorted(installed)) or 'none'}"
        return PluginProblem(
            f"there is no {_KINDS[group]} plugin {name}{guess}",
            plugin=name,
            reason=Reason.MISSING,
            hint=hint,
        )


def _announced(info: PluginInfo, module: Any, hooks: type, hook: str) -> Any:
    host = pluggy.PluginManager(_PROJECT)
    host.add_hookspecs(hooks)
    # A plugin is a stranger: whatever its hook raises is its own problem.
    try:
        host.register(module)
        names = [caller.name for caller in host.get_hookcallers(module) or ()]
        results = getattr(host.hook, hook)() if hook in names else []
    except (Exception, SystemExit) as exc:
        raise _problem(info, Reason.BROKEN, f"{hook} failed: {_said(exc)}") from exc
    if hook not in names:
        guess = f"; did you mean {hook} by {names[0]}?" if names else ""
        message = f"{info.value} has no @hookimpl function {hook}{guess}"
        raise _problem(info, Reason.NO_HOOK, message)
    return results[0] if results else None


def _contained(info: PluginInfo, faults: Callable[[Any], Iterator[str]], spec: object) -> list[str]:
    try:
        return list(faults(spec))
    # A spec may hold anything at all, a mapping that raises included.
    except Exception as exc:
        raise _problem(info, Reason.BROKEN, f"announces what cannot be read: {_said(exc)}") from exc


def _misnamed(info: PluginInfo, name: object) -> Iterator[str]:
    if name != info.name:
        yield f"the spec is named {name}, its entry point {info.name}"


def _info(group: str, entry: EntryPoint) -> PluginInfo:
    dist = getattr(entry, "dist", None)
    return PluginInfo(
        group=group,
        name=entry.name,
        dist=dist.name if dist else None,
        version=dist.version if dist else None,
        value=entry.value,
    )


def _problem(
    info: PluginInfo,
    reason: Reason,
    message: str,
    *,
    hint: str | None = None,
    findings: tuple[str, ...] = (),
) -> PluginProblem:
    source = f" of {info.dist}" if info.dist else ""
    return PluginProblem(
        f"the {info.kind} plugin {info.name}{source}: {message}",
        plugin=info.name,
        dist=info.dist,
        reason=reason,
        hint=hint,
        findings=findings,
    )


def _said(exc: BaseException) -> str:
    text = " ".join(str(exc).split())
    return f"{type(exc).__name__}: {text}" if text else type(exc).__name__
