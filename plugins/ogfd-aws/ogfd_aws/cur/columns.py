"""Which columns of a file are read: its header against the table of `ogfd_aws.cur.fields`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ogfd.plugin import FatalError, Wanted
from ogfd.plugin.tabular import Lookup, Selection
from ogfd_aws.cur.fields import (
    COST_CATEGORY,
    FIELDS,
    NUMBERS,
    REQUIRED,
    RESOURCE,
    TAG,
    Family,
    canonical,
    letters,
)
from ogfd_aws.cur.known import is_known


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns(Selection):
    """The columns to read from one file of an export; *family* is what they mean."""

    family: Family


def choose(headers: Sequence[str], wanted: Wanted, file: str) -> Columns:
    """
    Find the columns of an export in the header of *file*.

    Raises:
        FatalError: if a required column is missing, or a header or a column comes twice.
    """
    if len(set(headers)) != len(headers):
        twice = sorted({header for header in headers if headers.count(header) > 1})
        raise FatalError(f"{file}: the header has {', '.join(twice)} more than once")
    found = _Found(headers, file)
    exact = NUMBERS.union(REQUIRED[found.family])  # of any other column the first spelling is taken
    for name, spellings in FIELDS[found.family].items():
        if name != RESOURCE or wanted.resource_ids:
            found.take(name, spellings, once=name in exact)
    if missing := [name for name in REQUIRED[found.family] if name not in found.places]:
        raise FatalError(
            f"{file}: the header lacks {', '.join(found.spelt(name) for name in missing)}",
            hint="the file is no cost export of AWS, its header is damaged, or the export's query "
            "leaves these columns out",
        )
    for tag in wanted.tags:
        found.take(TAG + tag, list(_spellings(tag)), once=False)
    return Columns(
        family=found.family,
        headers=tuple(headers),
        places=found.places,
        numbers=NUMBERS,
        lookups=found.lookups,
        unknown=found.unknown(),
    )


class _Found:
    """The columns found so far."""

    def __init__(self, headers: Sequence[str], file: str) -> None:
        self.places: dict[str, int] = {}
        self.lookups: dict[str, Lookup] = {}
        self._headers = headers
        self._file = file
        self._exact = {header: place for place, header in enumerate(headers)}
        self._loose: dict[str, list[int]] = {}
        for place, header in enumerate(headers):
            self._loose.setdefault(letters(header), []).append(place)
        focus = {"billedcost", "chargecategory"} <= self._loose.keys()
        self.family = Family.FOCUS if focus else Family.CUR

    def take(self, name: str, spellings: Sequence[str], *, once: bool) -> None:
        """Take the column *name*, or the map columns that hold it; *once*: in one spelling only."""
        keys: dict[int, list[str]] = {}
        for spelling in spellings:
            column, _, key = spelling.partition("[")
            if key:
                if column in self._exact:
                    keys.setdefault(self._exact[column], []).append(key.removesuffix("]"))
                continue
            places = self._places(name, column)
            if once and len(places) > 1:
                first, second = (self._headers[place] for place in places[:2])
                raise FatalError(f"{self._file}: {first} and {second} are the same column")
            if places:
                self.places[name] = places[0]
                return
        for place, several in list(keys.items())[:1]:
            self.lookups[name] = Lookup(place=place, keys=tuple(several))

    def _places(self, name: str, column: str) -> list[int]:
        if name.startswith(TAG):  # tags differ by case
            return [self._exact[column]] if column in self._exact else []
        return self._loose.get(letters(column), [])

    def spelt(self, name: str) -> str:
        """Return how the file would write the column *name*."""
        spelling = FIELDS[self.family][name][0]
        legacy = self.family is Family.FOCUS or any("/" in header for header in self._headers)
        return spelling if legacy else canonical(spelling)

    def unknown(self) -> tuple[str, ...]:
        """Return the headers that no table knows."""
        known = {
            letters(one.partition("[")[0])
            for several in FIELDS[self.family].values()
            for one in several
        }
        return tuple(
            header
            for header in self._headers
            if letters(header) not in known and not is_known(header)
        )


def _spellings(tag: str) -> Iterator[str]:
    """
    Yield how exports write the tag that the operator calls *tag*, with ``user:`` or without.

    Legacy CUR has a column a tag, in Parquet by the naming rule; CUR 2.0 and FOCUS have maps, whose
    keys follow that rule or are the tags as they are. ``tags`` also holds tags of accounts and of
    principals, under keys such as ``accountTag/Team``.
    """
    if tag.startswith(COST_CATEGORY):
        name = tag.removeprefix(COST_CATEGORY)
        yield from (tag, canonical(tag))
        for key in (name, canonical(name).lstrip("_")):
            yield from (f"{column}[{key}]" for column in ("cost_category", "x_CostCategories"))
        for key in (tag, name):
            yield from (f"{column}[{key}]" for column in ("tags", "Tags"))
        return
    whole = f"user:{tag}"
    yield from (f"resourceTags/{tag}", f"resourceTags/{whole}")
    yield from (canonical(f"resourceTags/{whole}"), canonical(f"resourceTags/{tag}"))
    for column in ("resource_tags", "tags", "Tags"):
        for key in (tag, whole):
            yield from (f"{column}[{one}]" for one in (key, canonical(key)))
