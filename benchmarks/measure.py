"""
Runs a program as a whole process and takes what it cost.

Linux counts the peak of the process that forks into that of its child, so whoever measures must
stay small: this module and benchmarks.run import nothing heavy.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

# A program that may not keep its bytecode compiles all that it imports at every start.
_OUTSIDE: Final = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}


class ProgramError(Exception):
    """A measured program ended with another status than 0."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What one run of a program took; *peak_bytes* is of its largest process."""

    wall_seconds: float
    cpu_seconds: float
    peak_bytes: int
    output: str


def python(module: str, *words: object) -> list[str]:
    """Return the command that runs *module* with this interpreter."""
    return [sys.executable, "-m", module, *map(str, words)]


def peer(module: str, *words: object) -> list[str]:
    """Return the command that runs *module* where the peers are installed."""
    # Beside them ogfd would be measured with what is theirs: ADBC imports polars if it is there.
    return [os.environ.get("BENCH_PEERS", sys.executable), "-m", module, *map(str, words)]


def measure(command: Sequence[str], environ: Mapping[str, str] | None = None) -> Cost:
    """
    Run *command* to its end and return what it took, start-up included.

    Args:
        command: program and arguments.
        environ: variables beside those of this process.

    Raises:
        ProgramError: if its status is not 0; with what it wrote.
    """
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        began = time.perf_counter()
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
            env={**_OUTSIDE, **(environ or {})},
        )
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        output = out.read().decode(errors="replace")
        if process.returncode != 0:
            err.seek(0)
            told = err.read().decode(errors="replace")[-4000:]
            words = " ".join(command)
            raise ProgramError(f"{words} ended with {process.returncode}\n{output}{told}")
        return Cost(
            wall_seconds=wall,
            cpu_seconds=usage.ru_utime + usage.ru_stime,
            peak_bytes=usage.ru_maxrss * 1024,
            output=output,
        )


def median(costs: Sequence[Cost]) -> Cost:
    """Return the medians of each figure of *costs*, each taken by itself."""
    return Cost(
        wall_seconds=statistics.median(cost.wall_seconds for cost in costs),
        cpu_seconds=statistics.median(cost.cpu_seconds for cost in costs),
        peak_bytes=round(statistics.median(cost.peak_bytes for cost in costs)),
        output=costs[-1].output,
    )


def wall_ratio(ours: Sequence[Cost], theirs: Sequence[Cost]) -> float:
    """Return the median of the ratios of wall time, each of two runs of the same round."""
    pairs = zip(ours, theirs, strict=True)
    return statistics.median(a.wall_seconds / b.wall_seconds for a, b in pairs)
