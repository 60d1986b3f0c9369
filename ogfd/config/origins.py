"""Where each value of the merged configuration came from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from ogfd.config.mistakes import Mistake
from ogfd.config.positions import KeyPath, join_key


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """
    A place in a file, or an environment variable.

    Attributes:
        file: the file that has the key; for a variable, the ``.env`` file if it came from one.
        line: 1-based.
        variable: name of the environment variable.
        text: the variable's value as it was given; it may be a secret, so it never renders.
    """

    file: Path | None = None
    line: int | None = None
    variable: str | None = None
    text: str | None = field(default=None, repr=False)


_NOWHERE: Final = Origin()


class Origins:
    """The origin of every key; a key that is not there has the origin of its nearest table."""

    def __init__(self, places: Mapping[KeyPath, Origin] | None = None) -> None:
        self._places = dict(places or {})

    def of(self, path: KeyPath) -> Origin:
        """Return the origin of *path*, of the nearest table above it if it is not there."""
        for length in range(len(path), 0, -1):
            if path[:length] in self._places:
                return self._places[path[:length]]
        return _NOWHERE

    def text(self, path: KeyPath) -> str | None:
        """Return the text of the variable that set exactly *path*, if one did."""
        return self._places.get(path, _NOWHERE).text

    def then(self, later: Origins, keep: frozenset[KeyPath] = frozenset()) -> Origins:
        """Return both; where both know a key *later* counts, except for those to *keep*."""
        kept = {path: self._places[path] for path in keep if path in self._places}
        return Origins(self._places | later._places | kept)

    def mistake(self, path: KeyPath, message: str) -> Mistake:
        """Return the mistake *message* about *path* with the place where it is made."""
        origin = self.of(path)
        return Mistake(
            message=message,
            file=None if origin.variable else origin.file,
            line=None if origin.variable else origin.line,
            key=join_key(path) or None,
            variable=origin.variable,
        )
