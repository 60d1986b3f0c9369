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

Count = tuple[int, int | None]
"""How many are done, and of how many if that is known."""


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
        self._counts: dict[str, dict[str, Count]] = {}
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
            self._counts.pop(name, None)
            task = self._tasks.pop(name, None)
            if task is not None:
                self._bars.remove_task(task)
            self._done += 1
            self._bars.update(self._all, completed=self._done, count=f"{self._done} done")

    def _advance(self, name: str, event: dict[str, Any]) -> None:
        done, total, unit = event.get("done", 0), event.get("total"), event.get("unit", "")
        if name not in self._tasks:
            self._tasks[name] = self._bars.add_task(clean(name), total=total, count="")
            self._counts[name] = {}
        counts = self._counts[name]
        counts[unit] = (done, total)
        # A slice may count in several units at once; the bar follows one that knows its end.
        led = next((count for count in counts.values() if count[1] is not None), (done, total))
        self._bars.update(self._tasks[name], completed=led[0], total=led[1], count=_text(counts))


def _text(counts: dict[str, Count]) -> str:
    return ", ".join(
        clean(f"{done} {unit}" if total is None else f"{done}/{total} {unit}")
        for unit, (done, total) in counts.items()
    )
