"""What a plugin's configuration is made of: a strict pydantic model and secrets by reference."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Final, NoReturn

from pydantic import BaseModel, ConfigDict, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from ogfd.plugin.errors import AuthError

_SCHEMES: Final = ("file", "env", "cred")
_HIDDEN: Final = "***"


class _ShapesRows:
    """The type of `SHAPES_ROWS`."""

    def __repr__(self) -> str:
        return "SHAPES_ROWS"


SHAPES_ROWS: Final = _ShapesRows()
"""
Marks a field whose value shapes the rows: ``flavour: Annotated[str, SHAPES_ROWS] = "x"``.

A change of such a field changes the recipe, so the slices it touches are read again.
"""


class PluginConfig(BaseModel):
    """
    Base of every configuration model: unknown keys are refused, instances are frozen.

    Error messages never quote the value that was given, as it may be a secret.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    def shaping(self) -> dict[str, Any]:
        """Return the fields marked `SHAPES_ROWS` as JSON-ready values, part of the recipe."""
        marked = {
            name
            for name, field in type(self).model_fields.items()
            if any(mark is SHAPES_ROWS for mark in field.metadata)
        }
        return self.model_dump(mode="json", include=marked)


class Secret:
    """
    A secret that is known by reference and never renders.

    References: ``file:/path`` (read again at each `reveal`), ``env:NAME``, ``cred:NAME`` (a
    systemd credential, a snapshot taken at the start of the service). A plain value is refused
    unless the configuration says ``[daemon] allow_plain_secrets = true``.
    """

    __slots__ = ("_reference",)

    def __init__(self, reference: str) -> None:
        self._reference = reference

    @property
    def reference(self) -> str:
        """Where the secret comes from; a plain secret shows as ``***``."""
        return self._reference if _scheme(self._reference) else _HIDDEN

    def reveal(self) -> str:
        """
        Return the secret itself. Reads a file or the environment; may be called again.

        Raises:
            AuthError: if the file cannot be read, the variable is not set or the credential was
                not passed to the service.
        """
        scheme = _scheme(self._reference)
        name = self._reference.partition(":")[2]
        match scheme:
            case "file":
                return _read(Path(name), self._reference)
            case "env":
                if name in os.environ:
                    return os.environ[name]
                raise AuthError(
                    f"the secret {self._reference} is not set",
                    hint=f"set the environment variable {name}",
                )
            case "cred":
                return _read(
                    Path(os.environ.get("CREDENTIALS_DIRECTORY", "/run/credentials/ogfd")) / name,
                    self._reference,
                )
            case _:
                return self._reference

    def __repr__(self) -> str:
        return f"Secret({self.reference!r})"

    def __str__(self) -> str:
        return _HIDDEN

    def __format__(self, spec: str, /) -> str:
        return format(_HIDDEN, spec)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._reference == self._reference

    def __hash__(self) -> int:
        return hash(self._reference)

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret cannot be pickled")

    @classmethod
    def __get_pydantic_core_schema__(
        cls, source: type[Any], handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return core_schema.with_info_plain_validator_function(
            cls._validate,
            serialization=core_schema.plain_serializer_function_ser_schema(
                lambda secret: secret.reference, return_schema=core_schema.str_schema()
            ),
        )

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return {"type": "string", "description": "secret reference: file:PATH, env:NAME, cred:NAME"}

    @classmethod
    def _validate(cls, value: Any, info: core_schema.ValidationInfo) -> Secret:
        if isinstance(value, Secret):
            return value
        if not isinstance(value, str):
            raise ValueError("a secret is a string: file:PATH, env:NAME or cred:NAME")  # noqa: TRY004 - pydantic reports ValueError
        plain = bool(info.context and info.context.get("allow_plain_secrets"))
        if _scheme(value) is None and not plain:
            raise ValueError(
                "plain secrets are refused; write file:PATH, env:NAME or cred:NAME, "
                "or set allow_plain_secrets = true in [daemon]"
            )
        return cls(value)


def _scheme(reference: str) -> str | None:
    scheme, colon, name = reference.partition(":")
    return scheme if colon and name and scheme in _SCHEMES else None


def _read(path: Path, reference: str) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as exc:
        reason = exc.strerror if isinstance(exc, OSError) else "not UTF-8 text"
        raise AuthError(
            f"the secret {reference} cannot be read: {reason}",
            hint=f"check that {path} exists and that the user of the service may read it",
        ) from None
