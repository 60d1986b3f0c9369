"""Reads the tables of this package: CSV after lines of comment, with lists in some cells."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from importlib.resources import files
from typing import Final

_SEPARATOR: Final = "|"


def rows_of(package: str, table: str) -> Iterator[Mapping[str, str]]:
    """Yield the rows of *table*, such as ``regions.csv``, of *package*."""
    lines = files(package).joinpath(table).read_text("utf-8").splitlines()
    yield from csv.DictReader(line for line in lines if not line.startswith("#"))


def listed(cell: str) -> list[str]:
    """Return the items of a cell that lists some."""
    return cell.split(_SEPARATOR) if cell else []
