"""One error out of a task group's bundle."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from ogfd.plugin.errors import OgfdError, SourceChanged


@contextmanager
def single_error() -> Iterator[None]:
    """
    Raise the error that decides, where a task group raised a bundle of them.

    A changed source explains the errors around it, so it goes first; then any error of ours.
    """
    try:
        yield
    except BaseExceptionGroup as group:
        raise _deciding(group) from group


def _deciding(group: BaseExceptionGroup[BaseException]) -> BaseException:
    leaves = list(_leaves(group))
    for kind in (SourceChanged, OgfdError, Exception):
        for leaf in leaves:
            if isinstance(leaf, kind):
                return leaf
    return leaves[0]


def _leaves(group: BaseExceptionGroup[BaseException]) -> Iterator[BaseException]:
    for exc in group.exceptions:
        if isinstance(exc, BaseExceptionGroup):
            yield from _leaves(exc)
        else:
            yield exc
