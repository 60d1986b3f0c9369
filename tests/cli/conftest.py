"""A command line whose operations a test scripts."""

from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest

from ogfd.cli.root import invoke
from ogfd.cli.session import Wiring


@dataclass
class Fake:
    """Answers every operation with *results*, after *events*; an exception is raised."""

    capsys: Any
    results: dict[str, Any] = field(default_factory=dict)
    events: list[dict[str, Any]] = field(default_factory=list)
    load_error: Exception | None = None
    calls: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    loaded: list[Any] = field(default_factory=list)
    streamless: bool = False
    levels: list[str] = field(default_factory=list)
    ran: Any = 0
    opened: Any = None
    bound: Any = field(default_factory=lambda: SimpleNamespace(sinks={}))

    def load(self, path, *, streamless=False):
        self.loaded.append(path)
        self.streamless = streamless
        if self.load_error is not None:
            raise self.load_error
        return self.bound

    @asynccontextmanager
    async def operations(self, bound):
        assert self.bound is bound
        yield self.opened or self

    async def call(self, name, params, emit):
        self.calls.append((name, params))
        for event in self.events:
            emit(event)
        result = self.results[name]
        if isinstance(result, BaseException):
            raise result
        return result

    async def run(self, bound):
        if isinstance(self.ran, BaseException):
            raise self.ran
        return self.ran

    def __call__(self, *args):
        """Run ``ogfd ARGS`` and return exit code, stdout and stderr."""
        wiring = Wiring(
            load=self.load,
            operations=self.operations,
            run=self.run,
            logs=lambda bound, level: self.levels.append(level),
        )
        code = invoke(args, obj=wiring)
        out, err = self.capsys.readouterr()
        return code, out, err


@pytest.fixture
def ogfd(capsys):
    return Fake(capsys)
