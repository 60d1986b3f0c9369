"""Errors of task groups, unwrapped."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

from ogfd.plugin import SourceChanged


@contextmanager
def one_error() -> Generator[None]:
    """
    Raise the one error of a task group instead of the group around it.

    Of several, `SourceChanged` wins: it explains the others. Else the first one is raised.
    """
    try:
        yield
    except BaseExceptionGroup as group:
        found = list(_leaves(group))
        changed = [exc for exc in found if isinstance(exc, SourceChanged)]
        raise (changed or found)[0] from None


def _leaves(group: BaseExceptionGroup[BaseException]) -> Generator[BaseException]:
    for exc in group.exceptions:
        if isinstance(exc, BaseExceptionGroup):
            yield from _leaves(exc)
        else:
            yield exc
