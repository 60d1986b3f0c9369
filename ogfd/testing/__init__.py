"""
What authors of plugins test with: fakes at the contract, and kits that check a whole plugin.

    await check_connector(ogfd_connector(), config, window=Period.month("2026-10"), context=make)
    await check_sink(ogfd_sink(), new_config)
"""

from ogfd.testing.connectors import check_connector
from ogfd.testing.context import Call, FakeContext, Request
from ogfd.testing.findings import NotConformant
from ogfd.testing.output import Collected
from ogfd.testing.packages import MemoryPackage, make_package
from ogfd.testing.sinks import SINK_CHECKS, ReadRows, SinkUnderTest, check_sink

__all__ = [
    "SINK_CHECKS",
    "Call",
    "Collected",
    "FakeContext",
    "MemoryPackage",
    "NotConformant",
    "ReadRows",
    "Request",
    "SinkUnderTest",
    "check_connector",
    "check_sink",
    "make_package",
]
