"""Fixtures for tests of connectors; on wherever ogfd is installed."""

from __future__ import annotations

from pathlib import Path

import pytest

from ogfd.testing.context import FakeContext
from ogfd.testing.output import Collected


@pytest.fixture
def ogfd_context(tmp_path: Path) -> FakeContext:
    """Return a context without answers; its downloads go to the test's own directory."""
    spool = tmp_path / "ogfd-spool"
    spool.mkdir()
    return FakeContext(spool=spool)


@pytest.fixture
def ogfd_output() -> Collected:
    """Return an output that gathers what a stream writes."""
    return Collected()
