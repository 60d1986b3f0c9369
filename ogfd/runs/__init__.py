"""Scheduler, queue, runner, and the connector's context."""

from ogfd.runs.blueprint import Blueprint, blueprint
from ogfd.runs.dispatcher import Dispatcher, retry_of, scheduled
from ogfd.runs.doors import Doors
from ogfd.runs.metering import Meter
from ogfd.runs.request import (
    Emit,
    RunError,
    RunOutcome,
    RunRequest,
    RunResult,
    Trigger,
    overall,
)
from ogfd.runs.runner import Runner
from ogfd.runs.scheduler import Scheduler, first_fire
from ogfd.runs.window import asked_window, default_window

__all__ = [
    "Blueprint",
    "Dispatcher",
    "Doors",
    "Emit",
    "Meter",
    "RunError",
    "RunOutcome",
    "RunRequest",
    "RunResult",
    "Runner",
    "Scheduler",
    "Trigger",
    "asked_window",
    "blueprint",
    "default_window",
    "first_fire",
    "overall",
    "retry_of",
    "scheduled",
]
