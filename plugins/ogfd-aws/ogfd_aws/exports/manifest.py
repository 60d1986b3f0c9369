"""
A manifest: the commit marker of a delivery and the list of its files.

That of a data export names neither export nor period; what it names must lie where the files of its
month do. It lists columns too, but not all that the files have: each file's own header counts.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Protocol

from ogfd.plugin import FatalError

MAX_BYTES: Final = 5 << 20
MAX_FILES: Final = 20_000

_KEY_NAMES: Final = ("key", "uri", "s3Uri")


class Delivered(Protocol):
    """One month of a report or export, as far as reading it goes."""

    @property
    def key(self) -> str:
        """What the month is called in messages."""
        ...

    @property
    def manifest(self) -> str:
        """Key of the manifest that names the current files."""
        ...

    @property
    def root(self) -> str:
        """What the keys of the report or export begin with; no file of it lies elsewhere."""
        ...

    def owns(self, key: str) -> bool:
        """Return whether *key* may be a file of this month."""
        ...

    def overwrites(self, key: str) -> bool:
        """Return whether a delivery puts its file *key* in the place of an older one."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """
    What a manifest says.

    Attributes:
        delivery: id of the assembly or execution.
        files: of the month, literal keys.
        bucket: where AWS delivered the report; empty if it does not say.
    """

    delivery: str
    files: tuple[str, ...]
    bucket: str


class Wrong(Exception):  # noqa: N818 - becomes a FatalError that names the manifest
    """What is wrong with a manifest."""

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.hint = hint


def parse(body: bytes, month: Delivered) -> Manifest:
    """
    Read the manifest of a data export strictly. It may name another bucket: exports are copied.

    Raises:
        FatalError: if it is malformed or too large, or names no files, or files that are not those
            of *month*.
    """
    return read(body, month, lambda told: _export(told, month))


def read(
    body: bytes, month: Delivered, understand: Callable[[dict[str, Any]], Manifest]
) -> Manifest:
    """
    Return what *understand*, which may raise `Wrong`, makes of the JSON in *body*.

    Raises:
        FatalError: if it is malformed, too large or wrong; the message names the manifest.
    """
    try:
        return understand(_document(body))
    except Wrong as exc:
        raise FatalError(f"{month.manifest}: {exc}", hint=exc.hint) from None


def files(keys: Any, name: str, month: Delivered) -> tuple[str, ...]:
    """
    Return the *keys* that the manifest has under *name*.

    Raises:
        Wrong: if they are not a list of different keys of the month's files.
    """
    if not isinstance(keys, list) or not all(isinstance(key, str) and key for key in keys):
        raise Wrong(f"{name} is not a list of keys")
    if not keys:
        raise Wrong(f"{name} names no file")
    if len(keys) > MAX_FILES:
        raise Wrong(f"{name} names {len(keys)} files; at most {MAX_FILES} are read")
    for key in keys:
        if not month.owns(key):
            raise Wrong(f"the file {key!r} is foreign: it does not lie under {month.root}")
    if len(set(keys)) != len(keys):
        twice = next(key for key in keys if keys.count(key) > 1)
        raise Wrong(f"{name} names {twice} twice")
    return tuple(keys)


def text(told: dict[str, Any], name: str) -> str:
    """
    Return the text that the manifest has under *name*; empty if it has none.

    Raises:
        Wrong: if that is something else.
    """
    value = told.get(name, "")
    if value is None:
        return ""
    if not isinstance(value, str):
        raise Wrong(f"{name} is not a text")
    return value


def _document(body: bytes) -> dict[str, Any]:
    if len(body) > MAX_BYTES:
        raise Wrong(f"the manifest is larger than {MAX_BYTES >> 20} MiB")
    try:
        told = json.loads(body)
    except (ValueError, RecursionError) as exc:
        raise Wrong(f"the manifest is not JSON: {exc}") from None
    if not isinstance(told, dict):
        raise Wrong("the manifest is not a JSON object")
    return told


def _export(told: dict[str, Any], month: Delivered) -> Manifest:
    named = told.get("dataFiles")
    places = [_place(file) for file in named] if isinstance(named, list) else None
    buckets = sorted({bucket for bucket, _ in places or ()})
    if len(buckets) > 1:
        raise Wrong(f"dataFiles lie in several buckets: {', '.join(buckets)}")
    return Manifest(
        delivery=text(told, "executionId"),
        files=files(places and [key for _, key in places], "dataFiles", month),
        bucket=buckets[0] if buckets else "",
    )


def _place(file: Any) -> tuple[str, Any]:
    """
    Split what names a file into bucket and literal key.

    AWS writes URIs; tools that copy exports also write bare keys, or objects.
    """
    if isinstance(file, dict):
        file = next((file[name] for name in _KEY_NAMES if name in file), None)
    if not isinstance(file, str) or not file.startswith("s3://"):
        return "", file
    bucket, _, key = file.removeprefix("s3://").partition("/")
    return bucket, key
