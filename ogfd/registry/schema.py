"""The JSON schema of the whole configuration, the installed plugins' tables included."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any, Final

from ogfd.config import (
    ARCHIVE_KEYS,
    CONNECTOR_KEYS,
    DAEMON_KEYS,
    RETRY_KEYS,
    SINK_KEYS,
    STREAM_KEYS,
    AccountFilter,
    ArchiveConfig,
    ConnectorTable,
    DaemonConfig,
    Key,
    Keys,
    RetryConfig,
)
from ogfd.plugin import ConnectorSpec, PluginConfig, SinkSpec
from ogfd.registry.models import descriptions

_NAMES: Final = {"pattern": "^[a-z0-9-]+$"}

Schema = dict[str, Any]


def config_schema(connectors: Iterable[ConnectorSpec], sinks: Iterable[SinkSpec]) -> Schema:
    """Return the JSON schema (2020-12) of a configuration that may use these plugins."""
    definitions: Schema = {}
    by_connector = {spec.name: _connector(spec, definitions) for spec in connectors}
    by_sink = {spec.name: _sink(spec, definitions) for spec in sinks}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "ogfd.toml",
        "type": "object",
        "additionalProperties": False,
        "required": ["sinks"],
        "properties": {
            "daemon": _table(DAEMON_KEYS, DaemonConfig),
            "archive": _table(ARCHIVE_KEYS, ArchiveConfig),
            "retry": _table(RETRY_KEYS, RetryConfig),
            "sinks": {**_named(by_sink), "minProperties": 1},
            "connectors": _named(by_connector),
        },
        "$defs": definitions,
    }


def _named(by_type: Mapping[str, Schema]) -> Schema:
    return {
        "type": "object",
        "propertyNames": _NAMES,
        "additionalProperties": {
            "type": "object",
            "required": ["type"],
            "properties": {"type": {"enum": sorted(by_type)}},
            "allOf": [
                {"if": {"properties": {"type": {"const": name}}}, "then": schema}
                for name, schema in sorted(by_type.items())
            ],
        },
    }


def _connector(spec: ConnectorSpec, definitions: Schema) -> Schema:
    schema = _model(spec.config, f"connectors.{spec.name}", definitions)
    properties = _properties(CONNECTOR_KEYS, ConnectorTable) | schema["properties"]
    for name, stream in spec.streams.items():
        inner = _model(stream.config, f"connectors.{spec.name}.{name}", definitions)
        inner["properties"] = _properties(STREAM_KEYS, None) | inner["properties"]
        properties[name] = inner
    return {**schema, "properties": properties}


def _sink(spec: SinkSpec, definitions: Schema) -> Schema:
    schema = _model(spec.config, f"sinks.{spec.name}", definitions)
    return {**schema, "properties": _properties(SINK_KEYS, None) | schema["properties"]}


def _model(model: type[PluginConfig], prefix: str, definitions: Schema) -> Schema:
    template = f"#/$defs/{prefix}.{{model}}"
    schema = model.model_json_schema(ref_template=template)
    for name, definition in schema.pop("$defs", {}).items():
        definitions[f"{prefix}.{name}"] = definition
    for name, about in descriptions(model).items():
        if about and name in schema.get("properties", {}):
            schema["properties"][name].setdefault("description", about)
    return {"properties": {}, **schema}


def _table(keys: Keys, kind: type[Any]) -> Schema:
    return {
        "type": "object",
        "additionalProperties": False,
        "properties": _properties(keys, kind),
    }


def _properties(keys: Keys, kind: type[Any] | None) -> Schema:
    defaults = _defaults(kind) if kind else {}
    properties = {}
    for name, key in keys.items():
        schema = _key(name, key)
        if defaults.get(name) is not None:
            schema["default"] = defaults[name]
        properties[name] = schema
    return properties


def _key(name: str, key: Key) -> Schema:
    about = {"description": key.about}
    if key.keys is not None:
        return _table(key.keys, RetryConfig if name == "retry" else AccountFilter) | about
    if key.entries is not None:
        names = {"propertyNames": dict(key.names.schema)} if key.names else {}
        return {
            "type": "object",
            "additionalProperties": dict(key.entries.schema),
            **names,
            **about,
        }
    return {**(key.value.schema if key.value else {}), **about}


def _defaults(kind: type[Any]) -> Schema:
    return {
        field.name: str(field.default) if isinstance(field.default, Path) else field.default
        for field in fields(kind)
        if field.default is not MISSING and not isinstance(field.default, tuple)
    }
