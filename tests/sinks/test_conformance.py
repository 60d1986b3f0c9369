"""Both built-in sinks pass every check that third parties' sinks have to pass."""

import json
from pathlib import Path

import pytest

from ogfd.sinks import jsonl, sqlite
from ogfd.testing import SINK_CHECKS, SinkUnderTest


async def _read_lines(config, slice):
    """Read a file of the jsonl sink by the rule that its module states."""
    rows: list[dict] = []
    pending: list[dict] = []
    for line in Path(config.path).read_text(encoding="utf-8").splitlines():
        entry = json.loads(line)
        mark = entry.get("ogfd")
        if mark in {"begin", "torn"}:
            pending = []
        elif mark == "end" and entry["slice"] == slice:
            rows = pending
        elif mark is None:
            pending.append(entry)
    return rows


@pytest.mark.parametrize("check", SINK_CHECKS.values(), ids=SINK_CHECKS)
async def test_the_sqlite_sink_conforms(check, tmp_path):
    """The sqlite sink keeps the contract of an exactly-once, readable sink."""
    config = sqlite.SqliteConfig(path=tmp_path / "ogfd.db")

    await check(SinkUnderTest(spec=sqlite.ogfd_sink(), config=config))


@pytest.mark.parametrize("check", SINK_CHECKS.values(), ids=SINK_CHECKS)
async def test_the_jsonl_sink_conforms(check, tmp_path):
    """The jsonl sink keeps the contract of an at-least-once sink without a ledger."""
    config = jsonl.JsonlConfig(path=str(tmp_path / "out.jsonl"))

    await check(SinkUnderTest(spec=jsonl.ogfd_sink(), config=config, read_rows=_read_lines))
