"""A bare daily aggregation of Parquet by DuckDB: no checks, ids, package or sink."""

from __future__ import annotations

import sys

import duckdb

from benchmarks.columns import projections


def main() -> None:
    """Print how many groups the files have that follow their listing on the command line."""
    files = projections(sys.argv[1], sys.argv[2:])
    found = next(iter(files.values()))
    keys = [f'"{name}"' for name in found.words if name not in {found.day, found.end}]
    keys.append(f'"{found.day}"::DATE')
    sums = [f'sum("{name}")' for name in found.amounts]
    # A map is read whole, as it must be by whoever wants one of its keys.
    sums += [f'max(len(map_keys("{name}")))' for name in found.maps]
    paths = [str(path) for path in files]
    rows = duckdb.execute(
        f"SELECT count(*) FROM (SELECT {', '.join([*keys, *sums])} "
        "FROM read_parquet($1, union_by_name=true) GROUP BY ALL)",
        [paths],
    ).fetchone()
    print(rows and rows[0])


if __name__ == "__main__":
    main()
