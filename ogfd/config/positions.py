"""
Where each key of a TOML document stands, which tomllib does not tell.

Scans text that tomllib has accepted, so it may trust its syntax: only what can hide a key or look
like one (strings, comments, arrays, inline tables) needs care.
"""

from __future__ import annotations

import re
import tomllib
from bisect import bisect_right
from typing import Any, Final

KeyPath = tuple[str, ...]

_BARE: Final = re.compile(r"[A-Za-z0-9_-]+")
_BASIC: Final = re.compile(r'"(?:[^"\\]|\\.)*"')
_LITERAL: Final = re.compile(r"'[^']*'")
_MULTILINE_BASIC: Final = re.compile(r'"""(?:[^\\]|\\.)*?"{3,5}(?!")', re.DOTALL)
_MULTILINE_LITERAL: Final = re.compile(r"'''.*?'{3,5}(?!')", re.DOTALL)
_SCALAR: Final = re.compile(r"[^\s,\]}#]+(?: [0-9][^\s,\]}#]*)?")
_BLANK: Final = re.compile(r"[ \t]*")
_FILLER: Final = re.compile(r"(?:\s|#[^\n]*)*")


def positions(text: str) -> dict[KeyPath, int]:
    """
    Return the 1-based line of every key and table of *text*.

    The elements of arrays count as keys ``"0"``, ``"1"``, ... A table that is opened more than
    once is where it first appears.

    Args:
        text: a document that tomllib accepts.
    """
    scan = _Scan(text.replace("\r\n", "\n"))
    scan.document()
    return scan.found


def split_key(text: str) -> KeyPath:
    """
    Split a dotted key as TOML does: ``retry.classify."500"``.

    Raises:
        ValueError: if *text* is not one dotted key.
    """
    if "\n" in text or "=" in text or text.lstrip().startswith("["):
        raise ValueError("write the key as dotted names, such as connectors.aws-prod.schedule")
    try:
        node: Any = tomllib.loads(f"{text} = 0")
    except tomllib.TOMLDecodeError:
        raise ValueError(
            "write the key as dotted names, such as connectors.aws-prod.schedule"
        ) from None
    path: list[str] = []
    while isinstance(node, dict):
        ((name, node),) = node.items()
        path.append(name)
    return tuple(path)


def join_key(path: KeyPath) -> str:
    """Return *path* as a dotted key, quoting only what TOML would need quoted."""
    return ".".join(part if _BARE.fullmatch(part) else f'"{part}"' for part in path)


class _Scan:
    """One pass over a document; *at* is the offset of the next character."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.found: dict[KeyPath, int] = {}
        self._starts = [0, *(hit.end() for hit in re.finditer("\n", text))]
        self._arrays: dict[KeyPath, int] = {}

    def document(self) -> None:
        table: KeyPath = ()
        self._skip(_FILLER)
        while self.at < len(self.text):
            if self.text[self.at] == "[":
                table = self._header()
            else:
                self._pair(table)
            self._skip(_FILLER)

    def _header(self) -> KeyPath:
        line = self._line()
        array = self.text.startswith("[[", self.at)
        self.at += 2 if array else 1
        keys = self._key()
        self.at += 2 if array else 1
        path: KeyPath = ()
        for depth, key in enumerate(keys):
            path = (*path, key)
            self.found.setdefault(path, line)
            if array and depth == len(keys) - 1:
                self._arrays[path] = self._arrays.get(path, -1) + 1
            if path in self._arrays:  # [[a]] then [a.b]: b belongs to the newest a
                path = (*path, str(self._arrays[path]))
                self.found.setdefault(path, line)
        return path

    def _pair(self, table: KeyPath) -> None:
        line = self._line()
        path = table
        for key in self._key():
            path = (*path, key)
            self.found.setdefault(path, line)
        self._skip(_BLANK)
        self.at += 1  # =
        self._skip(_BLANK)
        self._value(path)

    def _key(self) -> list[str]:
        keys = []
        while True:
            self._skip(_BLANK)
            match self.text[self.at]:
                case '"':
                    raw = self._skip(_BASIC)
                    keys.append(str(tomllib.loads(f"key = {raw}")["key"]))
                case "'":
                    keys.append(self._skip(_LITERAL)[1:-1])
                case _:
                    keys.append(self._skip(_BARE))
            self._skip(_BLANK)
            if self.text[self.at] != ".":
                return keys
            self.at += 1

    def _value(self, path: KeyPath) -> None:
        match self.text[self.at]:
            case "[":
                self._array(path)
            case "{":
                self._inline(path)
            case '"':
                multiline = self.text.startswith('"""', self.at)
                self._skip(_MULTILINE_BASIC if multiline else _BASIC)
            case "'":
                multiline = self.text.startswith("'''", self.at)
                self._skip(_MULTILINE_LITERAL if multiline else _LITERAL)
            case _:
                self._skip(_SCALAR)

    def _array(self, path: KeyPath) -> None:
        index = 0
        self._open()
        while self.text[self.at] != "]":
            element = (*path, str(index))
            self.found.setdefault(element, self._line())
            self._value(element)
            index += 1
            self._comma()
        self.at += 1

    def _inline(self, path: KeyPath) -> None:
        self._open()
        while self.text[self.at] != "}":
            self._pair(path)
            self._comma()
        self.at += 1

    def _open(self) -> None:
        self.at += 1
        self._skip(_FILLER)

    def _comma(self) -> None:
        self._skip(_FILLER)
        if self.text[self.at] == ",":
            self._open()

    def _skip(self, pattern: re.Pattern[str]) -> str:
        hit = pattern.match(self.text, self.at)
        if hit is None:
            raise AssertionError(f"line {self._line()} is not TOML as tomllib reads it")
        self.at = hit.end()
        return hit[0]

    def _line(self) -> int:
        return bisect_right(self._starts, self.at)
