"""
When what failed is tried again, and which runs leave it alone until then. Pure.

    why it failed                           tried again                          left alone until then by
    the provider asked for a wait           at `next_due`                        every run
    not asked, as others were refused       at `next_due`                        every run that nobody asked for
    refused: credentials or a permission    15 min later                         retries
    the month's budget is spent             at `next_due`, the next month        every run that nobody asked for
    transient                               1 min later, doubling to 1 h         retries
    anything else                           with the schedule                    retries

A stream that could not be listed is left alone like a slice, but by no run that an operator asked
for. A record from the future is one of a clock that was wrong: nobody waits for it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from hashlib import blake2b
from typing import Final, Protocol

from ogfd.plugin import ErrorClass
from ogfd.runs.request import Trigger
from ogfd.slices import Wait
from ogfd.state import SliceRecord, StreamRecord

_FIRST_PAUSE: Final = timedelta(minutes=1)
_LONGEST_PAUSE: Final = timedelta(hours=1)
_MOST_DOUBLINGS: Final = 6  # the first number of them that exceeds the longest pause
_JITTER: Final = 0.2
_AUTH_PAUSE: Final = timedelta(minutes=15)  # as long as a breaker stays open for refusals
_CLOCK_SLACK: Final = timedelta(hours=1)  # a clock that was set back by less was not wrong


class Failing(Protocol):
    """What may have failed: the record of a slice or of a stream."""

    @property
    def name(self) -> str: ...
    @property
    def updated_at(self) -> datetime: ...
    @property
    def reason(self) -> str | None: ...
    @property
    def error_class(self) -> str | None: ...
    @property
    def failures(self) -> int: ...
    @property
    def next_due(self) -> datetime | None: ...


def next_try(record: Failing) -> datetime | None:
    """
    Return when it is tried again; None if it did not fail or the schedule alone tries it.

    The same record always gives the same time. Those of many that failed together differ.
    """
    if record.next_due is not None or not record.failures:
        return record.next_due
    if record.error_class == ErrorClass.AUTH:
        return record.updated_at + _AUTH_PAUSE
    if record.error_class != ErrorClass.TRANSIENT:
        return None
    doublings = min(record.failures - 1, _MOST_DOUBLINGS)
    pause = min(_FIRST_PAUSE * (1 << doublings), _LONGEST_PAUSE)
    return record.updated_at + pause * (1 - _JITTER + 2 * _JITTER * _place(record))


def slice_try(record: SliceRecord, streams: Mapping[str, StreamRecord]) -> datetime | None:
    """Return when a slice is tried again, as `next_try`; *streams* must be listed before."""
    due, missed = next_try(record), streams.get(record.stream)
    if due is None or missed is None:
        return due
    listed = next_try(missed)
    return listed and max(due, listed)


def slice_wait(record: SliceRecord | None, trigger: Trigger, now: datetime) -> Wait | None:
    """Return what a run of *trigger* has to wait for before it tries a slice; None if nothing."""
    if record is None:
        return None
    if trigger.is_asked and record.error_class in {ErrorClass.AUTH, ErrorClass.BAD_REQUEST}:
        return None  # whoever asks may have mended it: a permission, or the month's budget
    return _wait(record, trigger, now)


def stream_wait(record: StreamRecord | None, trigger: Trigger, now: datetime) -> Wait | None:
    """Return what a run of *trigger* has to wait for before it lists a stream; None if nothing."""
    return None if record is None or trigger.is_asked else _wait(record, trigger, now)


def dues(streams: Mapping[str, StreamRecord], slices: Iterable[SliceRecord]) -> dict[str, datetime]:
    """
    Return the streams in which something is to be tried again, with the earliest time.

    Args:
        streams: those that could not be listed, by name. Their slices wait for that.
        slices: of the same connector.
    """
    found = {name: due for name, each in streams.items() if (due := next_try(each)) is not None}
    for record in slices:
        stream, due = record.stream, next_try(record)
        if due is not None and stream not in streams:
            found[stream] = min(due, found.get(stream, due))
    return found


def _wait(record: Failing, trigger: Trigger, now: datetime) -> Wait | None:
    if record.updated_at > now + _CLOCK_SLACK:
        return None
    if trigger is Trigger.RETRY:
        until = next_try(record)
        is_due = not record.failures if until is None else until <= now
    else:
        until = record.next_due
        is_due = until is None or until <= now
    if is_due:
        return None
    return Wait(
        reason=record.reason,
        error_class=ErrorClass(record.error_class or ErrorClass.TRANSIENT),
        until=until,
    )


def _place(record: Failing) -> float:
    """Return the place of this failure in [0, 1): always the same, and another for the next."""
    name = f"{record.name} {record.failures}"
    return int.from_bytes(blake2b(name.encode(), digest_size=4).digest()) / 2**32
