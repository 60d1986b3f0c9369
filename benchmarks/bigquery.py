"""
Measures ogfd on a billing export in BigQuery: added up there or row by row, over REST or as Arrow.

    python -m benchmarks.bigquery [--rows N] [--runs N] [--large N]

Beside it is Google's own client, which runs the query for single rows and keeps nothing. Programs
run in turn, each as a whole process and with a stand-in of BigQuery of its own, whose work on the
same cores is part of the wall time; figures are medians.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from benchmarks.measure import Cost, measure, median, python, wall_ratio
from benchmarks.report import DATA
from benchmarks.run import MEGABYTE
from benchmarks.sync import activities, program

WARM_ROWS: Final = 2_000
CONFIG: Final = """\
[daemon]
state_dir = "{folder}/state"

[sinks.main]
type = "sqlite"
path = "{folder}/ogfd.db"

[connectors.bench]
type = "gcp"
credentials = "file:{folder}/key.json"
job_project = "{project}"
endpoint = "{url}"
{arrow}
grain = "{grain}"
start = "2026-01"

[connectors.bench.cost]
table = "{table}"
"""
ARROW: Final = 'storage_api = true\nstorage_endpoint = "{storage_url}"'

Place = dict[str, Any]
"""Where a stand-in is, as benchmarks.warehouse tells it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """
    One line of the result.

    Attributes:
        key: its name in ratios.
        title: what a reader is told.
        command: given an empty folder and a stand-in, the command to run.
        activities: how many rows it has made, from what it printed.
    """

    key: str
    title: str
    command: Callable[[Path, Place], list[str]]
    activities: Callable[[str], int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What one run took: of the program, and of the stand-in that it asked."""

    cost: Cost
    requests: int
    bytes_sent: int
    bytes_billed: int


def sync(grain: str, *, arrow: bool) -> Reader:
    """Return `ogfd sync` into a fresh SQLite sink."""

    def command(folder: Path, place: Place) -> list[str]:
        (folder / "key.json").write_text(place["key"])
        config = folder / "ogfd.toml"
        more = ARROW.format(**place) if arrow else ""
        config.write_text(CONFIG.format(folder=folder, grain=grain, arrow=more, **place))
        return [program(), "-c", str(config), "sync", "--json"]

    way = "Arrow" if arrow else "REST"
    return Reader(
        key=f"{grain}_{way.lower()}",
        title=f"ogfd sync, {grain}, over {way}, to SQLite",
        command=command,
        activities=lambda output: activities(output)[1],
    )


def client(*, arrow: bool) -> Reader:
    """Return Google's own client, which reads single rows as Arrow tables and drops them."""

    def command(folder: Path, place: Place) -> list[str]:
        (folder / "place.json").write_text(json.dumps(place))
        words = ["--storage"] if arrow else []
        return python("benchmarks.bigquery_client", folder / "place.json", *words)

    way = "Arrow" if arrow else "REST"
    return Reader(
        key=f"client_{way.lower()}",
        title=f"Google's client, line, over {way}, no sink",
        command=command,
        activities=int,
    )


OURS: Final = (
    sync("daily", arrow=False),
    sync("daily", arrow=True),
    sync("line", arrow=False),
    sync("line", arrow=True),
)
READERS: Final = (*OURS, client(arrow=False), client(arrow=True))
RATIOS: Final = (
    ("line_rest", "daily_rest", "line to daily, over REST"),
    ("line_arrow", "line_rest", "line over Arrow to line over REST"),
    ("line_rest", "client_rest", "ogfd to Google's client, line over REST"),
    ("line_arrow", "client_arrow", "ogfd to Google's client, line over Arrow"),
)


def run_once(reader: Reader, rows: int) -> Run:
    """Run *reader* against a stand-in of its own with an export of so many rows."""
    with tempfile.TemporaryDirectory(dir=DATA) as folder:
        process = subprocess.Popen(
            python("benchmarks.warehouse", rows), stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        assert process.stdout
        if not (line := process.stdout.readline()):
            raise RuntimeError("the BigQuery stand-in did not start")
        cost = measure(reader.command(Path(folder), json.loads(line)))
        told, _ = process.communicate(timeout=60)
        return Run(cost=cost, **json.loads(told))


def rounds(rows: int, runs: int) -> dict[str, list[Run]]:
    """Run all readers in turn, *runs* times."""
    found: dict[str, list[Run]] = {reader.key: [] for reader in READERS}
    for number in range(runs):
        for reader in READERS:
            print(f"  round {number + 1} of {runs}, {rows:,} rows: {reader.title}", flush=True)
            found[reader.key].append(run_once(reader, rows))
    return found


def costs(runs: Sequence[Run]) -> list[Cost]:
    """Return what the programs took."""
    return [run.cost for run in runs]


def table(found: dict[str, list[Run]]) -> None:
    """Print the medians; bytes and requests are the same in each round."""
    print(
        f"\n{'':42} {'wall s':>7} {'CPU s':>7} {'peak MB':>8} {'requests':>9} {'MB sent':>8} "
        f"{'MB billed':>10} {'rows kept':>10}"
    )
    for reader in READERS:
        last, cost = found[reader.key][-1], median(costs(found[reader.key]))
        print(
            f"{reader.title:42} {cost.wall_seconds:7.2f} {cost.cpu_seconds:7.2f} "
            f"{cost.peak_bytes / MEGABYTE:8.0f} {last.requests:9,} "
            f"{last.bytes_sent / MEGABYTE:8.1f} {last.bytes_billed / MEGABYTE:10.0f} "
            f"{reader.activities(cost.output):10,}"
        )


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.bigquery", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--rows", type=int, default=1_000_000, help="rows of the export")
    parser.add_argument("--runs", type=int, default=3, help="rounds (default 3)")
    parser.add_argument("--large", type=int, help="rows of the larger export (default 3 x ROWS)")
    chosen = parser.parse_args()
    DATA.mkdir(exist_ok=True)
    rounds(WARM_ROWS, 1)
    found = rounds(chosen.rows, chosen.runs)
    table(found)
    print()
    for ours, theirs, says in RATIOS:
        print(f"{wall_ratio(costs(found[ours]), costs(found[theirs])):8.2f}  {says}")
    large = chosen.large or 3 * chosen.rows
    print(f"\npeak with {large:,} rows to that with {chosen.rows:,}:")
    for reader in OURS:
        grown = run_once(reader, large).cost.peak_bytes
        ratio = grown / median(costs(found[reader.key])).peak_bytes
        print(f"{ratio:8.2f}  {reader.title} ({grown / MEGABYTE:,.0f} MB)")


if __name__ == "__main__":
    main()
