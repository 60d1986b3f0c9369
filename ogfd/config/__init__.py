"""
The configuration: ``ogfd.toml``, ``ogfd.d/*.toml`` and the environment, merged and checked.

This package knows no plugin: keys that are not reserved stay as they were written, and
`ogfd.registry` has the plugins' own models check them.
"""

from ogfd.config.environment import PREDECESSOR, parse_value
from ogfd.config.files import DROP_IN, PLACES, find, nested, overlay
from ogfd.config.keys import (
    ACCOUNT_KEYS,
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
from ogfd.config.loading import inherited_variables, load, with_connector
from ogfd.config.mistakes import ConfigError, Mistake, did_you_mean, in_order
from ogfd.config.origins import Origin, Origins
from ogfd.config.positions import KeyPath, join_key, split_key
from ogfd.config.schedule import Cron, parse_cron, parse_schedule
from ogfd.config.settings import (
    AccountFilter,
    ArchiveConfig,
    ConnectorTable,
    DaemonConfig,
    RetryConfig,
    Settings,
    SinkTable,
    StreamTable,
)
from ogfd.config.values import Value, is_name

__all__ = [
    "ACCOUNT_KEYS",
    "ARCHIVE_KEYS",
    "CONNECTOR_KEYS",
    "DAEMON_KEYS",
    "DROP_IN",
    "PLACES",
    "PREDECESSOR",
    "RETRY_KEYS",
    "SINK_KEYS",
    "STREAM_KEYS",
    "TOP_KEYS",
    "AccountFilter",
    "ArchiveConfig",
    "ConfigError",
    "ConnectorTable",
    "Cron",
    "DaemonConfig",
    "Key",
    "KeyPath",
    "Keys",
    "Mistake",
    "Origin",
    "Origins",
    "RetryConfig",
    "Settings",
    "SinkTable",
    "StreamTable",
    "Value",
    "did_you_mean",
    "find",
    "in_order",
    "inherited_variables",
    "is_name",
    "join_key",
    "load",
    "nested",
    "overlay",
    "parse_cron",
    "parse_schedule",
    "parse_value",
    "split_key",
    "with_connector",
]
