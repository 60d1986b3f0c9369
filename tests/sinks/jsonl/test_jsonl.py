"""The jsonl sink: what a line says, and what a crash leaves."""

import io
import json
import logging
import os
from datetime import UTC, datetime
from decimal import Decimal
from hashlib import sha256
from pathlib import Path

import pytest

from ogfd.plugin import Committed, Guarantee, SinkContext, SinkError
from ogfd.sinks.jsonl import JsonlConfig, ogfd_sink
from ogfd.sinks.jsonl.sink import JsonlSink
from ogfd.sinks.jsonl.targets import StreamTarget
from ogfd.testing import make_package
from ogfd.testing.samples import cost_row, cost_rows

NOW = datetime(2026, 11, 15, 1, 2, 3, tzinfo=UTC)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "out.jsonl"


@pytest.fixture
def opened(path):
    log = logging.LoggerAdapter(logging.getLogger("test"))
    ctx = SinkContext(name="lines", log=log, now=lambda: NOW)
    return lambda: ogfd_sink().open(JsonlConfig(path=str(path)), ctx)


def _lines(path: Path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


async def test_a_commit_is_framed_and_exact(opened, path):
    """Markers name slice and generation; decimals keep every digit; nulls are left out."""
    cost = Decimal("12345678901234.123456789012345678")
    package = make_package([cost_row(1, billed_cost=cost, tags=[("b", "2"), ("a", "ü")])])
    async with opened() as sink:
        assert Guarantee.AT_LEAST_ONCE is sink.guarantee
        assert await sink.ledger() is None
        assert Committed(generation=4) == await sink.commit(package, 3, "attempt")
    begin, row, end = _lines(path)

    assert ("begin", package.info.slice, 4, package.info.target, 1) == tuple(
        begin[name] for name in ("ogfd", "slice", "generation", "target", "rows")
    )
    assert str(cost) == row["billed_cost"]
    assert {"a": "ü", "b": "2"} == row["tags"]
    assert "2026-10-02T00:00:00Z" == row["period_start"]
    assert (package.info.slice, 4) == (row["slice"], row["generation"])
    assert "machine_type" not in row
    assert dict(package.info.sums) == begin["sums"]
    assert ("end", 1, package.info.digest) == (end["ogfd"], end["rows"], end["digest"])
    line = path.read_bytes().splitlines(keepends=True)[1]
    assert sha256(line).hexdigest() == end["sha256"]


async def test_opening_says_what_the_sink_promises(opened, caplog):
    """An operator reads in the log that repeats are possible."""
    with caplog.at_level(logging.INFO):
        async with opened():
            pass

    assert "at least once" in caplog.text


async def test_a_torn_commit_is_marked_when_the_file_is_opened(opened, path):
    """At whatever byte a crash cuts the file, every line parses and the torn rows do not count."""
    async with opened() as sink:
        await sink.commit(make_package(cost_rows(2, sku="old")), 0, "a")
        old = path.stat().st_size
        await sink.commit(make_package(cost_rows(3, sku="new")), 1, "b")
    whole = path.read_bytes()

    for size in {old, old + 1, old + 90, old + 1500, len(whole) - 30, len(whole) - 1}:
        path.write_bytes(whole[:size])
        async with opened():
            pass
        marks = [line.get("ogfd") for line in _lines(path)]
        kept = whole[:size].rfind(b"\n") + 1 == old
        assert ["begin", None, None, "end"] == marks[:4]
        assert (4 if kept else len(marks)) == len(marks)
        assert ("end" if kept else "torn") == marks[-1]
        before = path.read_bytes()
        async with opened():
            pass
        assert before == path.read_bytes()


async def test_a_failed_commit_is_taken_back(opened, path, monkeypatch):
    """A disk that is full leaves the file as it was."""
    package = make_package(cost_rows(20))

    def full(_):
        raise OSError(28, "No space left on device")

    async with opened() as sink:
        await sink.commit(package, 0, "a")
        before = path.read_bytes()
        monkeypatch.setattr(os, "fsync", full)
        with pytest.raises(SinkError, match=r"out\.jsonl: No space left on device"):
            await sink.commit(package, 1, "b")
        monkeypatch.undo()

        assert before == path.read_bytes()
        assert Committed(generation=2) == await sink.commit(package, 1, "b")


async def test_a_rotated_file_is_followed(opened, path):
    """The file is opened by name for each commit, as log rotation wants it."""
    package = make_package(cost_rows(2))
    async with opened() as sink:
        await sink.commit(package, 0, "a")
        path.rename(path.with_suffix(".1"))
        await sink.commit(package, 1, "b")

    assert 2 == _lines(path)[0]["generation"]


async def test_a_stream_that_failed_is_marked_at_the_next_commit():
    """What was written to stdout cannot be taken back."""

    class Full(io.BytesIO):
        left = 300

        def write(self, data):
            Full.left -= len(data)
            if Full.left < 0:
                raise BrokenPipeError(32, "Broken pipe")
            return super().write(data)

    stream = Full()
    sink = JsonlSink(StreamTarget(stream), lambda: NOW)
    package = make_package(cost_rows(2))
    with pytest.raises(SinkError, match="stdout: Broken pipe"):
        await sink.commit(package, 0, "a")
    Full.left = 1 << 20
    await sink.commit(package, 0, "a")
    marks = [json.loads(line).get("ogfd") for line in stream.getvalue().split(b"\n") if line]

    assert ["torn", "begin", None, None, "end"] == marks[-5:]


async def test_a_directory_that_is_not_there_is_named(tmp_path):
    """The message holds the path."""
    log = logging.LoggerAdapter(logging.getLogger("test"))
    ctx = SinkContext(name="lines", log=log, now=lambda: NOW)
    config = JsonlConfig(path=str(tmp_path / "none" / "out.jsonl"))

    with pytest.raises(SinkError, match=r"none/out\.jsonl: No such file or directory"):
        async with ogfd_sink().open(config, ctx):
            pass
