"""What the state store keeps, as plain records. All times are in UTC."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRecord:
    """
    One pass over a connector.

    Attributes:
        outcome: ``running`` until it ended; ``cancelled`` if it was stopped, ``crashed`` if its
            process died.
        document: what the run reports, JSON-ready.
    """

    run_id: str
    connector: str
    trigger: str
    outcome: str
    started_at: datetime
    ended_at: datetime | None = None
    error_class: str | None = None
    error: str | None = None
    document: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class SliceRecord:
    """
    What was last seen of a slice.

    Attributes:
        outcome: of the last run that looked at it.
        read_at: when it was last read to the end; decides about streams without versions.
        next_due: a parked slice is not tried before.
        failures: how often in a row it failed.
    """

    slice: str
    connector: str
    outcome: str
    updated_at: datetime
    target: str | None = None
    version: str | None = None
    reason: str | None = None
    error_class: str | None = None
    read_at: datetime | None = None
    next_due: datetime | None = None
    failures: int = 0

    @property
    def name(self) -> str:
        """Return what the operator knows it by."""
        return self.slice

    @property
    def stream(self) -> str:
        """Return the name of its stream."""
        return self.slice.split("/")[1]


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamRecord:
    """
    Why a stream could not be listed. It goes when the stream is listed again.

    Attributes:
        next_due: it is not listed before, if the provider asked for a wait.
        failures: how often in a row.
    """

    connector: str
    stream: str
    updated_at: datetime
    reason: str
    error_class: str
    next_due: datetime | None = None
    failures: int = 1

    @property
    def name(self) -> str:
        """Return what the operator knows it by."""
        return f"{self.connector}/{self.stream}"


class VerdictKind(StrEnum):
    """What was decided about a target that broke a contract."""

    HELD = "held"
    APPROVED = "approved"
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """A decision about one target of a slice; *reason* is why it is held, or the operator's."""

    slice: str
    target: str
    kind: VerdictKind
    reason: str
    decided_at: datetime
    actor: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """
    What is known of a slice in a sink: the last confirmed commit, or one that is being sent.

    Attributes:
        generation: of the commit.
        digest: of the package it is bound to.
        confirmed: False while a sink without a ledger may or may not have got all of it.
        entry: the ledger entry, JSON-ready, for sinks that keep no ledger themselves.
    """

    slice: str
    sink: str
    generation: int
    target: str
    digest: str
    attempt: str
    confirmed: bool
    at: datetime
    entry: Mapping[str, Any] = field(default_factory=dict)
