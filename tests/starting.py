"""
The program, started by tests: a process of its own each time, for a tenth of what a start costs.

Nearly all of that is imports. So one process does them once, and nothing else, and a
start is a fork of it, with its own arguments, environment, output, signals and exit code.
"""

import multiprocessing
import os
import runpy
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.util import find_spec
from multiprocessing.context import ForkServerContext
from multiprocessing.reduction import DupFd
from pathlib import Path
from typing import IO

PACKAGES = ("ogfd", "ogfd_aws", "ogfd_azure", "ogfd_gcp", "ogfd_hello")
Ended = subprocess.CompletedProcess[str]


class Program:
    """
    ogfd while it runs, which is as long as the tests do at most.

    Args:
        arguments: of the command line, without the program's name.
        environ: all of its environment.
    """

    def __init__(self, *arguments: str | Path, environ: Mapping[str, str]) -> None:
        self._arguments = list(map(str, arguments))
        self._files = [tempfile.TemporaryFile() for _ in range(2)]  # noqa: SIM115 - `end` closes them
        self._process = _nursery().Process(
            target=_become,
            args=(self._arguments, dict(environ), _Output(*self._files)),
            daemon=True,
        )
        self._process.start()

    @property
    def running(self) -> bool:
        """Whether it has not ended."""
        return self._process.is_alive()

    def kill(self) -> None:
        """Send SIGKILL."""
        self._process.kill()

    def end(self, timeout: float = 60) -> Ended:
        """
        Wait until it ends and return what it printed. To be called once.

        Raises:
            subprocess.TimeoutExpired: if it does not within so many seconds; it is killed then.
        """
        self._process.join(timeout)
        if self.running:
            self.kill()
            raise subprocess.TimeoutExpired(self._arguments, timeout)
        return Ended(self._arguments, self._process.exitcode or 0, *map(_text, self._files))


def run(*arguments: str | Path, environ: Mapping[str, str]) -> Ended:
    """Start the program and wait until it ends."""
    return Program(*arguments, environ=environ).end()


def run_afresh(*arguments: str | Path, environ: Mapping[str, str]) -> Ended:
    """Run the program from nothing: the command as it is installed, with all its imports."""
    command = [Path(sys.executable).with_name("ogfd"), *arguments]
    return subprocess.run(command, env=environ, capture_output=True, text=True, timeout=60)


class _Output:
    """Files that become standard output and standard error of the process that gets them."""

    def __init__(self, *files: IO[bytes]) -> None:
        self._files = files

    def __getstate__(self) -> list[object]:
        return [DupFd(file.fileno()) for file in self._files]

    def __setstate__(self, state: list) -> None:
        for number, duplicate in zip((1, 2), state, strict=True):
            descriptor = duplicate.detach()
            os.dup2(descriptor, number)
            os.close(descriptor)


def _text(file: IO[bytes]) -> str:
    with file:
        file.seek(0)
        return file.read().decode()


@cache
def _nursery() -> ForkServerContext:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(list(_modules()))
    return context


def _modules() -> Iterator[str]:
    """Name all that ogfd and its connectors are made of."""
    for package in PACKAGES:
        yield package
        for root in find_spec(package).submodule_search_locations or ():
            for path in sorted(Path(root).rglob("*.py")):
                parts = path.relative_to(root).with_suffix("").parts
                if not {"__main__", "__init__", "testing"} & set(parts):
                    yield ".".join((package, *parts))


def _become(arguments: list[str], environ: dict[str, str], _: _Output) -> None:
    """Be ``python -m ogfd``, once Python runs."""
    os.environ.clear()
    os.environ.update(environ)
    time.tzset()
    sys.argv = ["ogfd", *arguments]
    runpy.run_module("ogfd", run_name="__main__", alter_sys=True)
