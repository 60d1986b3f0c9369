"""What is measured: each a whole process, told how to start for every run afresh."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.measure import peer, python
from benchmarks.report import Report
from benchmarks.sync import ENVIRON, Sync


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """
    One line of the result.

    Attributes:
        key: its name in ratios and JSON.
        title: what a reader is told.
        command: given an empty folder, the command to run.
        environ: variables of its own.
        part: whether it is given a part of the rows; it then prints how many, and its times are
            scaled up.
    """

    key: str
    title: str
    command: Callable[[Path], list[str]]
    environ: Mapping[str, str] = field(default_factory=dict)
    part: bool = False


def syncs(report: Report, url: str) -> list[Program]:
    """Return our own two: daily grain, and hourly grain with resources."""
    daily = Sync(report=report, url=url, grain="daily", resource_ids=False)
    hourly = Sync(report=report, url=url, grain="hourly", resource_ids=True)
    return [
        Program(
            key="daily",
            title="ogfd sync, daily, S3 to SQLite",
            command=daily.command,
            environ=ENVIRON,
        ),
        Program(
            key="hourly",
            title="ogfd sync, hourly with resources, S3 to SQLite",
            command=hourly.command,
            environ=ENVIRON,
        ),
    ]


def floors(report: Report) -> list[Program]:
    """Return the floors: what reading the same columns costs at the least."""
    return [
        Program(
            key="floor",
            title="floor: isal + pyarrow.csv, parse only",
            command=lambda _: python("benchmarks.floor_arrow", *report.arguments),
        ),
        Program(
            key="polars",
            title="bare Polars, daily sums, no sink",
            command=lambda _: peer("benchmarks.floor_polars", *report.arguments),
        ),
    ]


def peers(report: Report) -> list[Program]:
    """Return dlt's two ways; the slow one is given the first file only."""
    quiet = {"RUNTIME__DLTHUB_TELEMETRY": "false", "RUNTIME__LOG_LEVEL": "ERROR"}
    return [
        Program(
            key="dlt_arrow",
            title="dlt, own Arrow resource, files to Parquet",
            command=lambda folder: peer("benchmarks.peer_dlt_arrow", folder, *report.arguments),
            environ=quiet,
        ),
        Program(
            key="dlt_rows",
            title="dlt, filesystem | read_csv, files to Parquet",
            command=lambda folder: peer("benchmarks.peer_dlt_rows", folder, *report.arguments[:2]),
            environ=quiet,
            part=True,
        ),
    ]
