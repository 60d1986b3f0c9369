"""`ogfd sync` of one report into a fresh SQLite sink, as a command to measure."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from benchmarks.report import BUCKET, NAME, PREFIX, Report

CONFIG: Final = """\
[daemon]
state_dir = "{folder}/state"

[sinks.main]
type = "sqlite"
path = "{folder}/ogfd.db"

[connectors.bench]
type = "aws"
region = "us-east-1"
endpoint_url = "{url}"
access_key_id = "bench"
secret_access_key = "env:BENCH_SECRET"
start = "{month}"
grain = "{grain}"
resource_ids = {resource_ids}

[connectors.bench.cost]
bucket = "{bucket}"
prefix = "{prefix}"
report = "{name}"
"""

# The stand-in checks no signature, but the SDK must have something to sign with.
ENVIRON: Final = {"BENCH_SECRET": "bench"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Sync:
    """How a report is to be synced."""

    report: Report
    url: str
    grain: str
    resource_ids: bool

    def command(self, folder: Path) -> list[str]:
        """Write a configuration into *folder*; return the command that syncs by it."""
        config = folder / "ogfd.toml"
        config.write_text(
            CONFIG.format(
                folder=folder,
                url=self.url,
                bucket=BUCKET,
                prefix=PREFIX,
                name=NAME,
                month=self.report.month,
                grain=self.grain,
                resource_ids=str(self.resource_ids).lower(),
            )
        )
        months = ("--from", self.report.month, "--to", self.report.month)
        return [program(), "-c", str(config), "sync", *months, "--json"]


def program() -> str:
    """Return the installed program."""
    return str(Path(sys.executable).with_name("ogfd"))


def activities(output: str) -> tuple[int, int]:
    """Return source rows and activities of a sync, from what it printed."""
    slices: list[dict[str, Any]] = [s for run in json.loads(output)["runs"] for s in run["slices"]]
    return sum(s["source_rows"] for s in slices), sum(s["rows"] for s in slices)
