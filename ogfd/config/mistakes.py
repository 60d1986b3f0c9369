"""What is wrong in a configuration, said all at once."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from ogfd.plugin import OgfdError


@dataclass(frozen=True, slots=True, kw_only=True)
class Mistake:
    """
    One mistake of the operator. *message* never quotes a value, as it may be a secret.

    Attributes:
        message: what is wrong and what to write instead.
        file: where; None if no file is to blame.
        line: 1-based line of the key, or of its table if the key is missing.
        key: dotted path of the key.
        variable: the environment variable that set the key, if one did.
    """

    message: str
    file: Path | None = None
    line: int | None = None
    key: str | None = None
    variable: str | None = None

    def __str__(self) -> str:
        place = self.variable or (str(self.file) if self.file else None)
        if place and self.line is not None:
            place = f"{place}:{self.line}"
        return ": ".join(part for part in (place, self.key, self.message) if part)


class ConfigError(OgfdError):
    """
    The configuration cannot be used. ``str()`` lists every mistake, one per line.

    Attributes:
        mistakes: all of them, in the order of files and lines; at least one.
    """

    def __init__(self, mistakes: Iterable[Mistake]) -> None:
        self.mistakes = in_order(mistakes)
        super().__init__("\n".join(map(str, self.mistakes)))


def in_order(mistakes: Iterable[Mistake]) -> tuple[Mistake, ...]:
    """Return *mistakes* without repetitions, by file and line, those of the environment last."""
    return tuple(
        sorted(
            dict.fromkeys(mistakes),
            key=lambda mistake: (mistake.variable or "", str(mistake.file), mistake.line or 0),
        )
    )


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return ``; did you mean X?`` for the known word closest to *word*, or an empty string."""
    spelt = {name.lower(): name for name in sorted(known)}
    close = get_close_matches(word.lower(), spelt, n=1, cutoff=0.6)
    if not close and len(word) > 2:
        close = [name for name in spelt if name.startswith(word.lower())]
    return f"; did you mean {spelt[close[0]]}?" if close else ""
