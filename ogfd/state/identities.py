"""As whom each connector is signed in: what it said last, known at once and kept over restarts."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Container
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from ogfd.state.store import StateStore

_ALL: Final = "SELECT * FROM identities"
_PUT: Final = "INSERT OR REPLACE INTO identities (connector, name, since) VALUES (?, ?, ?)"
_FORGET: Final = "DELETE FROM identities WHERE connector = ?"


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """
    As whom a connector is signed in.

    Attributes:
        name: such as the e-mail of a service account, an ARN or a client id.
        since: when the connector said so first, in UTC.
    """

    connector: str
    name: str
    since: datetime


class Identities:
    """
    What all connectors said, in the state store: losing that forgets it until they say it again.

    Args:
        store: keeps the rows.
        now: UTC clock.
    """

    def __init__(self, store: StateStore, now: Callable[[], datetime]) -> None:
        self._store = store
        self._now = now
        self._said: dict[str, Identity] = {}
        self._kept: dict[str, Identity] = {}

    async def restore(self, connectors: Container[str]) -> None:
        """
        Remember what earlier processes kept, and forget whoever is not among *connectors*.

        Raises:
            StateError: if the store fails it.
        """
        found = await self._store.read(_ALL, (), _record)
        gone = [(each.connector,) for each in found if each.connector not in connectors]
        if gone:
            await self._store.write(lambda db: db.executemany(_FORGET, gone))
        self._kept = {each.connector: each for each in found if each.connector in connectors}
        self._said = dict(self._kept)

    def say(self, connector: str, name: str) -> None:
        """Take note that *connector* is signed in as *name*; cheap, from any thread."""
        known = self._said.get(connector)
        if known is None or known.name != name:
            self._said[connector] = Identity(connector=connector, name=name, since=self._now())

    async def keep(self, connector: str) -> None:
        """
        Put on record what *connector* said last; writes nothing if that is there already.

        Raises:
            StateError: if the store cannot be written.
        """
        said = self._said.get(connector)
        if said is None or said == self._kept.get(connector):
            return
        row = (connector, said.name, said.since.astimezone(UTC).isoformat())
        await self._store.write(lambda db: db.execute(_PUT, row))
        self._kept[connector] = said

    def of(self, connector: str) -> Identity | None:
        """Return as whom *connector* is signed in; None if it never said."""
        return self._said.get(connector)


def _record(row: sqlite3.Row) -> Identity:
    return Identity(**{**dict(row), "since": datetime.fromisoformat(row["since"])})
