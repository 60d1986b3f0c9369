"""What a reconciliation came to, and what is kept of it."""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from ogfd.plugin import Totals
from ogfd.runs.request import RunError
from ogfd.slices import Agreement, Comparison, worst
from ogfd.state.reconciliations import Reconciliation


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """
    What one sink's sum of one measure came to.

    Attributes:
        totals: what it was compared with, if there was anything.
        checked_at: in UTC.
    """

    connector: str
    stream: str
    billing_period: str
    sink: str
    comparison: Comparison
    totals: Totals | None
    checked_at: datetime

    def as_json(self) -> dict[str, Any]:
        """Return the document that the CLI shows."""
        return {
            "connector": self.connector,
            "stream": self.stream,
            "billing_period": self.billing_period,
            "sink": self.sink,
            **self.comparison.as_json(),
            "origin": self.totals and self.totals.origin,
            "independent": self.totals and self.totals.independent,
            "checked_at": self.checked_at.isoformat(),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconciled:
    """What a reconciliation has come to so far; both lists grow."""

    checks: list[Check] = field(default_factory=list)
    errors: list[RunError] = field(default_factory=list)


def record_of(billing_period: str, checks: Sequence[Check]) -> Reconciliation:
    """Return what is kept of the checks of one stream and billing period, at least one."""
    return Reconciliation(
        connector=checks[0].connector,
        stream=checks[0].stream,
        billing_period=billing_period,
        checked_at=checks[0].checked_at,
        result=str(worst(each.comparison.agreement for each in checks)),
        document={"checks": [each.as_json() for each in checks], "error": None},
    )


def unchecked(connector: str, stream: str, billing_period: str, now: datetime) -> Reconciliation:
    """Return the record of a billing period that was never compared."""
    return Reconciliation(
        connector=connector,
        stream=stream,
        billing_period=billing_period,
        checked_at=now,
        result=str(Agreement.UNVERIFIED),
        document={"checks": [], "error": None},
    )


def with_error(record: Reconciliation, error: RunError, now: datetime) -> Reconciliation:
    """Put *error* beside what a billing period came to before: a drift must not go unseen."""
    failed = error.as_json() | {"at": now.isoformat()}
    return replace(record, document={**record.document, "error": failed})


def drift_of(records: Iterable[Reconciliation], sinks: Container[str]) -> float | None:
    """
    Return the largest drift as a share, 0 if all match; None if nothing was verified.

    Args:
        records: of one stream.
        sinks: those that are fed; what others were found to hold does not matter any more.
    """
    shares = [
        # What the tolerance explains is no drift.
        0.0 if check["result"] == Agreement.MATCH else abs(check["share"])
        for record in records
        for check in record.document["checks"]
        if check["result"] != Agreement.UNVERIFIED and check["sink"] in sinks
    ]
    return max(shares, default=None)
