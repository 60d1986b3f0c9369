"""What is worked out when Prometheus asks, rather than recorded when it happens."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Protocol

from prometheus_client import CollectorRegistry
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector


class Limiter(Protocol):
    """
    How requests of one group of a connector's operations are held back.

    Attributes:
        operation: the group, such as ``s3``; empty for all without a limit of their own.
        rate: requests per second at present; None if it is no limit.
        is_open: whether a breaker stops the requests.
    """

    @property
    def connector(self) -> str: ...
    @property
    def operation(self) -> str: ...
    @property
    def rate(self) -> float | None: ...
    @property
    def is_open(self) -> bool: ...


class Limiters(Collector):
    """Limiters and breakers as they stand when Prometheus asks: they change without a request."""

    def __init__(self, read: Callable[[], Iterable[Limiter]]) -> None:
        self._read = read

    def describe(self) -> Iterator[Metric]:
        yield from self._families()

    def collect(self) -> Iterator[Metric]:
        rate, is_open = self._families()
        opened: dict[tuple[str, str], bool] = {}
        for each in self._read():
            labels = (each.connector, each.operation)
            if each.rate is not None:
                rate.add_metric(labels, each.rate)
            opened[labels] = each.is_open or opened.get(labels, False)
        for labels, is_opened in opened.items():
            is_open.add_metric(labels, float(is_opened))
        yield rate
        yield is_open

    def _families(self) -> tuple[GaugeMetricFamily, GaugeMetricFamily]:
        labels = ("connector", "operation")
        return (
            GaugeMetricFamily(
                "ogfd_limiter_rate",
                "Requests per second that the limiter of a group of operations allows now.",
                labels=labels,
            ),
            GaugeMetricFamily(
                "ogfd_breaker_open",
                "1 while requests are stopped after failures, but for single probes.",
                labels=labels,
            ),
        )


class WithoutCreated(Collector):
    """The registry without ``_created`` samples, which would double the number of series."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry

    def collect(self) -> Iterator[Metric]:
        for metric in self._registry.collect():
            metric.samples = [s for s in metric.samples if not s.name.endswith("_created")]
            yield metric
