"""
The plugin host: finds plugins, loads those that the configuration names, and has their models
check its tables. A plugin that cannot be used is reported and the rest runs.
"""

from ogfd.registry.binding import (
    Bound,
    BoundConnector,
    BoundSink,
    BoundStream,
    bind,
    load_bound,
    used,
)
from ogfd.registry.contract import remarks
from ogfd.registry.host import COMMANDS, CONNECTORS, SINKS, PluginInfo, Registry
from ogfd.registry.models import descriptions, holds
from ogfd.registry.predecessor import streamless, table_of, variables_by_type
from ogfd.registry.problem import PluginProblem, Reason
from ogfd.registry.schema import config_schema

__all__ = [
    "COMMANDS",
    "CONNECTORS",
    "SINKS",
    "Bound",
    "BoundConnector",
    "BoundSink",
    "BoundStream",
    "PluginInfo",
    "PluginProblem",
    "Reason",
    "Registry",
    "bind",
    "config_schema",
    "descriptions",
    "holds",
    "load_bound",
    "remarks",
    "streamless",
    "table_of",
    "used",
    "variables_by_type",
]
