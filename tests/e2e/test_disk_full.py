"""A disk that fills up costs a run, never a row: on small file systems in memory."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]

FEW, MANY = 1_000, 60_000
ROOM_BYTES = 300_000  # less than the package of MANY rows
CONFIG = """\
[daemon]
state_dir = "{state}"

[sinks.main]
type = "sqlite"
path = "{store}/ogfd.db"

[connectors.bulky]
type = "bulky"
resource_ids = true
[connectors.bulky.cost]
rows = {rows}
"""


class Installation:
    """`ogfd` with the connector of bulky.py installed beside it."""

    def __init__(self, folder: Path, *, state: Path, store: Path) -> None:
        self._folder, self._state, self.store = folder, state, store
        plugin = folder / "plugin"
        (plugin / "bulky-1.0.dist-info").mkdir(parents=True)
        shutil.copy(Path(__file__).parent / "bulky.py", plugin)
        about = plugin / "bulky-1.0.dist-info"
        (about / "METADATA").write_text("Metadata-Version: 2.1\nName: bulky\nVersion: 1.0\n")
        (about / "entry_points.txt").write_text("[ogfd.connectors]\nbulky = bulky\n")

    def sync(self, rows: int, *more: str) -> tuple[int, dict[str, Any]]:
        """Sync a month of *rows* rows; return the exit code and the answer."""
        config = self._folder / "ogfd.toml"
        config.write_text(CONFIG.format(state=self._state, store=self.store, rows=rows))
        done = subprocess.run(
            [
                *(Path(sys.executable).with_name("ogfd"), "-c", config),
                *("sync", "--from", "2026-10", "--to", "2026-10", "--json", *more),
            ],
            capture_output=True,
            text=True,
            timeout=60,
            env={**os.environ, "PYTHONPATH": str(self._folder / "plugin")},
        )
        assert done.stdout, done.stderr
        return done.returncode, json.loads(done.stdout)

    def rows(self) -> int:
        """Return how many rows the sink shows, after a check of the whole file."""
        with sqlite3.connect(f"file:{self.store}/ogfd.db?mode=ro", uri=True) as connection:
            assert ("ok",) == connection.execute("pragma integrity_check").fetchone()
            (count,) = connection.execute("select count(*) from activities").fetchone()
        connection.close()
        return int(count)


def told(answer: dict[str, Any]) -> str:
    """Return all that an operator is told of the failure."""
    return json.dumps(answer).lower()


def test_a_full_disk_under_the_sink_keeps_the_old_rows(
    tmp_path: Path, small_disk: Callable[[str], Path]
) -> None:
    """The commit rolls back as a whole, the message says why, and with room it succeeds."""
    ogfd = Installation(tmp_path, state=tmp_path / "state", store=small_disk("8m"))
    assert 0 == ogfd.sync(FEW)[0]

    code, answer = ogfd.sync(MANY)

    assert 1 == code
    assert "disk" in told(answer), told(answer)
    assert FEW == ogfd.rows()

    small_disk("512m")

    code, answer = ogfd.sync(MANY)

    assert 0 == code, told(answer)
    assert MANY == ogfd.rows()


def test_a_full_disk_under_the_state_keeps_the_old_rows(
    tmp_path: Path, small_disk: Callable[[str], Path]
) -> None:
    """No package is sealed, so no sink sees anything; what was written is swept away."""
    disk = small_disk("64m")
    ogfd = Installation(tmp_path, state=disk, store=tmp_path)
    assert 0 == ogfd.sync(FEW)[0]
    (disk / "ballast").write_bytes(bytes(shutil.disk_usage(disk).free - ROOM_BYTES))

    code, answer = ogfd.sync(MANY)

    assert 1 == code
    assert "state_dir is full" in told(answer), told(answer)
    assert FEW == ogfd.rows()

    (disk / "ballast").unlink()

    # By itself it would be tried again in a few minutes.
    code, answer = ogfd.sync(MANY, "--force")

    assert 0 == code, told(answer)
    assert MANY == ogfd.rows()
