"""What the steps of one pass over a connector hand to each other."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Protocol

from ogfd.plugin import Context, Period, Stream
from ogfd.registry import BoundConnector
from ogfd.runs.blueprint import Blueprint
from ogfd.runs.planning import Memory, Planned
from ogfd.runs.request import RunError, RunRequest
from ogfd.slices import Bases, SliceResult

Visit = Callable[["StreamPlan"], Awaitable[None]]
"""Does something about the planned slices of one stream."""

Miss = Callable[[Sequence[str], RunError], Awaitable[None]]
"""Does something about streams that could not be listed."""


class Contexts(Protocol):
    """Opens the door to the daemon for one run of a connector."""

    def __call__(
        self, connector: BoundConnector, *, asked: bool
    ) -> AbstractAsyncContextManager[Context]:
        """
        Open the context of *connector*.

        Args:
            connector: the one that runs.
            asked: whether an operator asked for it, who may have mended its credentials.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamPlan:
    """
    What is to be done about a stream.

    Attributes:
        bases: what every sink holds.
        planned: newest first.
        forgotten: slices that failed, wait no longer, and are not listed any more.
    """

    stream: Stream
    blueprint: Blueprint
    window: Period
    bases: Bases
    planned: list[Planned]
    forgotten: list[SliceResult]


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What a run has come to so far; both lists grow."""

    slices: list[SliceResult] = field(default_factory=list)
    errors: list[RunError] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tour:
    """
    One pass over the streams of a connector.

    Attributes:
        bases: what every sink holds; read before the provider was asked.
        memory: what was known when it began.
        visit: is called for each stream that was listed.
        miss: is called for those that could not be.
    """

    request: RunRequest
    bases: Bases
    memory: Memory
    found: Found
    visit: Visit
    miss: Miss
