"""What failed, why, and when it is tried again."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ogfd.runs import next_try
from ogfd.state import SliceRecord, StateStore, StreamRecord


async def failing(state: StateStore, connectors: Iterable[str]) -> list[dict[str, Any]]:
    """Return the streams of *connectors* that could not be listed and the slices that failed."""
    documents = []
    for connector in connectors:
        streams, slices = await state.streams(connector), await state.slices(connector)
        documents += [_document(record) for record in streams.values()]
        documents += [_document(record) for record in slices.values() if record.outcome == "failed"]
    return documents


def _document(record: SliceRecord | StreamRecord) -> dict[str, Any]:
    due = next_try(record)
    return {
        "name": record.name,
        "error_class": record.error_class,
        "reason": record.reason,
        "failures": record.failures,
        "next_due": due and due.isoformat(),
    }
