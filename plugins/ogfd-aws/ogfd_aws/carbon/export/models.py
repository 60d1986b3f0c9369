"""
Versions of the carbon model of AWS, in their order.

They are semantic versions that begin with ``v``: ``v3.10.0`` is newer than ``v3.9.0``, and
``v4.0.0-rc.1`` older than ``v4.0.0`` (https://semver.org/#spec-item-11).
https://docs.aws.amazon.com/sustainability/latest/APIReference/API_EstimatedCarbonEmissions.html
"""

from __future__ import annotations

import re
from typing import Final

_VERSION: Final = re.compile(r"v?\d+\.\d+\.\d+(-[0-9a-z.-]+)?(\+[0-9a-z.-]+)?")

_Identifier = tuple[bool, int, str]
Order = tuple[tuple[int, ...], bool, tuple[_Identifier, ...], str]


def order(model: str) -> Order:
    """Return what model versions are sorted by. What is no semantic version is older than all."""
    text = model.casefold()
    if _VERSION.fullmatch(text) is None:
        return (), False, (), text
    numbers, _, early = text.removeprefix("v").partition("+")[0].partition("-")
    identifiers = tuple(_identifier(part) for part in early.split(".")) if early else ()
    return tuple(int(part) for part in numbers.split(".")), not early, identifiers, text


def same(one: str, other: str) -> bool:
    """Return whether two spellings are of one model version."""
    return one.casefold().removeprefix("v") == other.casefold().removeprefix("v")


def _identifier(part: str) -> _Identifier:
    """Numbers come before words, and are compared as numbers."""
    return (False, int(part), "") if part.isdecimal() else (True, 0, part)
