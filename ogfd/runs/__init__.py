"""
Scheduler, queue, runner, and the connector's context.

The scheduler is imported from its own module: only the daemon has a clock.
"""

from ogfd.runs.blueprint import Blueprint, blueprint
from ogfd.runs.brakes import Brake, Brakes, warn_of_conflict
from ogfd.runs.dispatcher import Dispatcher, retry_of, scheduled
from ogfd.runs.doors import Doors
from ogfd.runs.due import next_try, slice_try
from ogfd.runs.metering import Meter
from ogfd.runs.planning import Planned, plan_total
from ogfd.runs.reconciled import Reconciled
from ogfd.runs.reconciling import Reconciler
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
from ogfd.runs.window import asked_window, default_window

__all__ = [
    "Blueprint",
    "Brake",
    "Brakes",
    "Dispatcher",
    "Doors",
    "Emit",
    "Meter",
    "Planned",
    "Reconciled",
    "Reconciler",
    "RunError",
    "RunOutcome",
    "RunRequest",
    "RunResult",
    "Runner",
    "Trigger",
    "asked_window",
    "blueprint",
    "default_window",
    "next_try",
    "overall",
    "plan_total",
    "retry_of",
    "scheduled",
    "slice_try",
    "warn_of_conflict",
]
