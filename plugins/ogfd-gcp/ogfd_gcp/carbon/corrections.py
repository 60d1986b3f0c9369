"""
Which months of an export have figures that Google has corrected since.

Google tells of corrections, but does not export a month anew by itself; the model's version need
not change with one either. The day of a partition's last change tells which of them it has.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from typing import Final

from ogfd.plugin import Period
from ogfd_gcp.tables.reading import rows_of

BACKFILL: Final = "https://cloud.google.com/carbon-footprint/docs/export#backfill"


@dataclass(frozen=True, slots=True, kw_only=True)
class Correction:
    """
    A correction.

    Attributes:
        published: what was exported before has it not.
        first: month that it is of, ``YYYY-MM``.
        last: month that it is of, included.
        what: a clause.
    """

    published: date
    first: str
    last: str
    what: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Outdated:
    """
    A month with figures that are known to be wrong.

    Attributes:
        month: ``YYYY-MM``.
        exported: when it was written last.
        corrections: that it has not got, oldest first.
    """

    month: str
    exported: date
    corrections: tuple[Correction, ...]

    @property
    def run_date(self) -> date:
        """The day whose run of the data transfer writes the month."""
        return Period.month(self.month).end.date().replace(day=15)


def outdated(exported: Mapping[str, datetime]) -> list[Outdated]:
    """
    Return the months that must be exported once more.

    Args:
        exported: when each month, ``YYYY-MM``, was written last.
    """
    found = []
    for month, instant in sorted(exported.items()):
        lacking = tuple(
            one
            for one in corrections()
            if one.first <= month <= one.last and instant.date() < one.published
        )
        if lacking:
            found.append(Outdated(month=month, exported=instant.date(), corrections=lacking))
    return found


@cache
def corrections() -> tuple[Correction, ...]:
    """Return all corrections, oldest first; read from the table once."""
    return tuple(
        Correction(
            published=date.fromisoformat(row["published"]),
            first=row["first"],
            last=row["last"],
            what=row["what"],
        )
        for row in rows_of("ogfd_gcp.carbon", "corrections.csv")
    )
