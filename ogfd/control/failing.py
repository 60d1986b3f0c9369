"""What failed, why, and when it is tried again."""

from __future__ import annotations

from collections.abc import Container, Mapping
from datetime import datetime
from typing import Any

from ogfd.runs import next_try, slice_try
from ogfd.slices import Outcome
from ogfd.state import SliceRecord, StateStore, StreamRecord


async def failing(state: StateStore, streams: Mapping[str, Container[str]]) -> list[dict[str, Any]]:
    """
    Return the streams that could not be listed and the slices that failed.

    Args:
        state: knows them.
        streams: those that are configured, by connector; others are never tried again.
    """
    documents = []
    for connector, configured in streams.items():
        missed, slices = await state.streams(connector), await state.slices(connector)
        documents += [
            _document(record, next_try(record))
            for record in missed.values()
            if record.stream in configured
        ]
        documents += [
            _document(record, slice_try(record, missed))
            for record in slices.values()
            if record.outcome == Outcome.FAILED and record.stream in configured
        ]
    return documents


def _document(record: SliceRecord | StreamRecord, due: datetime | None) -> dict[str, Any]:
    return {
        "name": record.name,
        "error_class": record.error_class,
        "reason": record.reason,
        "failures": record.failures,
        "next_due": due and due.isoformat(),
    }
