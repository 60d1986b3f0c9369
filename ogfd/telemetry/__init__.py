"""Metrics, logs and what the service manager is told."""

from ogfd.telemetry.logs import NamedLog, Redactor, configure
from ogfd.telemetry.metrics import Metrics, process_registry
from ogfd.telemetry.notify import Notifier, watchdog_interval
from ogfd.telemetry.requests import RequestMetrics

__all__ = [
    "Metrics",
    "NamedLog",
    "Notifier",
    "Redactor",
    "RequestMetrics",
    "configure",
    "process_registry",
    "watchdog_interval",
]
