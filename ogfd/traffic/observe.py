"""What the policy tells about its attempts; telemetry implements it, this package does not."""

from __future__ import annotations

import logging
from collections.abc import Callable
from decimal import Decimal
from typing import Any, Final, Protocol

from ogfd.plugin import ErrorClass

OK: Final = "ok"
BUG: Final = "bug"
CANCELLED: Final = "cancelled"


class Observer(Protocol):
    """Sees every attempt of one connector. Methods must be cheap and must not block."""

    def attempt(
        self,
        operation: str,
        *,
        result: str,
        error_class: ErrorClass | None,
        seconds: float,
        wait_seconds: float,
    ) -> None:
        """
        One attempt ended.

        Args:
            operation: such as ``s3:GetObject``.
            result: ``ok``, a class of error, ``source_changed``, ``not_published``, ``parked``,
                ``bug`` or ``cancelled``.
            error_class: the class of the error, if it was one.
            seconds: how long the attempt took, without the wait for a token.
            wait_seconds: how long it waited for tokens and breakers.
        """
        ...

    def retry(self, operation: str, *, error_class: ErrorClass, wait_seconds: float) -> None:
        """Another attempt will follow after *wait_seconds*, because of an error of that class."""
        ...

    def paid(self, operation: str, *, usd: Decimal) -> None:
        """An attempt is about to be sent that the provider charges *usd* US dollars for."""
        ...

    def quota(self, operation: str, *, remaining: float) -> None:
        """An answer says what is left of a quota; *operation* is a group and the quota's name."""
        ...


class Unobserved:
    """An observer that looks away."""

    def attempt(
        self,
        operation: str,
        *,
        result: str,
        error_class: ErrorClass | None,
        seconds: float,
        wait_seconds: float,
    ) -> None:
        """Do nothing."""

    def retry(self, operation: str, *, error_class: ErrorClass, wait_seconds: float) -> None:
        """Do nothing."""

    def paid(self, operation: str, *, usd: Decimal) -> None:
        """Do nothing."""

    def quota(self, operation: str, *, remaining: float) -> None:
        """Do nothing."""


class Guarded:
    """Passes everything on; an observer that fails is logged and fails no provider call."""

    def __init__(self, observer: Observer, log: logging.LoggerAdapter[Any]) -> None:
        self._observer = observer
        self._log = log

    def attempt(self, operation: str, **facts: Any) -> None:
        """Pass on that an attempt ended."""
        self._pass_on(self._observer.attempt, operation, facts)

    def retry(self, operation: str, **facts: Any) -> None:
        """Pass on that another attempt follows."""
        self._pass_on(self._observer.retry, operation, facts)

    def paid(self, operation: str, **facts: Any) -> None:
        """Pass on that an attempt costs money."""
        self._pass_on(self._observer.paid, operation, facts)

    def quota(self, operation: str, **facts: Any) -> None:
        """Pass on what is left of a quota."""
        self._pass_on(self._observer.quota, operation, facts)

    def _pass_on(self, method: Callable[..., None], subject: str, facts: dict[str, Any]) -> None:
        try:
            method(subject, **facts)
        except Exception:  # noqa: BLE001 - the border to telemetry, which must cost no request
            self._log.exception("an observer failed")


def debug(log: logging.LoggerAdapter[Any], message: str, **fields: Any) -> None:
    """Log *message* with *fields* beside those of the adapter, which would replace them."""
    if log.isEnabledFor(logging.DEBUG):
        log.logger.debug(message, extra={**(log.extra or {}), **fields}, stacklevel=2)
