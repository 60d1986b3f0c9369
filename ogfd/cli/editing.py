"""How `ogfd config` writes: whole files, by rename, with the owner and mode of their neighbour."""

from __future__ import annotations

import contextlib
import os
import stat
import tempfile
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import tomli_w

from ogfd.config import (
    DROP_IN,
    ConfigError,
    Mistake,
    Origin,
    find,
    inherited_variables,
    join_key,
    load,
    nested,
    overlay,
    parse_value,
    split_key,
)
from ogfd.plugin import ConnectorSpec, Secret
from ogfd.registry import (
    Bound,
    PluginProblem,
    Registry,
    bind,
    load_bound,
    streamless,
    table_of,
    variables_by_type,
)

OVERRIDES: Final = "90-set.toml"


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What `set_key` did. *winner* is what sets the key instead, if the change has no effect."""

    file: Path
    key: str
    winner: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A first configuration; *notes* are for the operator."""

    tables: Mapping[str, Any]
    notes: tuple[str, ...]


def set_key(
    path: Path | None, environ: Mapping[str, str], registry: Registry, key: str, text: str
) -> Change:
    """
    Write *key* into ``ogfd.d/90-set.toml`` beside the main file.

    Args:
        path: the main file, if the operator named it.
        environ: the environment.
        registry: the plugins, whose models check the change.
        key: dotted.
        text: the value, as TOML; anything else counts as a string.

    Raises:
        ConfigError: with the mistakes that the change would make; nothing was written.
        ValueError: if *key* is no dotted key.
        OSError: if the file cannot be written.
    """
    main = find(path, environ)
    keys = split_key(key)
    if main is None:
        load(path, environ)  # explains where it looked
        message = "the environment is the whole configuration; there is no file to write beside"
        raise ConfigError([Mistake(message=message)])
    file = main.parent / DROP_IN / OVERRIDES
    old = _wrong(path, environ, registry, {})  # also says if *file* is no TOML, and where
    before = tomllib.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    written = tomli_w.dumps(overlay(before, nested(keys, parse_value(text))))
    new = {
        said: mistake
        for said, mistake in _wrong(path, environ, registry, {file: written}).items()
        if said not in old
    }
    if new:
        raise ConfigError(new.values())
    write(file, written, like=main)
    settings, _ = load(path, environ)
    origin = settings.origins.of(keys)
    winner = origin.variable or (None if origin.file == file else str(origin.file))
    return Change(file=file, key=join_key(keys), winner=winner)


def draft(directory: Path, *, installed: bool) -> Draft:
    """
    Return a first configuration: where to keep state, and one sink.

    Args:
        directory: where the file is to lie; paths are relative to the working directory.
        installed: the file is the system's, so the paths are too.
    """
    home = Path("/var/lib/ogfd") if installed else directory
    tables = {
        "daemon": {"state_dir": str(home if installed else home / "state")},
        "sinks": {"main": {"type": "sqlite", "path": str(home / "ogfd.db")}},
    }
    return Draft(tables=tables, notes=())


def inherited(main: Path, environ: Mapping[str, str], registry: Registry) -> Draft:
    """Return the connectors that the predecessor's variables stand for."""
    variables, mistakes = inherited_variables(main, environ)
    notes = [str(mistake) for mistake in mistakes]
    understood: set[str] = set()
    connectors = {}
    for name, named in variables_by_type(variables, registry).items():
        try:
            spec = registry.load_connector(name)
        except PluginProblem as problem:
            notes.append(str(problem))
            continue
        understood |= named.keys() & spec.environment.keys()
        raw, _ = table_of(spec, named)
        if not raw.keys() & spec.streams.keys():
            notes.append(str(streamless(spec, named)))
        connectors[name] = _by_reference(spec, raw, named, notes)
    notes += [
        f"{variable} is set, but no installed connector knows it"
        for variable in sorted(variables.keys() - understood)
    ]
    return Draft(tables={"connectors": connectors} if connectors else {}, notes=tuple(notes))


def checked(main: Path, text: str, environ: Mapping[str, str], registry: Registry) -> Bound:
    """
    Return the configuration as it would be with *text* in *main*.

    Raises:
        ConfigError: with every mistake.
    """
    return load_bound(main, environ, registry, proposed={main: text})


def write(file: Path, text: str, *, like: Path | None = None) -> None:
    """
    Replace *file* in one step; it keeps its owner and mode, a new one gets those of *like*.

    Raises:
        OSError: if it cannot be written; the old file is untouched.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    model = file if file.exists() else like
    handle, name = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")
    temporary = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as out:
            out.write(text)
            out.flush()
            os.fsync(out.fileno())
        if model is not None and model.exists():
            found = model.stat()
            temporary.chmod(stat.S_IMODE(found.st_mode))
            with contextlib.suppress(PermissionError):
                os.chown(temporary, found.st_uid, found.st_gid)
        else:
            mask = os.umask(0o077)
            os.umask(mask)
            temporary.chmod(0o666 & ~mask)
        temporary.replace(file)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _wrong(
    path: Path | None,
    environ: Mapping[str, str],
    registry: Registry,
    proposed: Mapping[Path, str],
) -> dict[tuple[str | None, str], Mistake]:
    """Return mistakes and problems by what they say, whatever the line."""
    settings, mistakes = load(path, environ, proposed=proposed)
    try:
        problems = bind(settings, registry, mistakes).problems
    except ConfigError as exc:
        return {(mistake.key, mistake.message): mistake for mistake in exc.mistakes}
    return {
        (key, str(problem)): settings.origins.mistake((*split_key(key), "type"), str(problem))
        for key, problem in problems.items()
    }


def _by_reference(
    spec: ConnectorSpec,
    raw: Mapping[str, Any],
    variables: Mapping[str, Origin],
    notes: list[str],
) -> dict[str, Any]:
    tables = dict(raw)
    for variable, key in spec.environment.items():
        path = split_key(key)
        value: Any = tables
        for name in path:
            value = value.get(name, {}) if isinstance(value, Mapping) else {}
        if isinstance(value, Secret):
            known = value.reference.startswith(("env:", "file:", "cred:"))
            reference = value.reference if known else f"env:{variable}"
            tables = overlay(tables, nested(path, reference))
            if variables[variable].file is not None:
                notes.append(
                    f"{variable} stands in {variables[variable].file} alone: pass it to the "
                    f"service, or write the secret to a file and set {spec.name}.{key} to file:PATH"
                )
    return tables
