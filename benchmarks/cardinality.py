"""How many distinct values the projected columns of a report have, and how many distinct keys."""

from __future__ import annotations

import json
import sys

import polars as pl

from benchmarks.columns import projections
from benchmarks.floor_polars import scan_all


def main() -> None:
    """Print the counts of the files that follow their listing on the command line, as JSON."""
    files = projections(sys.argv[1], sys.argv[2:])
    found = next(iter(files.values()))
    scan = scan_all(files)
    counts = scan.select(pl.all().n_unique(), pl.len().alias("rows")).collect(engine="streaming")
    keys = (
        scan.select([*found.words, found.resource])
        .unique()
        .select(pl.len())
        .collect(engine="streaming")
    )
    print(json.dumps({**counts.row(0, named=True), "keys": keys.item()}))


if __name__ == "__main__":
    main()
