"""The daemon's own memory: runs, slices, verdicts and deliveries. A cache, not the truth."""

from ogfd.state.identities import Identities, Identity
from ogfd.state.records import (
    Delivery,
    RunRecord,
    SliceRecord,
    StreamRecord,
    Verdict,
    VerdictKind,
)
from ogfd.state.spending import Spending, SpendingRecord
from ogfd.state.store import StateError, StateStore
from ogfd.state.unknowns import Unknown, put_unknowns, unknowns

__all__ = [
    "Delivery",
    "Identities",
    "Identity",
    "RunRecord",
    "SliceRecord",
    "Spending",
    "SpendingRecord",
    "StateError",
    "StateStore",
    "StreamRecord",
    "Unknown",
    "Verdict",
    "VerdictKind",
    "put_unknowns",
    "unknowns",
]
