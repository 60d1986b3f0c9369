"""The error that a provider call ends with, made of the last attempt's exception."""

from __future__ import annotations

from typing import NoReturn

from ogfd.plugin import ErrorClass, Fault, SourceError, Throttled, error_of
from ogfd.traffic.faults.wording import clean, describe


def fail(operation: str, attempts: int, exc: Exception, fault: Fault) -> NoReturn:
    """
    Raise *exc* as an error of its class that says what was tried.

    A `SourceError` of that class is raised itself, with operation and attempts filled in; any
    other exception becomes the cause of a new one.

    Raises:
        SourceError: always.
    """
    if isinstance(exc, SourceError) and exc.error_class is fault.error_class:
        exc.operation = exc.operation or operation
        exc.attempts = attempts
        raise exc
    text = clean(fault.message) if fault.message else describe(exc)
    after = f" ({attempts} attempts)" if attempts > 1 else ""
    error = _made(f"{operation}: {text}{after}", fault)
    error.operation, error.code, error.status = operation, fault.code, fault.status
    error.attempts = attempts
    raise error from exc


def _made(message: str, fault: Fault) -> SourceError:
    if fault.throttled and fault.error_class is ErrorClass.TRANSIENT:
        return Throttled(message, retry_after=fault.retry_after, hint=fault.hint)
    return error_of(fault.error_class)(message, hint=fault.hint)
