"""The fate of every source row: accepted, rejected or filtered."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

_RAW_LIMIT: Final = 4096
_VALUE_LIMIT: Final = 200
_KEPT_VALUES: Final = 1_000  # more are not names but noise, such as ids in the wrong column
_KEPT: Final = 10_000  # enough to see the pattern; the rest is counted


@dataclass(frozen=True, slots=True, kw_only=True)
class Reject:
    """A row that could not be used. *cost* is in the row's own currency, None if unknown."""

    where: str
    reason: str
    raw: str
    cost: str | None
    rows: int

    def as_json(self) -> dict[str, Any]:
        """Return the fields, JSON-ready."""
        return {
            "where": self.where,
            "reason": self.reason,
            "raw": self.raw,
            "cost": self.cost,
            "rows": self.rows,
        }


@dataclass(slots=True)
class RowFate:
    """Counts of one read. ``source`` is what the connector says it read, if it says so."""

    accepted: int = 0
    rejected: int = 0
    with_cost: int = 0
    roundings: int = 0
    filtered: Counter[str] = field(default_factory=Counter)
    unknown: Counter[tuple[str, str]] = field(default_factory=Counter)
    rejects: list[Reject] = field(default_factory=list)
    doubts: list[str] = field(default_factory=list)
    stated: int | None = None

    @property
    def source(self) -> int:
        """Return the number of source rows."""
        return self.counted if self.stated is None else self.stated

    @property
    def counted(self) -> int:
        """Return accepted + rejected + filtered."""
        return self.accepted + self.rejected + self.filtered.total()

    def reject(self, where: str, reason: str, raw: str, cost: Decimal | None, rows: int) -> None:
        """Put a bad row on record; beyond 10,000 only the count is kept."""
        self.rejected += rows
        if cost is None or cost != 0:
            self.with_cost += rows
        if len(self.rejects) < _KEPT:
            text = None if cost is None else str(cost)
            self.rejects.append(
                Reject(
                    where=_whole(where),
                    reason=_whole(reason),
                    raw=_whole(raw[:_RAW_LIMIT]),
                    cost=text,
                    rows=rows,
                )
            )

    def leave_out(self, reason: str, rows: int) -> None:
        """Put on record that rows were left out on purpose."""
        self.filtered[_whole(reason)] += rows

    def strange(self, field: str, value: str, rows: int) -> None:
        """Put on record that no table knows a value; beyond 1,000 values only known ones count."""
        key = (_whole(field), _whole(value[:_VALUE_LIMIT]))
        if key in self.unknown or len(self.unknown) < _KEPT_VALUES:
            self.unknown[key] += rows

    def doubt(self, reason: str) -> None:
        """Put on record why the slice should be held; the same reason counts once."""
        text = _whole(reason)
        if text not in self.doubts:
            self.doubts.append(text)

    def counts(self) -> dict[str, Any]:
        """Return the counts, JSON-ready."""
        return {
            "source": self.source,
            "accepted": self.accepted,
            "rejected": self.rejected,
            "rejected_with_cost": self.with_cost,
            "filtered": dict(self.filtered),
            "roundings": self.roundings,
            "doubts": list(self.doubts),
            "unknown": [
                {"field": field, "value": value, "rows": rows}
                for (field, value), rows in sorted(self.unknown.items())
            ],
        }

    def write(self, path: Path) -> None:
        """Write the kept rejects as JSON lines. Blocking."""
        with path.open("w", encoding="utf-8") as file:
            for reject in self.rejects:
                file.write(json.dumps(reject.as_json(), ensure_ascii=False) + "\n")


def _whole(text: str) -> str:
    """Spell out halves of characters, which JSON may have and no file or database takes."""
    return text.encode("utf-8", "backslashreplace").decode()
