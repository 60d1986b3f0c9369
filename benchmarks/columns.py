"""
Which columns of each file are read, for those that ogfd is compared with.

benchmarks.headers writes them beside the report, so that nobody but ogfd pays for its imports.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Projection:
    """
    Columns as a file spells them.

    Attributes:
        words: those of few distinct values.
        resource: the resource, of many.
        amounts: those of numbers.
        day: the start of the usage; one of the words.
        end: its end; one of the words.
        maps: map columns of Parquet; others have none.
    """

    words: list[str]
    resource: str
    amounts: list[str]
    day: str
    end: str
    maps: list[str] = field(default_factory=list)

    @property
    def columns(self) -> list[str]:
        """All of them."""
        return [*self.words, self.resource, *self.amounts, *self.maps]


def projections(listing: str, files: list[str]) -> dict[Path, Projection]:
    """Read what benchmarks.headers wrote to *listing* about *files*."""
    told = json.loads(Path(listing).read_text())
    return {Path(name): Projection(**told[name]) for name in files}
