"""
Which days the rows have that a sink holds, to be compared with those that would replace them.

    the archive has their package     it says so itself
    the sink can be read              its rows say so, unless their grain is the month
    neither                           nobody knows, and nothing is compared
"""

from __future__ import annotations

import logging

from anyio import to_thread

from ogfd.packages import Archive, Days, Span
from ogfd.plugin import LedgerEntry, Sink, SinkError, is_readable

log = logging.getLogger(__name__)

_COLUMNS = ("period_start", "period_end")


async def days_held(entry: LedgerEntry, sink: Sink, archive: Archive) -> Span | None:
    """
    Return the first and the last day of the rows that *sink* holds of a slice, if they are known.

    Args:
        entry: of the sink's ledger.
        sink: holds the rows.
        archive: may have their package.
    """
    return await _archived(entry, archive) or await _seen(entry, sink)


async def _archived(entry: LedgerEntry, archive: Archive) -> Span | None:
    try:
        info = await to_thread.run_sync(archive.info, entry.slice, entry.target)
    except OSError as exc:
        log.warning("the archive cannot be read", extra={"reason": str(exc)})
        return None
    return info.days if info is not None and info.digest == entry.digest else None


async def _seen(entry: LedgerEntry, sink: Sink) -> Span | None:
    if not is_readable(sink):
        return None
    days = Days(entry.period)
    try:
        async with sink.scan("activities", _COLUMNS, {"slice": [entry.slice]}) as batches:
            async for batch in batches:
                await to_thread.run_sync(days.add, *batch.columns)
    except SinkError as exc:
        log.warning(
            "the days that a sink holds are unknown",
            extra={"slice": entry.slice, "reason": str(exc)},
        )
        return None
    return days.span
