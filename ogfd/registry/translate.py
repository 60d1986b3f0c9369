"""A plugin's model over the operator's table: pydantic's errors become mistakes with a place."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from ogfd.config import KeyPath, Mistake, Origins, did_you_mean, nested, overlay
from ogfd.plugin import PluginConfig
from ogfd.registry.models import descriptions, models


class Refused(Exception):  # noqa: N818 - carries mistakes to the caller next door
    """The table does not fit the model; *mistakes* say why."""

    def __init__(self, mistakes: Iterable[Mistake]) -> None:
        super().__init__("the table does not fit the model of the plugin")
        self.mistakes = tuple(mistakes)


def validate(
    model: type[PluginConfig],
    values: Mapping[str, Any],
    *,
    path: KeyPath,
    origins: Origins,
    reserved: Mapping[KeyPath, Iterable[str]],
    allow_plain_secrets: bool,
) -> PluginConfig:
    """
    Return *values* as an instance of *model*.

    Args:
        model: the plugin's.
        values: what the operator wrote, without reserved keys.
        path: of the table.
        origins: where the keys came from.
        reserved: keys that ogfd itself reads, by table inside of *values* (``()`` is the table
            itself), for the did-you-mean.
        allow_plain_secrets: whether a secret may be written as it is.

    Raises:
        Refused: with every mistake.
        Exception: what a broken validator of the plugin raises.
    """
    context = {"allow_plain_secrets": allow_plain_secrets}
    try:
        return model.model_validate(values, context=context)
    except ValidationError as exc:
        first = exc
    again = values
    for error in first.errors():
        # A variable's 42 was taken for a number where the model wants a string.
        inner = _inner(error["loc"], values)
        text = origins.text((*path, *inner)) if error["type"] == "string_type" else None
        if text is not None:
            again = overlay(again, nested(inner, text))
    try:
        return model.model_validate(again, context=context)
    except ValidationError as exc:
        raise Refused(
            origins.mistake(
                (*path, *(inner := _inner(error["loc"], again))),
                _message(error, inner, model, reserved),
            )
            for error in exc.errors()
        ) from None


def _message(
    error: ErrorDetails,
    inner: KeyPath,
    model: type[PluginConfig],
    reserved: Mapping[KeyPath, Iterable[str]],
) -> str:
    match error["type"]:
        case "extra_forbidden":
            known = {*_fields(model, inner[:-1]), *reserved.get(inner[:-1], ())}
            return f"unknown key{did_you_mean(inner[-1], known)}"
        case "missing":
            about = _fields(model, inner[:-1]).get(inner[-1])
            return f"is missing: {about}" if about else "is missing"
        case "value_error" | "assertion_error":
            return _redacted(error)
        case "path_type":
            return "must be a path"
        case "model_type" | "dict_type" | "model_attributes_type":
            return "must be a table"
        case _:
            return error["msg"][:1].lower() + error["msg"][1:]


def _inner(loc: tuple[int | str, ...], values: Any) -> KeyPath:
    """Return *loc* without what is no key: pydantic adds the names of union members."""
    keys: list[str] = []
    for depth, part in enumerate(loc):
        if isinstance(values, Mapping):
            if part in values:
                values = values[part]
            elif depth < len(loc) - 1:
                continue
        elif isinstance(values, list | tuple) and isinstance(part, int):
            values = values[part] if part < len(values) else None
        else:
            continue
        keys.append(str(part))
    return tuple(keys)


def _redacted(error: ErrorDetails) -> str:
    message = error["msg"].partition(", ")[2] or error["msg"]
    for value in _scalars(error["input"]):
        if len(value) > 2:
            message = message.replace(value, "***")
    return message


def _scalars(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        for item in value.values():
            yield from _scalars(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _scalars(item)
    else:
        yield str(value)


def _fields(model: type[BaseModel], inner: KeyPath) -> dict[str, str]:
    """Return the keys of the model at *inner* with their descriptions."""
    for name in inner:
        field = model.model_fields.get(name)
        nearer = None if field is None else next(models(field.annotation), None)
        if nearer is None:
            return {}
        model = nearer
    return descriptions(model)
