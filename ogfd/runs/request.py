"""What a run is asked for, and what it answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from ogfd.plugin import ErrorClass, Period
from ogfd.slices import SliceResult

Emit = Callable[[Mapping[str, Any]], None]
"""Takes a JSON-ready event; never blocks."""


class Trigger(StrEnum):
    """Who asked for a run."""

    SCHEDULE = "schedule"
    API = "api"
    CLI = "cli"
    RETRY = "retry"

    @property
    def is_asked(self) -> bool:
        """Tell whether an operator asked, who may have mended what failed."""
        return self in {Trigger.API, Trigger.CLI}


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRequest:
    """
    One pass over a connector; the scheduler, the CLI and the control API send the same object.

    Attributes:
        connector: its name.
        trigger: who asked.
        streams: which streams; all if None.
        window: which months, by their partitions; the configured ones if None.
        force: read again what is unchanged, parked or held.
    """

    connector: str
    trigger: Trigger
    streams: frozenset[str] | None = None
    window: Period | None = None
    force: bool = False


class RunOutcome(StrEnum):
    """The outcome of a run."""

    SUCCEEDED = "succeeded"
    PARTIAL = "partial"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunError:
    """
    Why a connector or one of its streams could not be gone through.

    Attributes:
        stream: its name; None if it is about the whole connector.
        next_due: not to be tried before, if the provider asked for a wait.
    """

    error_class: ErrorClass
    message: str
    stream: str | None = None
    next_due: datetime | None = None

    def as_json(self) -> dict[str, Any]:
        """Return the document that the CLI and the control API show."""
        return {
            "class": str(self.error_class),
            "message": self.message,
            "stream": self.stream,
            "next_due": self.next_due and self.next_due.isoformat(),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class RunResult:
    """What became of a run; times are in UTC."""

    run_id: str
    connector: str
    provider: str
    trigger: Trigger
    started_at: datetime
    ended_at: datetime
    slices: Sequence[SliceResult] = ()
    errors: Sequence[RunError] = field(default=())

    @property
    def outcome(self) -> RunOutcome:
        """Return ``partial`` as soon as one thing went well and one did not."""
        good = [result for result in self.slices if not result.outcome.is_bad]
        bad = len(self.errors) + len(self.slices) - len(good)
        if not bad:
            return RunOutcome.SUCCEEDED
        return RunOutcome.PARTIAL if good else RunOutcome.FAILED

    @property
    def error_class(self) -> ErrorClass | None:
        """Return the class of the first error, for the metric of failed runs."""
        classes = [error.error_class for error in self.errors]
        classes += [
            result.error_class or ErrorClass.FATAL
            for result in self.slices
            if result.outcome.is_bad
        ]
        return classes[0] if classes else None

    def as_json(self) -> dict[str, Any]:
        """Return the document that the CLI and the control API show."""
        first = self.errors[0].as_json() if self.errors else None
        return {
            "run_id": self.run_id,
            "connector": self.connector,
            "provider": self.provider,
            "trigger": str(self.trigger),
            "outcome": str(self.outcome),
            "started_at": self.started_at.isoformat(),
            "ended_at": self.ended_at.isoformat(),
            "error": first,
            "errors": [error.as_json() for error in self.errors],
            "slices": [result.as_json() for result in self.slices],
        }


def overall(results: Sequence[RunResult]) -> RunOutcome:
    """Return the outcome of several runs together."""
    outcomes = {result.outcome for result in results}
    if outcomes <= {RunOutcome.SUCCEEDED}:
        return RunOutcome.SUCCEEDED
    return RunOutcome.FAILED if outcomes == {RunOutcome.FAILED} else RunOutcome.PARTIAL
