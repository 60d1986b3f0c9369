"""The daemon's own memory: runs, slices, verdicts and deliveries. A cache, not the truth."""

from ogfd.state.records import (
    Delivery,
    RunRecord,
    SliceRecord,
    StreamRecord,
    Verdict,
    VerdictKind,
)
from ogfd.state.store import StateError, StateStore

__all__ = [
    "Delivery",
    "RunRecord",
    "SliceRecord",
    "StateError",
    "StateStore",
    "StreamRecord",
    "Verdict",
    "VerdictKind",
]
