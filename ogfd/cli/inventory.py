"""What `ogfd plugins` tells: which plugins there are, and what one of them brings."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import click
from pydantic import BaseModel

from ogfd.config import ConfigError, Settings, load
from ogfd.plugin import SHAPES_ROWS, ConnectorSpec, Limit, Secret, SinkSpec
from ogfd.registry import (
    CONNECTORS,
    SINKS,
    PluginInfo,
    PluginProblem,
    Registry,
    descriptions,
    holds,
    used,
)


def inventory(
    path: Path | None, environ: Mapping[str, str], registry: Registry
) -> list[dict[str, Any]]:
    """
    Return a row per plugin: name, type, dist, version, state, reason, message.

    The state is ``used``, ``available`` or ``broken``. Those that the configuration names are
    loaded to tell; one that is not even installed has a row too. A configuration that cannot be
    read names none.
    """
    available = registry.available()
    try:
        settings: Settings | None = load(path, environ)[0]
    except ConfigError:
        settings = None
    named = used(settings, registry) if settings else set()
    rows = [_row(info, (info.group, info.name) in named, registry) for info in available]
    installed = {(info.group, info.name) for info in available}
    for group, name in sorted(named - installed):
        lost = PluginInfo(group=group, name=name, dist=None, version=None, value="")
        rows.append(_row(lost, True, registry))
    return rows


def describe(info: PluginInfo, spec: ConnectorSpec | SinkSpec | click.Command) -> dict[str, Any]:
    """Return all that a plugin announces, as JSON-ready values."""
    about = {
        "name": info.name,
        "type": info.kind,
        "dist": info.dist,
        "version": info.version,
        "module": info.value,
    }
    match spec:
        case ConnectorSpec():
            return {**about, **_connector(spec)}
        case SinkSpec():
            return {**about, "summary": spec.summary, "keys": _keys(spec.config)}
        case _:
            return {**about, "summary": spec.get_short_help_str(limit=200)}


def lines(described: Mapping[str, Any]) -> Iterator[str]:
    """Yield *described* as text for people."""
    from ogfd.cli.text import table  # noqa: PLC0415 - see ogfd.cli

    source = " ".join(filter(None, (described["dist"], described["version"])))
    yield f"{described['name']}: {described['summary'] or 'no summary'}"
    yield f"{described['type']} plugin, {described['module']} ({source or 'unknown distribution'})"
    sections: dict[str, Any] = {
        "Keys": described.get("keys"),
        **{
            f"Stream {name} ({stream['kind']})": stream["keys"] or "no keys of its own"
            for name, stream in described.get("streams", {}).items()
        },
        "Requests to the provider": described.get("limits"),
        "Environment": described.get("environment"),
        "Permissions (ogfd check names what is missing)": described.get("permissions"),
    }
    for title, content in sections.items():
        if not content:
            continue
        yield ""
        yield title
        if isinstance(content, str):
            yield from (f"  {line}" for line in content.splitlines())
        elif isinstance(content, Mapping):
            width = max(map(len, content))
            yield from (f"  {name:<{width}}  {value}" for name, value in content.items())
        else:
            head = ("key", "type", "default", "about")
            rows = [[row[column] for column in head] for row in content]
            yield from (f"  {line}" for line in table(head, rows))


def _row(info: PluginInfo, named: bool, registry: Registry) -> dict[str, Any]:
    problem = _problem(info, registry) if named else None
    return {
        "name": info.name,
        "type": info.kind,
        "dist": info.dist,
        "version": info.version,
        "state": "broken" if problem else "used" if named else "available",
        "reason": problem.reason if problem else None,
        "message": str(problem) if problem else None,
    }


def _problem(info: PluginInfo, registry: Registry) -> PluginProblem | None:
    try:
        if info.group == CONNECTORS:
            registry.load_connector(info.name)
        elif info.group == SINKS:
            registry.load_sink(info.name)
    except PluginProblem as problem:
        return problem
    return None


def _connector(spec: ConnectorSpec) -> dict[str, Any]:
    keys = [key for key in _keys(spec.config) if key["key"] not in spec.streams]
    return {
        "summary": spec.summary,
        "provider": spec.provider,
        "mapping_version": spec.mapping_version,
        "keys": keys,
        "streams": {
            name: {
                "kind": stream.kind,
                "schedule": stream.schedule,
                "publish_lag_seconds": stream.publish_lag.total_seconds(),
                "keys": _keys(stream.config),
            }
            for name, stream in spec.streams.items()
        },
        "limits": {
            group or "(others)": "; ".join(_limit(each) for each in _limits(limits))
            for group, limits in spec.limits.items()
        },
        "environment": dict(spec.environment),
        "permissions": inspect.getdoc(spec.check) if spec.check else None,
    }


def _limits(limits: Limit | Sequence[Limit]) -> Sequence[Limit]:
    return (limits,) if isinstance(limits, Limit) else limits


def _limit(limit: Limit) -> str:
    text = f"{limit.rate:g}/s, burst {limit.burst:g}"
    if limit.window is not None:
        seconds = limit.window.total_seconds()
        text = f"{limit.rate * seconds:g} in {seconds:g} s"
    return f"{text}, each scope" if limit.scoped else text


def _keys(model: type[BaseModel]) -> list[dict[str, Any]]:
    about = descriptions(model)
    schema = model.model_json_schema().get("properties", {})
    keys = []
    for name, field in model.model_fields.items():
        key = field.alias or name
        shapes = any(mark is SHAPES_ROWS for mark in field.metadata)
        secret = holds(field, Secret)
        keys.append(
            {
                "key": key,
                "type": "secret" if secret else _type(schema.get(key, {})),
                "default": "(required)"
                if field.is_required()
                else schema.get(key, {}).get("default"),
                "about": about[key] + (" (a change reads slices again)" if shapes else ""),
            }
        )
    return keys


def _type(schema: Mapping[str, Any]) -> str:
    if "anyOf" in schema:
        kinds = [_type(option) for option in schema["anyOf"] if option.get("type") != "null"]
        return " or ".join(dict.fromkeys(kinds))
    if "enum" in schema:
        return " | ".join(map(str, schema["enum"]))
    return str(schema.get("type") or ("table" if "$ref" in schema else "any"))
