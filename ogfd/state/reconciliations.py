"""The newest reconciliation of each billing period: what ``ogfd status`` and the metric show."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from ogfd.state.store import StateStore

_PUT: Final = "INSERT OR REPLACE INTO reconciliations VALUES (?, ?, ?, ?, ?, ?)"
_FIND: Final = "SELECT * FROM reconciliations ORDER BY connector, stream, billing_period DESC"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconciliation:
    """
    How the committed sums of a billing period stood to the provider's totals.

    Attributes:
        checked_at: when the provider was asked, in UTC.
        result: the worst of all measures and sinks.
        document: what was compared, JSON-ready.
    """

    connector: str
    stream: str
    billing_period: str
    checked_at: datetime
    result: str
    document: Mapping[str, Any]


async def put_reconciliation(state: StateStore, record: Reconciliation) -> None:
    """Insert or replace the reconciliation of a billing period."""
    row = (
        record.connector,
        record.stream,
        record.billing_period,
        record.checked_at.astimezone(UTC).isoformat(),
        record.result,
        json.dumps(record.document, ensure_ascii=False),
    )
    await state.write(lambda db: db.execute(_PUT, row))


async def reconciliations(state: StateStore) -> list[Reconciliation]:
    """Return the newest of every billing period, by connector and stream, newest period first."""
    return await state.read(_FIND, (), _record)


def _record(row: sqlite3.Row) -> Reconciliation:
    return Reconciliation(
        connector=row["connector"],
        stream=row["stream"],
        billing_period=row["billing_period"],
        checked_at=datetime.fromisoformat(row["checked_at"]),
        result=row["result"],
        document=json.loads(row["document"]),
    )
