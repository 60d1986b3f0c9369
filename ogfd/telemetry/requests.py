"""Counts one connector's requests: what `ogfd.traffic` calls its observer."""

from __future__ import annotations

from decimal import Decimal

from ogfd.plugin import ErrorClass
from ogfd.telemetry.metrics import Metrics


class RequestMetrics:
    """Records the attempts of *connector* in *metrics*. Methods are cheap and do not block."""

    def __init__(self, metrics: Metrics, connector: str, provider: str) -> None:
        self._metrics = metrics
        self._connector = connector
        self._provider = provider

    def attempt(
        self,
        operation: str,
        *,
        result: str,
        error_class: ErrorClass | None,  # noqa: ARG002 - result says it already
        seconds: float,
        wait_seconds: float,
    ) -> None:
        """Record an attempt and its wait for a token."""
        self._metrics.attempt(
            connector=self._connector, operation=operation, result=result, seconds=seconds
        )
        self._metrics.waited(connector=self._connector, seconds=wait_seconds)

    def retry(
        self,
        operation: str,  # noqa: ARG002 - not a label: retries are few and alerted on by class
        *,
        error_class: ErrorClass,
        wait_seconds: float,  # noqa: ARG002 - a back-off, not a wait for a token
    ) -> None:
        """Record that an attempt is repeated."""
        self._metrics.retry(connector=self._connector, error_class=error_class)

    def quota(self, operation: str, *, remaining: float) -> None:
        """Record what is left of a quota."""
        self._metrics.quota(connector=self._connector, operation=operation, remaining=remaining)

    def paid(self, operation: str, *, usd: Decimal) -> None:
        """Record that an attempt costs money."""
        self._metrics.paid(
            connector=self._connector,
            provider=self._provider,
            operation=operation,
            usd=float(usd),
        )
