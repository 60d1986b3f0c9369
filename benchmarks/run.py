"""
Measures ogfd beside its floors and peers on one generated report, and prints what it found.

    python -m benchmarks.run [--rows N] [--runs N] [--large N] [--quick] [--json FILE]

The programs run in turn, round after round, each as a whole process with an empty folder; figures
are medians of the rounds, ratios medians of the ratios within a round.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from benchmarks.measure import Cost, measure, median, peer, python, wall_ratio
from benchmarks.programs import Program, floors, peers, syncs
from benchmarks.report import DATA, Report, generate, served
from benchmarks.sync import activities

MEGABYTE: Final = 1_000_000
WARM_ROWS: Final = 2_000
OURS: Final = ("ogfd", "pyarrow", "isal", "adbc-driver-sqlite")
THEIRS: Final = ("polars", "dlt")
# (ours, theirs, what the ratio says)
RATIOS: Final = (
    ("daily", "polars", "daily sync to bare Polars aggregation (aim: at most 2)"),
    ("daily", "dlt_arrow", "daily sync to dlt's Arrow path (aim: below 1)"),
    ("daily", "floor", "daily sync to the bare floor"),
    ("hourly", "daily", "hourly with resources to daily"),
    ("dlt_rows", "daily", "dlt's documented default to daily sync (aim: at least 20)"),
)


def options() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.run", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--rows", type=int, default=1_000_000, help="rows of the report")
    parser.add_argument("--runs", type=int, default=3, help="rounds (default 3)")
    parser.add_argument("--large", type=int, help="rows of the larger report (default 5 x ROWS)")
    parser.add_argument(
        "--quick", action="store_true", help="one round of 50,000 rows: does it run?"
    )
    parser.add_argument("--json", type=Path, help="write every figure to this file")
    chosen = parser.parse_args()
    if chosen.quick:
        chosen.rows, chosen.runs = 50_000, 1
    chosen.large = chosen.large or 5 * chosen.rows
    return chosen


def run_once(program: Program, rows: int) -> Cost:
    """Run *program* in a folder of its own on the report's disk; scale it up to *rows* rows."""
    with tempfile.TemporaryDirectory(dir=DATA) as folder:
        cost = measure(program.command(Path(folder)), program.environ)
    scale = rows / int(cost.output.split()[-1]) if program.part else 1
    return Cost(
        wall_seconds=cost.wall_seconds * scale,
        cpu_seconds=cost.cpu_seconds * scale,
        peak_bytes=cost.peak_bytes,
        output=cost.output,
    )


def rounds(programs: Sequence[Program], runs: int, rows: int) -> dict[str, list[Cost]]:
    """Run all *programs* in turn, *runs* times, on the report of *rows* rows."""
    costs: dict[str, list[Cost]] = {program.key: [] for program in programs}
    for number in range(runs):
        for program in programs:
            print(f"  round {number + 1} of {runs}: {program.title}", flush=True)
            costs[program.key].append(run_once(program, rows))
    return costs


def warm_up() -> None:
    """Run everything once on a small report: bytecode and libraries are then at hand for all."""
    report = generate(WARM_ROWS)
    with served(report) as url:
        for program in [*syncs(report, url), *floors(report), *peers(report)]:
            run_once(program, report.rows)


def table(programs: Iterable[Program], costs: Mapping[str, Sequence[Cost]], rows: int) -> None:
    """Print the medians."""
    print(f"\n{'':46} {'wall s':>8} {'CPU s':>8} {'peak MB':>8} {'rows/s':>10}")
    for program in programs:
        cost = median(costs[program.key])
        print(
            f"{program.title:46} {cost.wall_seconds:8.2f} {cost.cpu_seconds:8.2f} "
            f"{cost.peak_bytes / MEGABYTE:8.0f} {rows / cost.wall_seconds:10,.0f}"
            + ("  (one file, scaled up)" if program.part else "")
        )


def describe(report: Report) -> dict[str, Any]:
    """Print what the report is like."""
    counts: dict[str, Any] = json.loads(
        measure(peer("benchmarks.cardinality", *report.arguments)).output
    )
    size = report.size_bytes / MEGABYTE
    print(f"\n{report.rows:,} rows in {len(report.files)} files, {size:,.0f} MB gzipped")
    print("distinct: " + ", ".join(f"{name} {count:,}" for name, count in counts.items()))
    return counts


def aggregation(costs: Mapping[str, Sequence[Cost]]) -> None:
    """Print how many activities the source rows became."""
    for key in ("daily", "hourly"):
        source, kept = activities(costs[key][-1].output)
        print(f"{key}: {source:,} source rows became {kept:,} activities ({kept / source:.0%})")


def growth(chosen: argparse.Namespace, small: Cost) -> Cost:
    """Measure the daily sync of the larger report; print how its memory grew."""
    report = generate(chosen.large)
    with served(report) as url:
        daily = syncs(report, url)[0]
        large = median([run_once(daily, chosen.large) for _ in range(chosen.runs)])
    ratio = large.peak_bytes / small.peak_bytes
    print(
        f"\ndaily sync of {chosen.large:,} rows: {large.wall_seconds:.2f} s, "
        f"peak {large.peak_bytes / MEGABYTE:.0f} MB, {ratio:.2f} x that of {chosen.rows:,} "
        "(aim: at most 1.1)"
    )
    return large


def main() -> None:
    """Run the benchmark."""
    chosen = options()
    DATA.mkdir(exist_ok=True)
    told = json.loads(measure(python("benchmarks.versions", *OURS)).output)
    told |= json.loads(measure(peer("benchmarks.versions", *THEIRS)).output)
    print(f"{platform.python_implementation()} {platform.python_version()}, {os.cpu_count()} cores")
    print(", ".join(f"{name} {text}" for name, text in told.items()))
    warm_up()
    report = generate(chosen.rows)
    counts = describe(report)
    with served(report) as url:
        programs = [*syncs(report, url), *floors(report), *peers(report)]
        costs = rounds(programs, chosen.runs, chosen.rows)
    table(programs, costs, chosen.rows)
    print()
    ratios = {f"{a}/{b}": wall_ratio(costs[a], costs[b]) for a, b, _ in RATIOS}
    for a, b, says in RATIOS:
        print(f"{ratios[f'{a}/{b}']:8.2f}  {says}")
    print()
    aggregation(costs)
    large = growth(chosen, median(costs["daily"]))
    if chosen.json:
        runs = {key: [figures(cost) for cost in several] for key, several in costs.items()}
        runs["large"] = [figures(large)]
        found = {"versions": told, "cardinalities": counts, "runs": runs, "ratios": ratios}
        chosen.json.write_text(json.dumps(found, indent=2) + "\n")


def figures(cost: Cost) -> dict[str, float]:
    """Return the figures of *cost* alone."""
    return {
        "wall_seconds": cost.wall_seconds,
        "cpu_seconds": cost.cpu_seconds,
        "peak_bytes": cost.peak_bytes,
    }


if __name__ == "__main__":
    main()
