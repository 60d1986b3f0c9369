"""The configuration as it counts: merged, checked, with defaults, secrets by reference alone."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from ogfd.config import CONNECTOR_KEYS, ConnectorTable
from ogfd.plugin import PluginConfig, Secret
from ogfd.registry import Bound, BoundConnector

HIDDEN: Final = "***"
_USER: Final = re.compile(r"(?<=://)[^/\s]+@")


def effective(bound: Bound) -> dict[str, Any]:
    """
    Return every table with the values that count, ready for TOML or JSON.

    A plain secret shows as ``***``. So does every string of a connector whose plugin cannot be
    loaded, as nobody can tell which are secrets.
    """
    settings = bound.settings
    tables = {
        "daemon": asdict(settings.daemon),
        "archive": asdict(settings.archive),
        "retry": asdict(settings.retry),
        "sinks": {
            name: {"type": sink.table.type, **_dump(sink.config)}
            for name, sink in bound.sinks.items()
        },
        "connectors": {
            name: _connector(bound.connectors[name])
            if name in bound.connectors
            else _unbound(table)
            for name, table in settings.connectors.items()
        },
    }
    shown: dict[str, Any] = _plain(tables)
    return shown


def _connector(connector: BoundConnector) -> dict[str, Any]:
    shown = {**_reserved(connector.table), **_dump(connector.config)}
    for name, stream in connector.streams.items():
        shown[name] = {
            "schedule": stream.schedule,
            "start": stream.start,
            "grain": stream.wanted.grain,
            "tags": stream.wanted.tags,
            "resource_ids": stream.wanted.resource_ids,
            **shown.get(name, {}),
        }
    return shown


def _unbound(table: ConnectorTable) -> dict[str, Any]:
    streams = {name: stream.whole for name, stream in table.streams.items()}
    return {**_reserved(table), **_hidden({**table.values, **streams})}


def _reserved(table: ConnectorTable) -> dict[str, Any]:
    shown = {name: getattr(table, name) for name in CONNECTOR_KEYS}
    return {**shown, "retry": asdict(table.retry), "accounts": asdict(table.accounts)}


def _dump(config: PluginConfig) -> dict[str, Any]:
    return config.model_dump(mode="json", by_alias=True)


def _hidden(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _hidden(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_hidden(item) for item in value]
    if isinstance(value, str):
        return Secret(value).reference
    return value


def _plain(value: Any) -> Any:
    """Return *value* without Nones, as types that TOML and JSON share."""
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items() if item is not None}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value if item is not None]
    if isinstance(value, str | Path):
        return _USER.sub(f"{HIDDEN}@", str(value))
    return value if isinstance(value, bool | int | float) else str(value)
