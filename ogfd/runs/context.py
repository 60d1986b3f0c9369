"""Which slice a task works for: what a connector reports as progress belongs to it."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from ogfd.runs.request import Emit

_SCOPE: ContextVar[SliceScope | None] = ContextVar("ogfd_slice_scope", default=None)


@dataclass(frozen=True, slots=True)
class SliceScope:
    """The slice that the current task works for; tasks that it starts inherit it."""

    slice: str
    emit: Emit


@contextmanager
def slice_scope(slice: str, emit: Emit) -> Generator[None]:
    """Make *slice* the one that the current task works for."""
    token = _SCOPE.set(SliceScope(slice, emit))
    try:
        yield
    finally:
        _SCOPE.reset(token)


def report_progress(done: int, total: int | None, unit: str) -> None:
    """Tell whoever watches the run how far the read of the current slice has come."""
    scope = _SCOPE.get()
    if scope is not None:
        scope.emit(
            {"event": "progress", "slice": scope.slice, "done": done, "total": total, "unit": unit}
        )
