"""Checks that what a plugin announces keeps the contract of `ogfd.plugin`."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any, Final

from pydantic.errors import PydanticUserError

from ogfd.config import CONNECTOR_KEYS, SINK_KEYS, STREAM_KEYS, parse_schedule
from ogfd.plugin import ConnectorSpec, Limit, PluginConfig, Price, Secret, SinkSpec, StreamSpec
from ogfd.registry.models import holds

_WORD: Final = re.compile(r"[a-z0-9][a-z0-9_-]*")
_SECRETIVE: Final = re.compile(r"secret|password|passphrase|private_key|token$")


def connector_faults(spec: ConnectorSpec) -> Iterator[str]:
    """Yield what is wrong with *spec*, each a clause that names the attribute."""
    if not _is_word(spec.provider):
        yield "provider must be a lower-case word, such as aws"
    if type(spec.mapping_version) is not int or spec.mapping_version < 1:
        yield "mapping_version must be a whole number of at least 1"
    yield from _uncallable(
        spec, needed=("open",), optional=("principal", "classify", "check", "quotas")
    )
    yield from _model_faults(spec.config, "config", CONNECTOR_KEYS)
    if not spec.streams:
        yield "streams must not be empty"
    for name, stream in spec.streams.items():
        yield from _stream_faults(spec, name, stream)
    for group, limits in spec.limits.items():
        several = [limits] if isinstance(limits, Limit) else limits
        if not several or not all(map(_is_limit, several)):
            yield (
                f"limits[{group!r}] must be a Limit, or several, with a rate above 0, a burst of at "
                "least 1 and a window that is longer than nothing"
            )
    if not callable(spec.prices) and not all(isinstance(p, Price) for p in spec.prices.values()):
        yield "prices must give a Price for each operation, or be a function of the config"
    for variable, key in spec.environment.items():
        if not _known(spec, key):
            yield f"environment[{variable!r}] names a key that config does not have: {key}"


def sink_faults(spec: SinkSpec) -> Iterator[str]:
    """Yield what is wrong with *spec*, each a clause that names the attribute."""
    yield from _uncallable(spec, needed=("open",), optional=("migrate",))
    yield from _model_faults(spec.config, "config", SINK_KEYS)


def remarks(spec: ConnectorSpec | SinkSpec) -> Iterator[str]:
    """Yield what could be better in *spec* but keeps nobody from using it."""
    if not spec.summary:
        yield "summary is empty; ogfd plugins shows it"
    models = [spec.config]
    if isinstance(spec, ConnectorSpec):
        models += [stream.config for stream in spec.streams.values()]
        if spec.check is None:
            yield "check is missing; ogfd check cannot name a missing permission"
    for model in models:
        for name, field in model.model_fields.items():
            if _SECRETIVE.search(name) and not holds(field, Secret):
                yield f"{model.__name__}.{name} looks like a secret; type it as Secret"


def _uncallable(
    spec: object, *, needed: tuple[str, ...], optional: tuple[str, ...]
) -> Iterator[str]:
    for name in (*needed, *optional):
        value = getattr(spec, name)
        if not callable(value) and not (name in optional and value is None):
            yield f"{name} must be callable"


def _is_word(text: object) -> bool:
    return isinstance(text, str) and _WORD.fullmatch(text) is not None


def _is_limit(limit: object) -> bool:
    return (
        isinstance(limit, Limit)
        and 0 < limit.rate < math.inf
        and 1 <= limit.burst < math.inf
        and (limit.window is None or limit.window > timedelta(0))
    )


def _model_faults(model: object, name: str, reserved: Mapping[str, Any]) -> Iterator[str]:
    if not (isinstance(model, type) and issubclass(model, PluginConfig)):
        yield f"{name} must be a subclass of PluginConfig"
        return
    if model.model_config.get("extra") != "forbid":
        yield f"{name} must forbid unknown keys, as PluginConfig does"
    for field in sorted(model.model_fields.keys() & reserved.keys()):
        yield f"{name} has a field {field}, which is a key of ogfd itself"
    try:
        model.model_json_schema()
    except PydanticUserError as exc:
        yield f"{name} has no JSON schema: {exc.message}"


def _stream_faults(spec: ConnectorSpec, name: str, stream: object) -> Iterator[str]:
    where = f"streams[{name!r}]"
    if not isinstance(stream, StreamSpec):
        yield f"{where} must be a StreamSpec"
        return
    if not _is_word(name) or name in CONNECTOR_KEYS:
        yield f"{where} must have a lower-case name that is no key of ogfd itself"
    yield from _model_faults(stream.config, f"{where}.config", STREAM_KEYS)
    field = getattr(spec.config, "model_fields", {}).get(name)
    if field is None or field.is_required() or not holds(field, stream.config):
        yield f"config needs the field {name}: {_name_of(stream.config)} | None = None"
    if stream.schedule is not None:
        try:
            parse_schedule(stream.schedule)
        except ValueError as exc:
            yield f"{where}.schedule: {exc}"


def _name_of(model: object) -> str:
    return str(getattr(model, "__name__", model))


def _known(spec: ConnectorSpec, key: str) -> bool:
    first, dot, rest = key.partition(".")
    stream = spec.streams.get(first)
    if isinstance(stream, StreamSpec) and dot:
        return rest in STREAM_KEYS or rest in stream.config.model_fields
    return first in CONNECTOR_KEYS or first in spec.config.model_fields
