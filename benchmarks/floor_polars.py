"""A bare daily aggregation by Polars, the quickest engine for it: no checks, ids, package or sink."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl

from benchmarks.columns import Projection, projections


def scan_all(files: Mapping[Path, Projection]) -> Any:
    """Return the projected columns of all *files* as text; each has a header of its own."""
    scans = [
        pl.scan_csv(path, infer_schema=False).select(found.columns) for path, found in files.items()
    ]
    return pl.concat(scans, how="diagonal")


def main() -> None:
    """Print how many groups the files have that follow their listing on the command line."""
    files = projections(sys.argv[1], sys.argv[2:])
    found = next(iter(files.values()))
    scan = scan_all(files)
    keys = [name for name in found.words if name not in {found.day, found.end}]
    sums = [pl.col(name).cast(pl.Float64).sum() for name in found.amounts]
    day = pl.col(found.day).str.slice(0, 10).alias("day")
    groups = scan.group_by([*keys, day]).agg(*sums, pl.len()).collect(engine="streaming")
    print(groups.height)


if __name__ == "__main__":
    main()
