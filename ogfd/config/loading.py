"""Reads the configuration of this machine into settings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from ogfd.config.environment import PREFIX, override, predecessor
from ogfd.config.files import PLACES, Document, find, read
from ogfd.config.mistakes import ConfigError, Mistake, in_order
from ogfd.config.origins import Origin, Origins
from ogfd.config.settings import Settings
from ogfd.config.tables import TableReader


def load(
    path: Path | None, environ: Mapping[str, str], *, proposed: Mapping[Path, str] | None = None
) -> tuple[Settings, tuple[Mistake, ...]]:
    """
    Read the configuration: the first file found, the ``ogfd.d`` beside it, the environment.

    The file is *path*, else ``$OGFD_CONFIG``, else ``/etc/ogfd/ogfd.toml``, else ``./ogfd.toml``.
    With none of them, variables ``OGFD_<TABLE>__<KEY>`` may be the whole configuration.

    Reads files; does no other I/O and may be called again.

    Args:
        path: the file that the operator named, if any.
        environ: the environment.
        proposed: texts by path that count instead of what is on disk, to try a change.

    Returns:
        The settings and what is wrong with them; a key with a mistake has its default, a
        connector or sink without a type is left out.

    Raises:
        ConfigError: if there is no configuration, a file cannot be read, or is not TOML.
    """
    main = find(path, environ)
    document = Document() if main is None else read(main, proposed)
    document, mistakes = override(document, environ)
    if main is None and not any(name.startswith(PREFIX) and "__" in name for name in environ):
        places = " or ".join(map(str, PLACES))
        raise ConfigError(
            [
                Mistake(
                    message=f"there is no configuration: no {places}; name one with -c FILE or "
                    "OGFD_CONFIG, or write one with: ogfd config init"
                )
            ]
        )
    inherited, unread = inherited_variables(main, environ)
    reader = TableReader(document.origins)
    top = reader.top(document.values)
    retry = reader.retry(top["retry"])
    tables = {name: reader.connector(name, raw, retry) for name, raw in top["connectors"].items()}
    settings = Settings(
        daemon=reader.daemon(top["daemon"]),
        archive=reader.archive(top["archive"]),
        retry=retry,
        sinks=reader.sinks(top["sinks"]),
        connectors={name: table for name, table in tables.items() if table is not None},
        files=document.files,
        document=document.values,
        origins=document.origins,
        predecessor=inherited,
    )
    for table in settings.connectors.values():
        reader.check_sinks(table, top["sinks"])
    return settings, in_order([*mistakes, *unread, *reader.mistakes])


def with_connector(
    settings: Settings, name: str, raw: Mapping[str, Any], origins: Origins
) -> tuple[Settings, tuple[Mistake, ...]]:
    """
    Return *settings* with the table *raw* in the place of ``[connectors.NAME]``.

    Args:
        settings: stay as they are.
        name: of the connector.
        raw: the whole table, as written.
        origins: where its keys came from; those of *settings* count first.
    """
    joined = origins.then(settings.origins)
    reader = TableReader(joined)
    table = reader.connector(name, raw, settings.retry)
    if table is None:
        return settings, tuple(reader.mistakes)
    reader.check_sinks(table, settings.sinks)
    connectors = {**settings.connectors, name: table}
    return replace(settings, connectors=connectors, origins=joined), tuple(reader.mistakes)


def inherited_variables(
    main: Path | None, environ: Mapping[str, str]
) -> tuple[dict[str, Origin], list[Mistake]]:
    """
    Return the predecessor's variables that are set, and which ``.env`` cannot be read.

    They come from *environ*, else from ``.env`` beside *main*, else from ``.env`` in the working
    directory.
    """
    dotenvs, mistakes = _dotenvs(main)
    return predecessor(environ, dotenvs), mistakes


def _dotenvs(main: Path | None) -> tuple[dict[Path, str], list[Mistake]]:
    texts: dict[Path, str] = {}
    mistakes = []
    beside = main.parent / ".env" if main else None
    for path in dict.fromkeys([*([beside] if beside else []), Path(".env")]):
        try:
            texts[path] = path.read_text(encoding="utf-8")
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            continue
        except (OSError, UnicodeDecodeError) as exc:
            # One that merely lies in the working directory may be none of our business.
            if path == beside:
                reason = exc.strerror if isinstance(exc, OSError) else "not UTF-8 text"
                mistakes.append(Mistake(message=f"cannot be read: {reason}", file=path))
    return texts, mistakes
