"""Which columns of a file are read, and what the reader calls them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

_MAP: Final = "map:"


@dataclass(frozen=True, slots=True, kw_only=True)
class Lookup:
    """A value in a map column: the *place* of the column in the file, its *keys*, best first."""

    place: int
    keys: tuple[str, ...]

    @property
    def column(self) -> str:
        """What `Selection.read` calls the map column."""
        return f"{_MAP}{self.place}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """
    The columns to read from one file; `Rows` has them by name.

    Attributes:
        headers: every header of the file, as it is written.
        places: name to a column's place in the file.
        numbers: the names whose cells are numbers; all others are text.
        lookups: name to a value in a map column; of names that have no column of their own.
        unknown: headers that no table of the connector knows.
    """

    headers: tuple[str, ...]
    places: Mapping[str, int]
    numbers: frozenset[str] = frozenset()
    lookups: Mapping[str, Lookup] = field(default_factory=dict)
    unknown: tuple[str, ...] = ()

    @property
    def read(self) -> dict[str, int]:
        """What to read: name to place; map columns once each, as `Lookup.column`."""
        maps = {lookup.column: lookup.place for lookup in self.lookups.values()}
        return {**self.places, **maps}

    def header(self, name: str) -> str:
        """Return how the file writes the column *name*, for messages."""
        if name in self.lookups:
            return self.headers[self.lookups[name].place]
        return self.headers[self.read[name]] if name in self.read else name
