"""Progress of a sync on a terminal: one bar per slice that is being read."""

from __future__ import annotations

import sys
from collections.abc import Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from ogfd.cli.text import clean

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from ogfd.control.protocol import Emit


@contextmanager
def progress(*, wanted: bool) -> Generator[Emit]:
    """Show progress on stderr if that is a terminal and *wanted*; yields what takes the events."""
    if not (wanted and sys.stderr.isatty()):
        yield lambda _: None
        return
    from rich.console import Console  # noqa: PLC0415 - only for terminals
    from rich.progress import (  # noqa: PLC0415
        BarColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
    )

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TextColumn("{task.fields[count]}", markup=False),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bars:
        yield Bars(bars).event


class Bars:
    """Turns events into bars; a slice's bar goes when the slice is done."""

    def __init__(self, bars: Progress) -> None:
        self._bars = bars
        self._tasks: dict[str, TaskID] = {}
        self._done = 0
        self._all = bars.add_task("slices", total=None, count="")

    def event(self, event: dict[str, Any]) -> None:
        """Take an event of a sync; those of other kinds are passed over."""
        name = event.get("slice")
        if not isinstance(name, str):
            return
        if event.get("event") == "progress":
            self._advance(name, event)
        elif event.get("event") == "slice":
            task = self._tasks.pop(name, None)
            if task is not None:
                self._bars.remove_task(task)
            self._done += 1
            self._bars.update(self._all, completed=self._done, count=f"{self._done} done")

    def _advance(self, name: str, event: dict[str, Any]) -> None:
        done, total, unit = event.get("done", 0), event.get("total"), event.get("unit", "")
        if name not in self._tasks:
            self._tasks[name] = self._bars.add_task(clean(name), total=total, count="")
        count = f"{done}/{total} {unit}" if total is not None else f"{done} {unit}"
        self._bars.update(self._tasks[name], completed=done, total=total, count=clean(count))
