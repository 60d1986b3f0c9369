"""What the fields of a plugin's configuration model say of themselves."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from typing import Any, Final, get_args

from pydantic import BaseModel
from pydantic.fields import FieldInfo

_ATTRIBUTES: Final = re.compile(r"^Attributes:\n(.*?)(?=^\S|\Z)", re.MULTILINE | re.DOTALL)
_ENTRY: Final = re.compile(r"^    (\w+): *(.*(?:\n {5,}.*)*)", re.MULTILINE)


def descriptions(model: type[BaseModel]) -> dict[str, str]:
    """
    Return what each key of *model* is for, empty where the model does not say.

    It is the field's description, else its entry under ``Attributes:`` in the docstring.
    """
    section = _ATTRIBUTES.search(inspect.cleandoc(model.__doc__ or ""))
    written = dict(_ENTRY.findall(section[1])) if section else {}
    return {
        field.alias or name: _clause(field.description or written.get(name, ""))
        for name, field in model.model_fields.items()
    }


def holds(field: FieldInfo, kind: type) -> bool:
    """Tell whether *field* may hold a *kind*: it is of that type, or of a union with it."""
    return _has(field.annotation, kind)


def models(annotation: Any) -> Iterator[type[BaseModel]]:
    """Yield the models in *annotation*."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from models(part)


def _clause(text: str) -> str:
    return " ".join(text.split()).replace("``", "`").removesuffix(".")


def _has(annotation: Any, kind: type) -> bool:
    return annotation is kind or any(_has(part, kind) for part in get_args(annotation))
