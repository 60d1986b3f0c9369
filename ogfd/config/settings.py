"""The settings of the operator, frozen: what a configuration means once it is read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Literal

from ogfd.config.mistakes import Mistake
from ogfd.config.origins import Origin, Origins
from ogfd.config.positions import split_key
from ogfd.config.values import IPNetwork
from ogfd.plugin import ErrorClass, Grain

MiB = 1 << 20
GiB = 1 << 30


@dataclass(frozen=True, slots=True, kw_only=True)
class DaemonConfig:
    """The table ``[daemon]``. *memory* and *spool_quota* are bytes, *slices* read at once."""

    org_id: str = "default"
    state_dir: Path = Path("/var/lib/ogfd")
    listen: str = "127.0.0.1:8090"
    metrics_listen: str | None = None
    socket: Path | None = None
    recompute: Literal["open", "all", "none"] = "open"
    slices: int = 4
    memory: int = 256 * MiB
    spool_quota: int = 20 * GiB
    allow_plain_secrets: bool = False
    proxy: str | None = field(default=None, repr=False)  # may carry a password, or refer to it
    no_proxy: str | None = None
    ca_file: Path | None = None
    private_networks: tuple[IPNetwork, ...] = ()
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_format: Literal["auto", "text", "json"] = "auto"
    timezone: str = "UTC"


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchiveConfig:
    """The table ``[archive]``; *path* None means ``archive`` in the state directory."""

    keep: Literal["all", "latest", "none"] = "all"
    path: Path | None = None
    quota: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryConfig:
    """How often to retry, and which provider codes or HTTP statuses count as which class."""

    retries: int = 3
    classify: Mapping[str, ErrorClass] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountFilter:
    """Patterns (`fnmatch`) of the accounts whose rows are kept; no *include* means all."""

    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()

    def keeps(self, account: str) -> bool:
        """Tell whether the rows of *account* are kept."""
        if any(fnmatchcase(account, pattern) for pattern in self.exclude):
            return False
        return not self.include or any(fnmatchcase(account, each) for each in self.include)


@dataclass(frozen=True, slots=True, kw_only=True)
class SinkTable:
    """A table ``[sinks.NAME]``; *values* are the plugin's own keys, not validated yet."""

    name: str
    type: str
    values: Mapping[str, Any] = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamTable:
    """
    A table inside a connector's, which is a stream's if the plugin knows a stream of that name.

    Attributes:
        values: the plugin's own keys, not validated yet.
        whole: the table as written, for a plugin to which it is no stream.
        mistakes: what is wrong with the reserved keys, if it is a stream.
    """

    name: str
    schedule: str | None = None
    start: str | None = None
    grain: Grain | None = None
    tags: tuple[str, ...] | None = None
    resource_ids: bool | None = None
    values: Mapping[str, Any] = field(repr=False)
    whole: Mapping[str, Any] = field(repr=False)
    mistakes: tuple[Mistake, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectorTable:
    """
    A table ``[connectors.NAME]``.

    Attributes:
        sinks: names of the sinks to deliver to; None means all.
        values: the plugin's own keys that are no tables, not validated yet.
        streams: the tables inside; which of them are streams only the plugin knows.
    """

    name: str
    type: str
    enabled: bool = True
    schedule: str = "6h"
    start: str | None = None
    grain: Grain = Grain.DAILY
    tags: tuple[str, ...] = ()
    resource_ids: bool = False
    rate: float | None = None
    burst: float | None = None
    retry: RetryConfig = field(default_factory=RetryConfig)
    sinks: tuple[str, ...] | None = None
    org_id: str | None = None
    accounts: AccountFilter = field(default_factory=AccountFilter)
    values: Mapping[str, Any] = field(default_factory=dict, repr=False)
    streams: Mapping[str, StreamTable] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """
    The whole configuration: files, ``ogfd.d`` and environment merged.

    Attributes:
        files: the files that were read, in the order in which they were merged.
        document: the merged tables as written. May hold plain secrets: never print it.
        origins: where each key came from.
        predecessor: the variables ``OFFGRIDFLOW_*`` that are set, with their texts.
    """

    daemon: DaemonConfig
    archive: ArchiveConfig
    retry: RetryConfig
    sinks: Mapping[str, SinkTable]
    connectors: Mapping[str, ConnectorTable]
    files: tuple[Path, ...]
    document: Mapping[str, Any] = field(repr=False)
    origins: Origins = field(repr=False, compare=False)
    predecessor: Mapping[str, Origin] = field(default_factory=dict, repr=False)

    def locate(self, key: str) -> tuple[Path | None, int | None]:
        """
        Return file and line of the dotted *key*, of its nearest table if it is not there.

        Both are None for a key that came from the environment or from nowhere.
        """
        origin = self.origins.of(split_key(key))
        return (None, None) if origin.variable else (origin.file, origin.line)
