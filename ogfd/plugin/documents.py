"""JSON as money needs it: fractions digit by digit, and nothing that JSON does not have."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from typing import Any, Final, NoReturn

_LARGEST_EXPONENT: Final = 400  # beyond a double's 308; such a number, written out, fills memory

Hook = Callable[[dict[str, Any]], Any]
"""Is called for each object that was parsed, and returns what stands for it."""


def document_of(body: bytes, *, object_hook: Hook | None = None) -> Any:
    """
    Return the one JSON document in *body*; its fractions are `decimal.Decimal`.

    Raises:
        ValueError: if it is not one, such as HTML, a cut body, or one with a ``NaN``.
    """
    try:
        return json.loads(
            body, object_hook=object_hook, parse_float=_fraction, parse_constant=_refuse
        )
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def _fraction(text: str) -> Decimal:
    try:
        number = Decimal(text)
    except InvalidOperation:  # its exponent does not even fit into a decimal
        raise ValueError("a number is out of range") from None
    if number and abs(number.adjusted()) > _LARGEST_EXPONENT:
        raise ValueError("a number is out of range")
    return number


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no JSON")
