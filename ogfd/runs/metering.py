"""Turns what happens in runs into metrics."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from ogfd.runs.request import RunOutcome, RunResult
from ogfd.slices import Outcome, SliceResult
from ogfd.telemetry.metrics import Metrics


class Meter:
    """
    Hears of runs and commits and records them.

    Args:
        metrics: where to record.
    """

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    def committed(self, sink: str, seconds: float) -> None:
        """Record a commit."""
        self._metrics.committed(sink=sink, seconds=seconds)

    def run_done(self, result: RunResult) -> None:
        """Record a run and the slices it went through."""
        held: dict[str, int] = {}
        for each in result.slices:
            stream = each.slice.split("/")[1]
            held[stream] = held.get(stream, 0) + (each.outcome is Outcome.HELD)
            self._slice(result, each, stream)
        for stream, slices in held.items():
            self._metrics.held(connector=result.connector, stream=stream, slices=slices)
        error_class = result.error_class
        self._metrics.run_done(
            connector=result.connector,
            provider=result.provider,
            error_class=None
            if result.outcome is RunOutcome.SUCCEEDED
            else str(error_class or "unknown"),
            seconds=(result.ended_at - result.started_at).total_seconds(),
            items=sum(
                each.rows or 0 for each in result.slices if each.outcome is Outcome.COMMITTED
            ),
            ended_at=result.ended_at,
        )

    def reconciled(self, connector: str, provider: str, stream: str, drift: float | None) -> None:
        """Record how far a stream is off the provider's totals."""
        self._metrics.reconciled(connector=connector, provider=provider, stream=stream, drift=drift)

    def waiting(self, size_bytes: int) -> None:
        """Record the size of the packages that wait."""
        self._metrics.packages(size_bytes=size_bytes)

    def unknown(self, connector: str, streams: Mapping[str, int]) -> None:
        """Record how many values no table of a connector knows, by stream."""
        for stream, values in streams.items():
            self._metrics.unknown(connector=connector, stream=stream, values=values)

    def _slice(self, result: RunResult, each: SliceResult, stream: str) -> None:
        fates = None
        if each.was_read and each.counts:
            fates = {
                "accepted": each.counts["accepted"],
                "rejected": each.counts["rejected"],
                "filtered": sum(each.counts["filtered"].values()),
            }
        self._metrics.slice_done(
            connector=result.connector,
            provider=result.provider,
            stream=stream,
            outcome=str(each.outcome),
            fates=fates,
            data_end=_data_end(each),
        )


def _data_end(result: SliceResult) -> datetime | None:
    text = result.counts.get("data_end") if result.outcome is Outcome.COMMITTED else None
    return datetime.fromisoformat(text) if text else None
