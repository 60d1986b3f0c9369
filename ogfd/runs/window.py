"""Which months a run asks for."""

from __future__ import annotations

from datetime import UTC, datetime

from ogfd.plugin import Period, StreamSpec


def default_window(spec: StreamSpec, start: str | None, now: datetime) -> Period:
    """
    Return the months from *start* (or the stream's own history) to the current one.

    Without either, from January of last year. A *start* in the future gives the current month.
    """
    end = Period.month(f"{now:%Y-%m}").end
    if start is not None:
        first = Period.month(start).start
    elif spec.history is not None:
        first = Period.month(f"{now - spec.history:%Y-%m}").start
    else:
        first = datetime(now.year - 1, 1, 1, tzinfo=UTC)
    return Period(min(first, Period.month(f"{now:%Y-%m}").start), end)


def asked_window(first: str | None, last: str | None, default: Period) -> Period | None:
    """
    Return the window of ``--from`` and ``--to``, both included; None if neither is given.

    Raises:
        ValueError: if a month is not one, or the first is after the last.
    """
    if first is None and last is None:
        return None
    start = default.start if first is None else Period.month(first).start
    end = default.end if last is None else Period.month(last).end
    if end <= start:
        raise ValueError(f"--from {first} lies after --to {last}")
    return Period(start, end)
