"""What systemd thinks of the unit files, without running them."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.e2e
SYSTEMD = Path(__file__).parents[2] / "systemd"


@pytest.fixture
def unit(tmp_path: Path) -> Path:
    """Return the unit with its drop-in, its program replaced by one that is there."""
    text = (SYSTEMD / "ogfd.service").read_text()
    place = tmp_path / "ogfd.service"
    place.write_text(text.replace("/opt/ogfd/venv/bin/ogfd", sys.executable))
    shutil.copytree(SYSTEMD / "ogfd.service.d", tmp_path / "ogfd.service.d")
    return place


def analyze(*words: str | Path) -> subprocess.CompletedProcess[str]:
    command = ["systemd-analyze", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, timeout=30)


def test_every_directive_is_known_to_systemd(unit: Path) -> None:
    """A misspelt or misplaced directive is ignored at run time, so it must be caught here."""
    done = analyze("verify", "--man=no", unit)

    assert (0, "") == (done.returncode, done.stderr)


def test_a_misspelt_directive_would_be_caught(unit: Path) -> None:
    """The check above can fail."""
    unit.write_text(unit.read_text().replace("ProtectHome=", "ProtectHomes="))

    assert "ProtectHomes" in analyze("verify", "--man=no", unit).stderr


def test_the_exposure_is_at_most_1_5() -> None:
    """A daemon that holds cloud credentials must be hardened (10 is worst, a threshold of 15 is 1.5)."""
    done = analyze("security", "--offline=yes", "--threshold=15", SYSTEMD / "ogfd.service")

    assert 0 == done.returncode, done.stdout
    assert "Overall exposure level" in done.stdout


def test_a_start_that_fails_for_long_is_tried_for_as_long_as_it_takes() -> None:
    """A late mount must not end in start-limit-hit for good; only a wrong configuration ends it."""
    lines = (SYSTEMD / "ogfd.service").read_text().splitlines()

    assert {
        "StartLimitIntervalSec=0",
        "Restart=on-failure",
        "RestartSec=15",
        "RestartPreventExitStatus=78",
    } <= set(lines)
    assert not any(line.startswith("StartLimitBurst=") for line in lines)
