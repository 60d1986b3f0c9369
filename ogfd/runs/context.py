"""Which slice a task works for: what a connector reports as progress belongs to it."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import partial
from itertools import count

from ogfd.runs.request import Emit

_SCOPE: ContextVar[SliceScope | None] = ContextVar("ogfd_slice_scope", default=None)


@dataclass(frozen=True, slots=True)
class SliceScope:
    """
    The slice that the current task works for; tasks that it starts inherit it.

    Attributes:
        slice: its name.
        emit: takes events.
        pages: counts the pages of all its listings, of which several may be read at once.
    """

    slice: str
    emit: Emit
    pages: Iterator[int] = field(default_factory=partial(count, 1))


@contextmanager
def slice_scope(slice: str, emit: Emit) -> Generator[None]:
    """Make *slice* the one that the current task works for."""
    token = _SCOPE.set(SliceScope(slice, emit))
    try:
        yield
    finally:
        _SCOPE.reset(token)


def report_page(_: int) -> None:
    """Tell whoever watches the run that one more page was read for the current slice."""
    scope = _SCOPE.get()
    if scope is not None:
        report_progress(next(scope.pages), None, "pages")


def report_progress(done: int, total: int | None, unit: str) -> None:
    """Tell whoever watches the run how far the read of the current slice has come."""
    scope = _SCOPE.get()
    if scope is not None:
        scope.emit(
            {"event": "progress", "slice": scope.slice, "done": done, "total": total, "unit": unit}
        )
