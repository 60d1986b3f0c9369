"""The files of the configuration: found, parsed and merged, every key with its place."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from ogfd.config.mistakes import ConfigError, Mistake
from ogfd.config.origins import Origin, Origins
from ogfd.config.positions import KeyPath, positions

PLACES: Final = (Path("/etc/ogfd/ogfd.toml"), Path("ogfd.toml"))
"""Where the configuration is looked for when nothing names it."""

DROP_IN: Final = "ogfd.d"

_PLACE: Final = re.compile(r" \(at (?:line (\d+), column \d+|end of document)\)$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """Merged tables, the place of each key and the files, in the order of merging."""

    values: Mapping[str, Any] = field(default_factory=dict, repr=False)
    origins: Origins = field(default_factory=Origins, repr=False)
    files: tuple[Path, ...] = ()


def find(
    path: Path | None, environ: Mapping[str, str], places: Sequence[Path] = PLACES
) -> Path | None:
    """
    Return the configuration file: *path*, else ``$OGFD_CONFIG``, else the first of *places*.

    Returns None if nothing names a file and none of *places* exists. A named file need not exist.
    """
    if path is not None:
        return path
    if environ.get("OGFD_CONFIG"):
        return Path(environ["OGFD_CONFIG"])
    return next((place for place in places if place.exists()), None)


def read(main: Path, proposed: Mapping[Path, str] | None = None) -> Document:
    """
    Read *main* and the ``ogfd.d/*.toml`` beside it, sorted by name; later ones win key by key.

    Args:
        main: the main file.
        proposed: text by path that counts instead of what is on disk, to try a change.

    Raises:
        ConfigError: if a file cannot be read or is not TOML, naming each such file.
    """
    texts = dict(proposed or {})
    drop_ins = {*main.parent.glob(f"{DROP_IN}/*.toml"), *texts} - {main}
    document = Document()
    mistakes: list[Mistake] = []
    for path in [main, *sorted(drop_ins, key=lambda drop_in: drop_in.name)]:
        parsed = _parse(path, texts.get(path))
        if isinstance(parsed, Mistake):
            mistakes.append(parsed)
        else:
            document = merge(document, parsed)
    if mistakes:
        raise ConfigError(mistakes)
    return document


def merge(earlier: Document, later: Document) -> Document:
    """Merge two documents: tables key by key, anything else as *later* has it."""
    shared = frozenset(_tables(earlier.values)) & frozenset(_tables(later.values))
    return Document(
        values=overlay(earlier.values, later.values),
        origins=earlier.origins.then(later.origins, keep=shared),
        files=(*earlier.files, *later.files),
    )


def overlay(under: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Return *under* with *over* laid on it: tables merge, anything else is replaced."""
    merged = dict(under)
    for key, value in over.items():
        below = merged.get(key)
        if isinstance(below, dict) and isinstance(value, dict):
            value = overlay(below, value)  # noqa: PLW2901 - the merged one takes its place
        merged[key] = value
    return merged


def nested(path: KeyPath, value: Any) -> dict[str, Any]:
    """Return the tables that hold nothing but *value* at *path*, which is not empty."""
    for name in reversed(path):
        value = {name: value}
    return dict(value)


def _parse(path: Path, text: str | None) -> Document | Mistake:
    try:
        text = path.read_bytes().decode("utf-8") if text is None else text
        values = tomllib.loads(text)
    except OSError as exc:
        return Mistake(message=f"cannot be read: {exc.strerror}", file=path)
    except UnicodeDecodeError as exc:
        line = exc.object[: exc.start].count(b"\n") + 1
        return Mistake(message="is not UTF-8 text", file=path, line=line)
    except tomllib.TOMLDecodeError as exc:
        return _syntax(path, str(text), str(exc))
    places = {key: Origin(file=path, line=line) for key, line in positions(text).items()}
    return Document(values=values, origins=Origins(places), files=(path,))


def _syntax(path: Path, text: str, reason: str) -> Mistake:
    found = _PLACE.search(reason)
    if found is None:
        return Mistake(message=f"not TOML: {reason}", file=path)
    line = int(found[1]) if found[1] else text.rstrip().count("\n") + 1
    return Mistake(message=f"not TOML: {reason[: found.start()]}", file=path, line=line)


def _tables(values: Mapping[str, Any], above: KeyPath = ()) -> Iterator[KeyPath]:
    for key, value in values.items():
        if isinstance(value, dict):
            yield (*above, key)
            yield from _tables(value, (*above, key))
