"""A bare daily aggregation of Parquet by Polars: no checks, ids, package or sink."""

from __future__ import annotations

import sys

import polars as pl

from benchmarks.columns import projections


def main() -> None:
    """Print how many groups the files have that follow their listing on the command line."""
    files = projections(sys.argv[1], sys.argv[2:])
    found = next(iter(files.values()))
    keys = [name for name in found.words if name not in {found.day, found.end}]
    sums = [pl.col(name).sum() for name in found.amounts]
    # A map is read whole, as it must be by whoever wants one of its keys.
    sums += [pl.col(name).is_not_null().sum() for name in found.maps]
    scan = pl.scan_parquet(list(files)).select(found.columns)
    day = pl.col(found.day).dt.date().alias("day")
    print(scan.group_by([*keys, day]).agg(*sums, pl.len()).collect(engine="streaming").height)


if __name__ == "__main__":
    main()
