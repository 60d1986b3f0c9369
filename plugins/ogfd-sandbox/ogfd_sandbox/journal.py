"""The log of requests that a stand-in of a cloud keeps, as its parent reads it."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, fields
from typing import Any


@dataclass(slots=True, kw_only=True)
class Entry:
    """
    One request, from when it comes.

    Attributes:
        operation: and *key*: what was asked.
        status: 0 while, or if never, it was answered.
        headers: by lower-case name, without those that hold secrets.
        at: when it came, in seconds since the epoch.
        sent: bytes of the body of the answer, so far.
    """

    operation: str
    key: str
    status: int = 0
    headers: Mapping[str, str]
    at: float = field(default_factory=time.time)
    sent: int = 0


class Journal:
    """
    Entries, oldest first. Threads may read while an event loop writes.

    Args:
        secrets: headers that are not kept, by lower-case name.
    """

    def __init__(self, secrets: AbstractSet[str]) -> None:
        self._secrets = secrets
        self._entries: list[Entry] = []

    def begin(self, operation: str, key: str, headers: Mapping[str, str]) -> Entry:
        """Return the entry of a request that has come, to be completed as it is answered."""
        kept = {name: value for name, value in headers.items() if name not in self._secrets}
        entry = Entry(operation=operation, key=key, headers=kept)
        self._entries.append(entry)
        return entry

    def entries(self) -> list[dict[str, Any]]:
        """Return all entries as JSON-ready values."""
        names = [each.name for each in fields(Entry)]
        return [{name: getattr(entry, name) for name in names} for entry in self._entries]

    def sent(self) -> dict[str, int]:
        """Return how many bytes were sent in all, by operation."""
        sums: Counter[str] = Counter()
        for entry in self._entries:
            sums[entry.operation] += entry.sent
        return dict(sums)

    def clear(self) -> None:
        """Forget all entries; those of requests that are not answered yet too."""
        self._entries.clear()
