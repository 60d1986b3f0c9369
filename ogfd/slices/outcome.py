"""What became of a slice."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol

from ogfd.plugin import ErrorClass, PackageInfo


class Sealed(Protocol):
    """A sealed package, as far as its judge and its result need it."""

    @property
    def info(self) -> PackageInfo: ...
    @property
    def fate(self) -> Mapping[str, Any]: ...


class Outcome(StrEnum):
    """The outcome of a slice in a run."""

    COMMITTED = "committed"
    UNCHANGED = "unchanged"
    PENDING = "pending"
    ABSENT = "absent"
    HELD = "held"
    SUPERSEDED = "superseded"
    FAILED = "failed"

    @property
    def is_bad(self) -> bool:
        """Tell whether an operator should hear of it."""
        return self in {Outcome.HELD, Outcome.FAILED}


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryResult:
    """What became of a slice in one sink; *generation* is the one that the sink holds now."""

    outcome: Outcome
    generation: int | None = None
    error: str | None = None
    error_class: ErrorClass | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SliceResult:
    """
    What became of a slice in a run.

    Attributes:
        reason: one sentence where the outcome needs one.
        counts: the row fate, as `RowFate.counts` gives it; empty if nothing was read.
        sums: exact sums of the package, by measure and unit.
        next_due: not to be tried before, if the slice is parked.
    """

    slice: str
    outcome: Outcome
    reason: str | None = None
    error_class: ErrorClass | None = None
    target: str | None = None
    version: str | None = None
    rows: int | None = None
    counts: Mapping[str, Any] = field(default_factory=dict)
    sums: Mapping[str, str] = field(default_factory=dict)
    deliveries: Mapping[str, DeliveryResult] = field(default_factory=dict)
    seconds: float = 0.0
    next_due: datetime | None = None
    was_read: bool = False

    @property
    def unknown(self) -> Mapping[tuple[str, str], int]:
        """Return field and value that no table of the connector knows, to the number of rows."""
        return unknown_of(self.counts) or {}

    @property
    def is_settled(self) -> bool:
        """Tell whether the source was read to the end and every sink has what was read."""
        return self.was_read and self.outcome in {Outcome.COMMITTED, Outcome.UNCHANGED}

    def as_json(self) -> dict[str, Any]:
        """Return the document that the CLI and the control API show."""
        filtered = self.counts.get("filtered", {})
        return {
            "slice": self.slice,
            "outcome": str(self.outcome),
            "reason": self.reason,
            "error_class": self.error_class and str(self.error_class),
            "rows": self.rows,
            "line_count": self.counts.get("accepted"),
            "source_rows": self.counts.get("source"),
            "rejected": self.counts.get("rejected"),
            "filtered": sum(filtered.values()) if self.counts else None,
            "filtered_by": dict(filtered),
            "roundings": self.counts.get("roundings"),
            "unknown": list(self.counts.get("unknown", ())),
            "sums": dict(self.sums),
            "deliveries": {
                sink: {
                    "outcome": str(result.outcome),
                    "generation": result.generation,
                    "error": result.error,
                }
                for sink, result in self.deliveries.items()
            },
            "seconds": round(self.seconds, 3),
            "next_due": self.next_due and self.next_due.isoformat(),
        }


def unknown_of(counts: Mapping[str, Any]) -> Mapping[tuple[str, str], int] | None:
    """Return `SliceResult.unknown` from a row fate; None if that is too old to tell."""
    found = counts.get("unknown")
    if found is None:
        return None
    return {(each["field"], each["value"]): each["rows"] for each in found}


def together(deliveries: Mapping[str, DeliveryResult]) -> Outcome:
    """Return the worst outcome of all sinks, as the outcome of the slice."""
    order = [
        Outcome.FAILED,
        Outcome.HELD,
        Outcome.SUPERSEDED,
        Outcome.COMMITTED,
        Outcome.UNCHANGED,
    ]
    found = {result.outcome for result in deliveries.values()}
    return next((outcome for outcome in order if outcome in found), Outcome.UNCHANGED)


def result_of(
    package: Sealed,
    outcome: Outcome,
    *,
    reason: str | None = None,
    deliveries: Mapping[str, DeliveryResult] | None = None,
    was_read: bool,
) -> SliceResult:
    """Return what became of the slice of *package*."""
    return SliceResult(
        slice=package.info.slice,
        outcome=outcome,
        reason=reason,
        error_class=_class_of(deliveries or {}) if outcome is Outcome.FAILED else None,
        target=package.info.target,
        version=package.info.version,
        rows=package.info.rows,
        counts=package.fate,
        sums=package.info.sums,
        deliveries=deliveries or {},
        was_read=was_read,
    )


def _class_of(deliveries: Mapping[str, DeliveryResult]) -> ErrorClass:
    classes = [result.error_class for result in deliveries.values() if result.error_class]
    return classes[0] if classes else ErrorClass.TRANSIENT
