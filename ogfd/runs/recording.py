"""What the state store keeps of runs and slices."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final

from ogfd.runs.request import RunError, RunRequest, RunResult
from ogfd.slices import Outcome, SliceResult
from ogfd.state import RunRecord, SliceRecord, StreamRecord

_NAMED: Final = 20


def running_record(run_id: str, request: RunRequest, now: datetime) -> RunRecord:
    """Return the record of a run that begins."""
    return RunRecord(
        run_id=run_id,
        connector=request.connector,
        trigger=str(request.trigger),
        outcome="running",
        started_at=now,
    )


def cancelled_record(running: RunRecord, slices: Sequence[SliceResult], now: datetime) -> RunRecord:
    """Return the record of a run that was stopped after it had gone through *slices*."""
    return replace(running, outcome="cancelled", ended_at=now, document={"slices": summary(slices)})


def ended_record(running: RunRecord, result: RunResult) -> RunRecord:
    """Return the record of a run that went to its end."""
    error = result.errors[0] if result.errors else None
    return replace(
        running,
        outcome=str(result.outcome),
        ended_at=result.ended_at,
        error_class=result.error_class and str(result.error_class),
        error=None if error is None else error.message,
        document=result.as_json() | {"slices": summary(result.slices)},
    )


def slice_record(connector: str, result: SliceResult, now: datetime) -> SliceRecord:
    """Return the record of what became of a slice."""
    return SliceRecord(
        slice=result.slice,
        connector=connector,
        outcome=str(result.outcome),
        updated_at=now,
        target=result.target,
        version=result.version,
        reason=result.reason,
        error_class=result.error_class and str(result.error_class),
        read_at=now if result.is_settled else None,
        next_due=result.next_due,
        failures=1 if result.outcome is Outcome.FAILED else 0,
    )


def stream_record(connector: str, stream: str, error: RunError, now: datetime) -> StreamRecord:
    """Return the record of a stream that could not be listed because of *error*."""
    return StreamRecord(
        connector=connector,
        stream=stream,
        updated_at=now,
        reason=error.message,
        error_class=str(error.error_class),
        next_due=error.next_due,
    )


def summary(slices: Sequence[SliceResult]) -> dict[str, int]:
    """Return how many slices came to each outcome."""
    counts: dict[str, int] = {}
    for result in slices:
        counts[str(result.outcome)] = counts.get(str(result.outcome), 0) + 1
    return counts


def unknown_values(slices: Sequence[SliceResult]) -> dict[str, list[str]]:
    """Return what the reads of a run found that no table knows, by stream; the first 20 each."""
    found: dict[str, set[str]] = {}
    for result in slices:
        if result.was_read:
            names = {f"{field} {value}" for field, value in result.unknown}
            found.setdefault(result.slice.split("/")[1], set()).update(names)
    return {stream: sorted(names)[:_NAMED] for stream, names in found.items() if names}
