"""From aggregated blocks to the activity record."""

from __future__ import annotations

import json
from typing import Final, Protocol

import numpy as np
import pyarrow as pa

from ogfd.packages.groups import Block
from ogfd.packages.identity import hexadecimal
from ogfd.plugin import ACTIVITY_SCHEMA, LABELS


class Owner(Protocol):
    """What the engine itself says of every row of a slice."""

    @property
    def org_id(self) -> str: ...
    @property
    def provider(self) -> str: ...
    @property
    def connector(self) -> str: ...
    @property
    def stream(self) -> str: ...
    @property
    def partition(self) -> str: ...


def _encoded(field: pa.Field) -> pa.Field:
    if field.name == "activity_id" or not pa.types.is_string(field.type):
        return field
    return field.with_type(pa.dictionary(pa.int32(), pa.string()))


PACKAGE_SCHEMA: Final = pa.schema([_encoded(field) for field in ACTIVITY_SCHEMA])
"""``ACTIVITY_SCHEMA`` with dictionaries for repeated text, as packages store it."""


def finished(block: Block, owner: Owner, start: int, rows: int) -> pa.Table:
    """Return up to *rows* rows of *block* from *start* on, as ``PACKAGE_SCHEMA``."""
    table = block.table.slice(start, rows).combine_chunks()
    count = table.num_rows
    columns = {"activity_id": hexadecimal(block.lanes[:, start : start + count])}
    for name in ("org_id", "provider", "connector", "stream", "partition"):
        columns[name] = _repeated(getattr(owner, name), count)
    for field in PACKAGE_SCHEMA:
        if field.name in columns:
            continue
        if field.name not in table.column_names:
            columns[field.name] = pa.nulls(count, field.type)
        elif field.type == LABELS:
            columns[field.name] = _labels(table[field.name].combine_chunks())
        else:
            columns[field.name] = table[field.name].cast(field.type).combine_chunks()
    return pa.table([columns[name] for name in PACKAGE_SCHEMA.names], schema=PACKAGE_SCHEMA)


def _repeated(text: str, count: int) -> pa.Array:
    indices = pa.array(np.zeros(count, dtype=np.int32))
    return pa.DictionaryArray.from_arrays(indices, pa.array([text]))


def _labels(texts: pa.DictionaryArray) -> pa.Array:
    """Turn JSON text into maps, once a distinct text; no pairs become null."""
    maps = [
        None if text is None else list(json.loads(text).items())
        for text in texts.dictionary.to_pylist()
    ]
    return pa.array([pairs or None for pairs in maps], LABELS).take(texts.indices)
