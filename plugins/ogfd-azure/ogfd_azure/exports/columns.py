"""Which columns of a file are read: its header against the table of `ogfd_azure.exports.fields`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ogfd.plugin import FatalError, Wanted
from ogfd.plugin.tabular import Lookup, Selection
from ogfd_azure.exports.fields import (
    FIELDS,
    NUMBERS,
    REQUIRED,
    RESOURCE,
    RESOURCE_TYPE,
    TAG,
    TAGS,
    Family,
    column,
)
from ogfd_azure.exports.known import is_known


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns(Selection):
    """The columns to read from one file of an export; *family* is what they mean."""

    family: Family


def choose(headers: Sequence[str], wanted: Wanted, file: str) -> Columns:
    """
    Find the columns of an export in the header of *file*.

    The id of a resource is read also if it is not wanted, where nothing else names the resource's
    type: the service follows from that.

    Raises:
        FatalError: if a required column is missing, or a column that is read comes twice.
    """
    found: dict[str, list[int]] = {}
    for place, header in enumerate(headers):
        found.setdefault(column(header), []).append(place)
    family = Family.FOCUS if {"billedcost", "chargecategory"} <= found.keys() else Family.DETAILS
    chosen = {
        name: _place(spellings, found, headers, file) for name, spellings in FIELDS[family].items()
    }
    places = {name: place for name, place in chosen.items() if place is not None}
    if missing := [name for name in REQUIRED[family] if name not in places]:
        raise FatalError(
            f"{file}: the header lacks {', '.join(FIELDS[family][name][0] for name in missing)}",
            hint="the file is no export of cost details (actual, amortised or FOCUS), or its "
            "header is damaged",
        )
    if not wanted.resource_ids and RESOURCE_TYPE in places:
        places.pop(RESOURCE, None)
    return Columns(
        family=family,
        headers=tuple(headers),
        places=places,
        numbers=NUMBERS,
        lookups=_lookups(wanted.tags, found),
        unknown=_unknown(headers, family),
    )


def _place(
    spellings: Sequence[str], found: Mapping[str, Sequence[int]], headers: Sequence[str], file: str
) -> int | None:
    """Return the place of the best spelling that is there."""
    for spelling in spellings:
        places = found.get(column(spelling), ())
        if len(places) > 1:
            twice = " and ".join(headers[place] for place in places[:2])
            raise FatalError(f"{file}: {twice} are the same column")
        if places:
            return places[0]
    return None


def _lookups(tags: Sequence[str], found: Mapping[str, Sequence[int]]) -> dict[str, Lookup]:
    places = found.get(column(TAGS), ())
    return {
        TAG + tag: Lookup(place=place, keys=(folded(tag),)) for place in places[:1] for tag in tags
    }


def folded(tag: str) -> str:
    """Return the key of a tag as it is looked up: Azure's are the same in any case."""
    return tag.strip().casefold()


def _unknown(headers: Sequence[str], family: Family) -> tuple[str, ...]:
    """Return the headers that no table knows."""
    read = {column(spelling) for several in FIELDS[family].values() for spelling in several}
    return tuple(
        header for header in headers if column(header) not in read and not is_known(header)
    )
