"""What the tests of the sqlite sink share."""

import logging
import subprocess
import sys
import textwrap
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import pytest

from ogfd.plugin import SinkContext
from ogfd.sinks.sqlite import SqliteConfig, ogfd_sink

NOW = datetime(2026, 11, 15, tzinfo=UTC)


@pytest.fixture
def ctx():
    log = logging.LoggerAdapter(logging.getLogger("test"))
    return SinkContext(name="main", log=log, now=lambda: NOW)


@pytest.fixture
def config(tmp_path):
    return SqliteConfig(path=tmp_path / "ogfd.db", busy_timeout=0.2)


@pytest.fixture
def opened(config, ctx):
    """Return a function that migrates and opens the sink."""
    spec = ogfd_sink()

    @asynccontextmanager
    async def open_it():
        assert spec.migrate is not None
        await spec.migrate(config, ctx)
        async with spec.open(config, ctx) as sink:
            yield sink

    return open_it


@pytest.fixture
def child():
    """Return a function that starts a Python program in a process of its own."""
    children = []

    def start(program, *arguments):
        process = subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(program), *map(str, arguments)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        children.append(process)
        return process

    yield start
    for process in children:
        process.kill()
        process.communicate()
