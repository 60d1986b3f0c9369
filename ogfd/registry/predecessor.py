"""
The predecessor's variables ``OFFGRIDFLOW_<TYPE>_*`` as connectors named after their type.

What a variable means is said by the plugin (``ConnectorSpec.environment``). A connector of that
name in the configuration wins key by key.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ogfd.config import (
    PREDECESSOR,
    Mistake,
    Origin,
    Origins,
    Settings,
    nested,
    overlay,
    with_connector,
)
from ogfd.plugin import ConnectorSpec, Secret, StreamSpec
from ogfd.registry.host import CONNECTORS, Registry
from ogfd.registry.models import holds
from ogfd.registry.problem import PluginProblem


@dataclass(frozen=True, slots=True)
class Inherited:
    """
    What the predecessor's variables add to the *settings*, and what went wrong.

    Attributes:
        mistakes: stop the program.
        warnings: about variables that have no effect.
        problems: plugins that cannot be used, by ``connectors.NAME``.
    """

    settings: Settings
    mistakes: list[Mistake]
    warnings: list[Mistake]
    problems: dict[str, PluginProblem]


def variables_by_type(
    variables: Mapping[str, Origin], registry: Registry
) -> dict[str, dict[str, Origin]]:
    """Sort the predecessor's *variables* by the installed connector type that they name."""
    named = {}
    for info in registry.available():
        prefix = f"{PREDECESSOR}{info.name.upper().replace('-', '_')}_"
        found = {name: at for name, at in variables.items() if name.startswith(prefix)}
        if info.group == CONNECTORS and found:
            named[info.name] = found
    return named


def inherit(settings: Settings, registry: Registry) -> Inherited:
    """
    Return *settings* with what the predecessor's variables add.

    Variables that turn on no stream are a mistake only if no connector is configured at all;
    otherwise they are a leftover of the predecessor, worth a warning.
    """
    mistakes: list[Mistake] = []
    leftovers: list[Mistake] = []
    problems: dict[str, PluginProblem] = {}
    connectors = settings.document.get("connectors", {})
    for name, variables in variables_by_type(settings.predecessor, registry).items():
        written = connectors.get(name) if isinstance(connectors, dict) else None
        if written is not None and not (isinstance(written, dict) and written.get("type") == name):
            continue
        try:
            spec = registry.load_connector(name)
        except PluginProblem as problem:
            problems[f"connectors.{name}"] = problem
            continue
        raw, origins = table_of(spec, variables, written)
        if written is None and not raw.keys() & spec.streams.keys():
            leftovers.append(streamless(spec, variables))
            continue
        settings, more = with_connector(settings, name, overlay(raw, written or {}), origins)
        mistakes += more
    if settings.connectors:
        return Inherited(settings, mistakes, leftovers, problems)
    return Inherited(settings, [*mistakes, *leftovers], [], problems)


def table_of(
    spec: ConnectorSpec, variables: Mapping[str, Origin], written: Mapping[str, Any] | None = None
) -> tuple[dict[str, Any], Origins]:
    """
    Return the connector's table that *variables* stand for, and where its keys came from.

    A stream that nobody wrote a table for is on if every key that it needs is set; carbon, if it
    needs none, always.
    """
    raw: dict[str, Any] = {"type": spec.name}
    places = {}
    for variable, key in spec.environment.items():
        if variable in variables:
            path = tuple(key.split("."))
            raw = overlay(raw, nested(path, _value(spec, path, variables[variable])))
            for depth in range(1, len(path) + 3):
                places[("connectors", spec.name, *path)[:depth]] = variables[variable]
    if written is None and "carbon" in spec.streams:
        raw.setdefault("carbon", {})
    for name, stream in spec.streams.items():
        if name in raw and name not in (written or {}) and not _needs(stream) <= raw[name].keys():
            del raw[name]
    return raw, Origins(places)


def _value(spec: ConnectorSpec, path: tuple[str, ...], origin: Origin) -> str | Secret:
    model = spec.streams[path[0]].config if path[0] in spec.streams else spec.config
    field = model.model_fields.get(path[-1])
    text = origin.text or ""
    if field is None or not holds(field, Secret) or Secret(text).reference == text:
        return text
    return Secret(text if origin.file else f"env:{origin.variable}")


def _needs(stream: StreamSpec) -> set[str]:
    return {name for name, field in stream.config.model_fields.items() if field.is_required()}


def streamless(spec: ConnectorSpec, variables: Mapping[str, Origin]) -> Mistake:
    """Say that *variables* turn on no stream, and which others would."""
    wanted = sorted(
        variable
        for variable, key in spec.environment.items()
        if variable not in variables
        and (stream := spec.streams.get(key.partition(".")[0])) is not None
        and key.partition(".")[2] in _needs(stream)
    )
    first = min(variables)
    at = variables[first]
    place = f" (it stands in {at.file}:{at.line})" if at.file else ""
    return Mistake(
        message=f"no stream of {spec.name} is on; set {' or '.join(wanted) or 'more of them'}, "
        f"add [connectors.{spec.name}], or unset the variables of {spec.name}{place}",
        file=None,
        variable=first,
    )
