"""
The environment's part of the configuration.

``OGFD_CONNECTORS__AWS_PROD__REGION=eu-west-1`` sets ``connectors.aws-prod.region``; the predecessor's
``OFFGRIDFLOW_*`` are only gathered here, as plugins say what they mean.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from datetime import date, time
from pathlib import Path
from typing import Any, Final

from ogfd.config.files import Document, nested, overlay
from ogfd.config.keys import TOP_KEYS
from ogfd.config.mistakes import Mistake
from ogfd.config.origins import Origin, Origins
from ogfd.config.positions import KeyPath

PREFIX: Final = "OGFD_"
PREDECESSOR: Final = "OFFGRIDFLOW_"

_LINE: Final = re.compile(r"\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*=\s*(.*?)\s*")
_QUOTED: Final = re.compile(r"""(["'])(.*?)(?<!\\)\1\s*(?:#.*)?""")


def override(document: Document, environ: Mapping[str, str]) -> tuple[Document, list[Mistake]]:
    """
    Lay the variables ``OGFD_<TABLE>__<KEY>`` on *document*; an empty variable counts as not set.

    In names ``-`` is ``_`` and case does not matter. A value is read as TOML if it is that,
    else as a string.
    """
    mistakes: list[Mistake] = []
    values: Mapping[str, Any] = document.values
    origins = document.origins
    for variable in sorted(name for name in environ if name.startswith(PREFIX)):
        words = variable.removeprefix(PREFIX).lower().split("__")
        if not environ[variable] or not _meant(words):
            continue
        if len(words) < 2 or not all(words):
            mistakes.append(
                Mistake(
                    message="joins table and key by two underscores: OGFD_<TABLE>__<KEY>",
                    variable=variable,
                )
            )
            continue
        path = _path(words, values)
        if path is None:
            mistakes.append(Mistake(message="names a key inside of a value", variable=variable))
            continue
        values = overlay(values, nested(path, parse_value(environ[variable])))
        above = Origins({path[:depth]: Origin(variable=variable) for depth in range(1, len(path))})
        here = Origins({path: Origin(variable=variable, text=environ[variable])})
        origins = above.then(origins).then(here)
    return Document(values=values, origins=origins, files=document.files), mistakes


def parse_value(text: str) -> Any:
    """Return *text* read as a TOML value, or *text* itself if it is none (or a date)."""
    try:
        parsed = tomllib.loads(f"value = {text}")
    except tomllib.TOMLDecodeError:
        return text
    value = parsed["value"]
    return text if len(parsed) > 1 or isinstance(value, date | time) else value


def predecessor(environ: Mapping[str, str], dotenvs: Mapping[Path, str]) -> dict[str, Origin]:
    """
    Return the variables ``OFFGRIDFLOW_*`` that are set and not empty.

    Args:
        environ: the environment, which wins.
        dotenvs: text of ``.env`` files by path; earlier ones win.
    """
    found: dict[str, Origin] = {}
    for variable, text in environ.items():
        if variable.startswith(PREDECESSOR) and text:
            found[variable] = Origin(variable=variable, text=text)
    for path, content in dotenvs.items():
        for number, line in enumerate(content.splitlines(), 1):
            hit = _LINE.fullmatch(line)
            if hit and hit[1].startswith(PREDECESSOR) and hit[1] not in found:
                text = _unquoted(hit[2])
                if text:
                    found[hit[1]] = Origin(file=path, line=number, variable=hit[1], text=text)
    return found


def _meant(words: list[str]) -> bool:
    # OGFD_CONFIG and the like are no overrides, OGFD_DAEMON_LISTEN wanted to be one.
    return len(words) > 1 or any(words[0].startswith(f"{table}_") for table in TOP_KEYS)


def _path(words: list[str], values: Mapping[str, Any]) -> KeyPath | None:
    path: list[str] = []
    table: Any = values
    for word in words:
        if not isinstance(table, dict):
            return None
        name = next((key for key in table if key.lower().replace("-", "_") == word), None)
        if name is None:
            names = len(path) == 1 and path[0] in {"connectors", "sinks"}
            name = word.replace("_", "-") if names else word
        path.append(name)
        table = table.get(name, {})
    return tuple(path)


def _unquoted(text: str) -> str:
    quoted = _QUOTED.fullmatch(text)
    if quoted:
        return quoted[2].replace('\\"', '"') if quoted[1] == '"' else quoted[2]
    return re.split(r"\s#", text, maxsplit=1)[0].strip()
