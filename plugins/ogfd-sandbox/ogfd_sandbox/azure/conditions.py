"""Filters of the two services that take some: of cost queries, and of OData."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from ogfd_sandbox.azure.wire import RefusedError

Matches = Callable[[Mapping[str, Any]], bool]

_COMPARISON: Final = re.compile(r"(\w+) (eq|ne|ge|gt|le|lt) ('(?:[^']|'')*'|-?\d+)")
_OPERATORS: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "eq": operator.eq,
    "ne": operator.ne,
    "ge": operator.ge,
    "gt": operator.gt,
    "le": operator.le,
    "lt": operator.lt,
}


def matcher(found: Any) -> Matches:
    """
    Return what tells whether the dimensions of a row match the filter of a cost query.

    Raises:
        KeyError, TypeError: if the filter is malformed.
    """
    if not found:
        return lambda _: True
    for name, combine in (("and", all), ("or", any)):
        if name in found:
            parts = [matcher(part) for part in found[name]]
            return lambda row: combine(part(row) for part in parts)
    if "not" in found:
        inverted = matcher(found["not"])
        return lambda row: not inverted(row)
    one = found["dimensions"] if "dimensions" in found else found["tags"]
    name, values = one["name"], {value.lower() for value in one["values"]}
    return lambda row: str(row.get(name, "")).lower() in values


def odata(text: str) -> Matches:
    """
    Return what tells whether a record matches an OData ``$filter`` of comparisons and ``and``.

    Raises:
        RefusedError: if the filter has anything else.
    """
    if not text:
        return lambda _: True
    tests: list[tuple[str, Callable[[Any, Any], bool], str | int]] = []
    for part in text.split(" and "):
        found = _COMPARISON.fullmatch(part.strip())
        if found is None:
            raise RefusedError(400, "400", f"$filter: {part!r} is not understood")
        field, sign, literal = found.groups()
        value = literal[1:-1].replace("''", "'") if literal.startswith("'") else int(literal)
        tests.append((field, _OPERATORS[sign], value))
    return lambda row: all(
        isinstance(row.get(field), type(value)) and compare(row[field], value)
        for field, compare, value in tests
    )
