"""
Measures ogfd on Parquet exports beside bare projections of the same columns, in one run.

    python -m benchmarks.formats [--rows N] [--runs N] [--large N]

As in benchmarks.run, programs run in turn, each as a whole process; figures are medians.
"""

from __future__ import annotations

import argparse
from typing import Final

from benchmarks.measure import measure, median, peer, python, wall_ratio
from benchmarks.programs import Program, syncs
from benchmarks.report import DATA, Report, generate, served
from benchmarks.run import MEGABYTE, rounds, run_once, table

FORMATS: Final = ("cur2-parquet", "focus-parquet")
WARM_ROWS: Final = 2_000
BARE: Final = ("arrow", "duckdb", "polars")


def bare(report: Report) -> list[Program]:
    """Return our mapping alone, and what others need for the same columns."""
    return [
        Program(
            key="mapping",
            title="ogfd, read and map, keep nothing",
            command=lambda _: python("benchmarks.mapping", *report.files),
        ),
        Program(
            key="arrow",
            title="bare pyarrow, decode only",
            command=lambda _: python("benchmarks.parquet_arrow", *report.arguments),
        ),
        Program(
            key="duckdb",
            title="bare DuckDB, daily sums, no sink",
            command=lambda _: python("benchmarks.parquet_duckdb", *report.arguments),
        ),
        Program(
            key="polars",
            title="bare Polars, daily sums, no sink",
            command=lambda _: peer("benchmarks.parquet_polars", *report.arguments),
        ),
    ]


def compare(format: str, rows: int, runs: int, large: int) -> None:
    """Measure one format and print what was found."""
    for count in (WARM_ROWS, rows):
        report = generate(count, format)
        with served(report) as url:
            programs = [*syncs(report, url)[:1], *bare(report)]
            costs = rounds(programs, runs if count == rows else 1, count)
    print(f"\n{format}: {rows:,} rows, {report.size_bytes / MEGABYTE:,.0f} MB")
    table(programs, costs, rows)
    for other in BARE:
        print(f"{wall_ratio(costs['mapping'], costs[other]):8.2f}  read and map to bare {other}")
    report = generate(large, format)
    mapping = bare(report)[0]
    grown = measure(mapping.command(DATA))
    ratio = grown.peak_bytes / median(costs["mapping"]).peak_bytes
    with served(report) as url:
        synced = run_once(syncs(report, url)[0], large)
    whole = synced.peak_bytes / median(costs["daily"]).peak_bytes
    print(
        f"{large:,} rows: peak x {ratio:.2f} mapping, x {whole:.2f} daily sync (aim: at most 1.1)"
    )


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.formats", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--rows", type=int, default=1_000_000, help="rows of each export")
    parser.add_argument("--runs", type=int, default=3, help="rounds (default 3)")
    parser.add_argument("--large", type=int, help="rows of the larger export (default 5 x ROWS)")
    chosen = parser.parse_args()
    DATA.mkdir(exist_ok=True)
    for one in FORMATS:
        compare(one, chosen.rows, chosen.runs, chosen.large or 5 * chosen.rows)


if __name__ == "__main__":
    main()
