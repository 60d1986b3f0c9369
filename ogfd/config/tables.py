"""From merged tables to settings, gathering every mistake on the way."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from ogfd.config.keys import (
    ARCHIVE_KEYS,
    CONNECTOR_KEYS,
    DAEMON_KEYS,
    RETRY_KEYS,
    SINK_KEYS,
    STREAM_KEYS,
    TOP_KEYS,
    Key,
    Keys,
)
from ogfd.config.mistakes import Mistake, did_you_mean
from ogfd.config.origins import Origins
from ogfd.config.positions import KeyPath
from ogfd.config.settings import (
    AccountFilter,
    ArchiveConfig,
    ConnectorTable,
    DaemonConfig,
    RetryConfig,
    SinkTable,
    StreamTable,
)
from ogfd.config.values import Value, is_name


class TableReader:
    """Reads tables by their keys; what is wrong goes to *mistakes* and the default stays."""

    def __init__(self, origins: Origins) -> None:
        self._origins = origins
        self.mistakes: list[Mistake] = []

    def wrong(self, path: KeyPath, message: str) -> None:
        """Add a mistake about *path*."""
        self.mistakes.append(self._origins.mistake(path, message))

    def top(self, document: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
        """Return the top tables of *document*, each of the known ones."""
        for name in document:
            if name not in TOP_KEYS:
                self.wrong((name,), f"unknown table{did_you_mean(name, TOP_KEYS)}")
        return {name: self._table((name,), document.get(name, {})) for name in TOP_KEYS}

    def daemon(self, table: Mapping[str, Any]) -> DaemonConfig:
        config = DaemonConfig(**self._known(("daemon",), table, DAEMON_KEYS))
        if urlsplit(config.proxy or "").password and not config.allow_plain_secrets:
            self.wrong(
                ("daemon", "proxy"),
                "holds a plain password; put the URL where file:PATH, env:NAME or cred:NAME "
                "leads, or set allow_plain_secrets = true",
            )
        return config

    def archive(self, table: Mapping[str, Any]) -> ArchiveConfig:
        return ArchiveConfig(**self._known(("archive",), table, ARCHIVE_KEYS))

    def retry(self, table: Mapping[str, Any]) -> RetryConfig:
        return RetryConfig(**self._known(("retry",), table, RETRY_KEYS))

    def sinks(self, tables: Mapping[str, Any]) -> dict[str, SinkTable]:
        """Read ``[sinks]``, which must name at least one."""
        if not tables:
            self.wrong(
                ("sinks",),
                'no sink is configured; add [sinks.main] with type = "sqlite" and path = '
                '"/var/lib/ogfd/ogfd.db"',
            )
        read = {}
        for name, raw in tables.items():
            path = ("sinks", name)
            own = self._named(path, raw)
            parsed = self._read(path, own, SINK_KEYS)
            if self._typed(path, own):
                values = {key: value for key, value in own.items() if key not in SINK_KEYS}
                if "type" in parsed:
                    read[name] = SinkTable(name=name, values=values, **parsed)
        return read

    def connector(self, name: str, raw: Any, retry: RetryConfig) -> ConnectorTable | None:
        """Read ``[connectors.NAME]``; None if it names no plugin. *retry* is the global one."""
        path = ("connectors", name)
        table = self._named(path, raw)
        parsed = self._read(path, table, CONNECTOR_KEYS)
        if not self._typed(path, table) or "type" not in parsed:
            return None
        own = parsed.pop("retry", {})
        own_classes = {**retry.classify, **own.get("classify", {})}
        others = {key: value for key, value in table.items() if key not in CONNECTOR_KEYS}
        return ConnectorTable(
            name=name,
            retry=RetryConfig(retries=own.get("retries", retry.retries), classify=own_classes),
            accounts=AccountFilter(**parsed.pop("accounts", {})),
            values={key: value for key, value in others.items() if not isinstance(value, dict)},
            streams={
                key: self._stream((*path, key), value)
                for key, value in others.items()
                if isinstance(value, dict)
            },
            **parsed,
        )

    def check_sinks(self, table: ConnectorTable, sinks: Mapping[str, Any]) -> None:
        """Check that the sinks that a connector names exist; *sinks* are those configured."""
        path = ("connectors", table.name, "sinks")
        if table.sinks is not None and not table.sinks:
            self.wrong(path, "names no sink; leave the key out to deliver to all")
        for name in table.sinks or ():
            if name not in sinks:
                self.wrong(path, f"there is no [sinks.{name}]{did_you_mean(name, sinks)}")

    def _stream(self, path: KeyPath, raw: Mapping[str, Any]) -> StreamTable:
        reader = TableReader(self._origins)
        parsed = reader._read(path, raw, STREAM_KEYS)
        return StreamTable(
            name=path[-1],
            values={key: value for key, value in raw.items() if key not in STREAM_KEYS},
            whole=raw,
            mistakes=tuple(reader.mistakes),
            **parsed,
        )

    def _named(self, path: KeyPath, raw: Any) -> Mapping[str, Any]:
        if not is_name(path[-1]):
            self.wrong(path, "a name is made of a-z, 0-9 and - alone")
        return self._table(path, raw)

    def _typed(self, path: KeyPath, table: Mapping[str, Any]) -> bool:
        if "type" not in table:
            near = next((key for key in table if did_you_mean(key, ("type",))), None)
            also = f" (there is {near}; did you mean type?)" if near else ""
            self.wrong(path, f"the key type is missing: it names the plugin{also}")
        return "type" in table

    def _table(self, path: KeyPath, raw: Any) -> Mapping[str, Any]:
        if isinstance(raw, dict):
            return raw
        self.wrong(path, "must be a table")
        return {}

    def _known(self, path: KeyPath, table: Mapping[str, Any], keys: Keys) -> dict[str, Any]:
        for name in table:
            if name not in keys:
                self.wrong((*path, name), f"unknown key{did_you_mean(name, keys)}")
        return self._read(path, table, keys)

    def _read(self, path: KeyPath, table: Mapping[str, Any], keys: Keys) -> dict[str, Any]:
        read: dict[str, Any] = {}
        for name, key in keys.items():
            if name in table:
                self._key((*path, name), table[name], key, read)
        return read

    def _key(self, path: KeyPath, raw: Any, key: Key, read: dict[str, Any]) -> None:
        if key.keys is not None:
            read[path[-1]] = self._known(path, self._table(path, raw), key.keys)
        elif key.entries is not None:
            entries: dict[str, Any] = {}
            for name, value in self._table(path, raw).items():
                if key.names is not None:
                    self._name((*path, name), key.names)
                self._value((*path, name), value, key.entries, entries)
            read[path[-1]] = entries
        elif key.value is not None:
            self._value(path, raw, key.value, read)

    def _name(self, path: KeyPath, kind: Value) -> None:
        try:
            kind.parse(path[-1])
        except ValueError as exc:
            self.wrong(path, str(exc))

    def _value(self, path: KeyPath, raw: Any, kind: Value, read: dict[str, Any]) -> None:
        text = self._origins.text(path)
        try:
            read[path[-1]] = kind.parse(raw)
        except ValueError as exc:
            # A variable's 42 was taken for a number where a string is wanted.
            if text is not None and raw != text:
                self._value(path, text, kind, read)
            else:
                self.wrong(path, str(exc))
