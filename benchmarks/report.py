"""
Generated reports, each on local disk and in the S3 stand-in.

Made by `python -m ogfd_sandbox cur`, kept in benchmarks/.data and made again only when asked for
in another size.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.measure import measure, python

DATA: Final = Path(__file__).parent / ".data"
FILES: Final = 4
BUCKET: Final = "bench"
PREFIX: Final = "cur"
NAME: Final = "acme"


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """
    A generated report.

    Attributes:
        rows: how many it has.
        folder: where it lies; paths below it are keys.
        files: its data files, absolute.
        listing: what benchmarks.headers says of the files.
        month: ``YYYY-MM``.
    """

    rows: int
    folder: Path
    files: tuple[Path, ...]
    listing: Path
    month: str

    @property
    def arguments(self) -> tuple[Path, ...]:
        """The listing and the files, as the programs are given them."""
        return (self.listing, *self.files)

    @property
    def size_bytes(self) -> int:
        """The size of the compressed files."""
        return sum(path.stat().st_size for path in self.files)


def generate(rows: int, format: str = "cur-gzip") -> Report:
    """Return the report of *rows* rows in *format*, made now unless it is there."""
    folder = DATA / f"{format}-{rows}"
    done = folder.with_suffix(".done")
    if not done.exists():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        shape = ("--rows", rows, "--files", FILES, "--format", format)
        place = ("--bucket", BUCKET, "--prefix", PREFIX, "--report", NAME)
        measure(python("ogfd_sandbox", "cur", *shape, *place, "--out", folder))
        done.touch()
    return described(rows, folder)


def described(rows: int, folder: Path) -> Report:
    """Say what the report in *folder* is."""
    manifest = min(folder.rglob("*-Manifest.json"), key=lambda path: len(path.parts))
    files = tuple(sorted(folder.resolve().rglob("*-0000?.*")))
    listing = folder.with_suffix(".columns.json")
    listing.write_text(measure(python("benchmarks.headers", *files)).output)
    return Report(
        rows=rows,
        folder=folder,
        files=files,
        listing=listing,
        month=_month(manifest.parent.name),
    )


def _month(folder: str) -> str:
    """Read ``20260801-20260901`` or ``BILLING_PERIOD=2026-08``."""
    start = folder.partition("=")[2] or folder
    return start if "-" in start[:5] else f"{start[:4]}-{start[4:6]}"


@contextmanager
def served(report: Report) -> Iterator[str]:
    """Keep *report* in an S3 stand-in; give its address."""
    process = subprocess.Popen(
        python("benchmarks.store", report.folder, BUCKET),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    try:
        assert process.stdout
        line = process.stdout.readline()
        if not line:
            raise RuntimeError("the S3 stand-in did not start")
        yield str(json.loads(line)["url"])
    finally:
        assert process.stdin
        process.stdin.close()
        process.wait(timeout=30)
