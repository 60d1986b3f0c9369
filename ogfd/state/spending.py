"""What paid requests have cost: a row for each connector, operation and month (UTC)."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from decimal import Decimal

from ogfd.state.store import StateStore


@dataclass(frozen=True, slots=True, kw_only=True)
class SpendingRecord:
    """
    What the requests of one operation cost in a month.

    Attributes:
        month: ``YYYY-MM``, in UTC.
        requests: that were charged, whether or not they were answered.
        usd: by list price.
    """

    connector: str
    operation: str
    month: str
    requests: int
    usd: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Charge:
    """Whether a charge was granted, and what the month has come to with it."""

    granted: bool
    requests: int
    usd: Decimal


class Spending:
    """
    The purse of all connectors, in the state store: losing that forgets the month's spending.

    Args:
        store: keeps the rows.
    """

    def __init__(self, store: StateStore) -> None:
        self._store = store

    async def charge(
        self,
        connector: str,
        operation: str,
        month: str,
        *,
        usd: Decimal,
        budget_usd: Decimal | None,
    ) -> Charge:
        """
        Put one more request on record, unless the month's total would then exceed the budget.

        One transaction, committed when it returns. Cancelling it does not undo it.

        Raises:
            StateError: if the store cannot be written; nothing is charged then.
        """
        key = (connector, operation, month)

        def change(db: sqlite3.Connection) -> Charge:
            requests, spent = _total(db, key)
            if budget_usd is not None and spent + usd > budget_usd:
                return Charge(granted=False, requests=requests, usd=spent)
            db.execute(
                "INSERT OR REPLACE INTO spending (connector, operation, month, requests, usd)"
                " VALUES (?, ?, ?, ?, ?)",
                (*key, requests + 1, str(spent + usd)),
            )
            return Charge(granted=True, requests=requests + 1, usd=spent + usd)

        return await self._store.write(change)

    async def of(self, connector: str, month: str) -> list[SpendingRecord]:
        """Return what a connector spent in *month*, by operation."""
        sql = "SELECT * FROM spending WHERE connector = ? AND month = ? ORDER BY operation"
        return await self._store.read(sql, [connector, month], _record)


def _total(db: sqlite3.Connection, key: tuple[str, str, str]) -> tuple[int, Decimal]:
    sql = "SELECT requests, usd FROM spending WHERE connector = ? AND operation = ? AND month = ?"
    row = db.execute(sql, key).fetchone()
    return (0, Decimal(0)) if row is None else (row["requests"], Decimal(row["usd"]))


def _record(row: sqlite3.Row) -> SpendingRecord:
    return SpendingRecord(**{**dict(row), "usd": Decimal(row["usd"])})
