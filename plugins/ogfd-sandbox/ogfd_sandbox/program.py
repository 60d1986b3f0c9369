"""Runs the installed ogfd as a user would: a process, a configuration file, JSON on stdout."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

_GRACE_SECONDS: Final = 10.0
_TROUBLES: Final = frozenset({"failed", "held", "superseded"})
"""Outcomes of a slice that are for an operator to see to."""


class ProgramError(Exception):
    """The program did not do what was asked; the message says what it said itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """How a process ended."""

    code: int
    out: str
    err: str


Run = Callable[[Sequence[str]], Finished]


class Process:
    """
    Starts processes that do not outlive this one's interest.

    Each has a session of its own, so Ctrl-C reaches only this process, which then ends them.
    """

    def __init__(self, directory: Path, environ: Mapping[str, str]) -> None:
        self._directory = directory
        self._environ = dict(environ)

    def __call__(self, command: Sequence[str]) -> Finished:
        """Run *command* to its end."""
        with self._start(command, subprocess.PIPE, subprocess.PIPE) as process:
            try:
                out, err = process.communicate()
            except BaseException:
                _end(process)
                raise
        return Finished(code=process.returncode, out=out, err=err)

    def stay(self, command: Sequence[str], log: Path) -> int:
        """Run *command*, its output in *log*, until it ends or Ctrl-C; return its exit code."""
        with (
            log.open("w", encoding="utf-8") as stream,
            self._start(command, stream, subprocess.STDOUT) as process,
        ):
            try:
                return process.wait()
            except KeyboardInterrupt:
                _end(process)
                return 0
            except BaseException:
                _end(process)
                raise

    def _start(self, command: Sequence[str], out: Any, err: Any) -> subprocess.Popen[str]:
        return subprocess.Popen(  # noqa: S603 - our own program
            command,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
            text=True,
            encoding="utf-8",
            cwd=self._directory,
            env=self._environ,
            start_new_session=True,
        )


class Program:
    """
    The program with one configuration file.

    Args:
        config: the file.
        run: runs a command line; a `Process`.
    """

    def __init__(self, config: Path, run: Run) -> None:
        self._config = config
        self._run = run

    def command(self, *args: str) -> list[str]:
        """Return the command line for *args*."""
        return [sys.executable, "-m", "ogfd", "-c", str(self._config), *args]

    def document(self, *args: str) -> dict[str, Any]:
        """
        Run the program and return the JSON document it prints.

        Raises:
            ProgramError: if it exits with another code than 0 or prints no such document.
        """
        done = self._run(self.command(*args))
        shown = f"ogfd {' '.join(args)}"
        if done.code != 0:
            raise ProgramError(f"{shown} exited with {done.code} and said:\n{_said(done)}")
        try:
            found = json.loads(done.out)
        except ValueError as exc:
            raise ProgramError(f"{shown} printed no JSON: {exc}\n{done.out[:400]}") from None
        if not isinstance(found, dict):
            raise ProgramError(f"{shown} printed JSON, but no object")
        return found


def _said(done: Finished) -> str:
    return "\n".join(filter(None, (done.err.strip(), *_troubles(done.out)))) or "nothing"


def _troubles(out: str) -> list[str]:
    """Return what the answer to a sync says went wrong; the text itself if it is no such answer."""
    try:
        runs = json.loads(out)["runs"]
    except (ValueError, LookupError, TypeError):
        return [out.strip()]
    errors = [run["error"]["message"] for run in runs if run.get("error")]
    bad = [entry for run in runs for entry in run["slices"] if entry["outcome"] in _TROUBLES]
    return errors + [f"{entry['slice']} {entry['outcome']}: {entry['reason']}" for entry in bad]


def _end(process: subprocess.Popen[str]) -> None:
    process.terminate()
    try:
        process.wait(_GRACE_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
