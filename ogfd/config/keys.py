"""Every key that ogfd itself reads: how, and what it is for. Plugins bring the others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from ogfd.config.values import (
    ADDRESS,
    CERTIFICATES,
    FAULT,
    FLAG,
    LABEL,
    MONTH,
    NETWORKS,
    OWN_ADDRESS,
    PATH,
    PROXY,
    SCHEDULE,
    SIZE,
    SOCKET,
    TEXT,
    TEXTS,
    ZONE,
    Value,
    choice,
    member,
    number,
    whole,
)
from ogfd.plugin import ErrorClass, Grain


@dataclass(frozen=True, slots=True)
class Key:
    """
    One reserved key.

    Attributes:
        about: one line for the schema and the documentation.
        value: what the key takes, if it is no table.
        keys: the keys of the table that it takes.
        entries: what each entry of the table takes, where the operator chooses the keys.
        names: what may be chosen as such a key.
    """

    about: str
    value: Value | None = None
    keys: Mapping[str, Key] | None = None
    entries: Value | None = None
    names: Value | None = None


Keys = Mapping[str, Key]

DAEMON_KEYS: Final[Keys] = MappingProxyType(
    {
        "org_id": Key("organisation that the rows belong to: a report dimension", LABEL),
        "state_dir": Key("directory of the state store, packages and downloads", PATH),
        "listen": Key(
            "loopback HOST:PORT that serves health and metrics; empty for none", OWN_ADDRESS
        ),
        "metrics_listen": Key("any HOST:PORT that serves health and metrics too", ADDRESS),
        "socket": Key("unix socket by which the commands reach the daemon", SOCKET),
        "recompute": Key(
            "which months a change of the recipe computes again by itself",
            choice("open", "all", "none"),
        ),
        "slices": Key("how many slices may be read at once", whole(1, 1024)),
        "memory": Key("bytes of rows that may be in memory at once", SIZE),
        "spool_quota": Key("bytes of downloads that may be on disk at once", SIZE),
        "allow_plain_secrets": Key("accept secrets written into the configuration", FLAG),
        "proxy": Key("URL of the HTTP proxy for all that goes out", PROXY),
        "no_proxy": Key("comma-separated hosts that are reached without the proxy", TEXT),
        "ca_file": Key("PEM file of further certificate authorities to trust", CERTIFICATES),
        "private_networks": Key(
            "networks that a connector's hosts may be in besides the internet", NETWORKS
        ),
        "log_level": Key("least level to log", choice("debug", "info", "warning", "error")),
        "log_format": Key(
            "text or JSON; auto is text on a terminal", choice("auto", "text", "json")
        ),
        "timezone": Key("time zone in which cron schedules are meant", ZONE),
    }
)

ARCHIVE_KEYS: Final[Keys] = MappingProxyType(
    {
        "keep": Key(
            "which packages stay after their commit: every one, the newest of each slice, none",
            choice("all", "latest", "none"),
        ),
        "path": Key("directory of the archive; by default archive in state_dir", PATH),
        "quota": Key("bytes that the archive may take", SIZE),
    }
)

RETRY_KEYS: Final[Keys] = MappingProxyType(
    {
        "retries": Key("attempts after the first one", whole(0, 100)),
        "classify": Key(
            'error class by provider code or HTTP status, such as "500" = "fatal"',
            entries=member(ErrorClass),
            names=FAULT,
        ),
    }
)

ACCOUNT_KEYS: Final[Keys] = MappingProxyType(
    {
        "include": Key("patterns of accounts to keep; none means all", TEXTS),
        "exclude": Key("patterns of accounts to leave out", TEXTS),
    }
)

_SHAPE_KEYS: Final[Keys] = MappingProxyType(
    {
        "schedule": Key('when to look for news: "6h", or cron "15 */6 * * *"', SCHEDULE),
        "start": Key("first month to read, YYYY-MM", MONTH),
        "grain": Key("finest period of a row", member(Grain)),
        "tags": Key("tag keys to keep; each multiplies the rows", TEXTS),
        "resource_ids": Key("keep resource ids; multiplies the rows", FLAG),
    }
)

SINK_KEYS: Final[Keys] = MappingProxyType({"type": Key("the sink plugin", TEXT)})

STREAM_KEYS: Final[Keys] = _SHAPE_KEYS

CONNECTOR_KEYS: Final[Keys] = MappingProxyType(
    {
        "type": Key("the connector plugin", TEXT),
        "enabled": Key("whether the connector runs", FLAG),
        **_SHAPE_KEYS,
        "rate": Key("requests per second to the provider, instead of the plugin's limit", number()),
        "burst": Key("requests that may go at once after a pause", number(least=1)),
        "retry": Key("instead of [retry]", keys=RETRY_KEYS),
        "sinks": Key("names of the sinks to deliver to; by default all", TEXTS),
        "org_id": Key("instead of the one in [daemon]", LABEL),
        "accounts": Key("which accounts' rows to keep", keys=ACCOUNT_KEYS),
    }
)

TOP_KEYS: Final = ("daemon", "archive", "retry", "sinks", "connectors")
