"""
The hooks by which a plugin announces what it brings.

An entry point of the group ``ogfd.connectors`` or ``ogfd.sinks`` names a module with a function
marked `hookimpl`. Hooks announce and do nothing else: no I/O, no threads, no event loop.
"""

from __future__ import annotations

from typing import Final

import pluggy

from ogfd.plugin.connector import ConnectorSpec
from ogfd.plugin.sink import SinkSpec

PROJECT: Final = "ogfd"
hookspec: Final = pluggy.HookspecMarker(PROJECT)
hookimpl: Final = pluggy.HookimplMarker(PROJECT)


class ConnectorHooks:
    """Hooks of a module in the entry point group ``ogfd.connectors``."""

    @hookspec
    def ogfd_connector(self) -> ConnectorSpec:  # type: ignore[empty-body]  # a hook has no body
        """Return the connector of this module."""


class SinkHooks:
    """Hooks of a module in the entry point group ``ogfd.sinks``."""

    @hookspec
    def ogfd_sink(self) -> SinkSpec:  # type: ignore[empty-body]  # a hook has no body
        """Return the sink of this module."""
