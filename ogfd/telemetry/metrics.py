"""
Every metric of the daemon, in the OpenMetrics or the older text format.

Names and labels are listed in docs/metrics.md and promised to users. Labels are bounded: none
holds an account, a slice or a message. ``instance`` belongs to Prometheus.
"""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from datetime import datetime
from typing import Final

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    PlatformCollector,
    ProcessCollector,
)
from prometheus_client.exposition import choose_encoder

from ogfd import __version__
from ogfd.telemetry.scrape import Limiter, Limiters, WithoutCreated

LABELS: Final = frozenset(
    {
        "connector",
        "provider",
        "stream",
        "sink",
        "outcome",
        "fate",
        "error_class",
        "operation",
        "result",
    }
)
"""The only labels there are, but for the two ``*_info`` metrics, which exist for their labels."""

_RUN_SECONDS: Final = (1, 5, 15, 30, 60, 120, 300, 600, 1800, 3600, 7200, 21600)
_REQUEST_SECONDS: Final = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120)
_COMMIT_SECONDS: Final = (0.01, 0.05, 0.1, 0.5, 1, 5, 15, 60, 300)


class Metrics:
    """
    The metrics, made once and passed to whoever records.

    Methods may be called from any thread, never block and never raise for a label's value.

    Args:
        registry: where the metrics are registered; one registry holds them once.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry
        self._runs(registry)
        self._slices(registry)
        self._requests(registry)
        self._store(registry)
        self.build_info = Gauge(
            "ogfd_build_info",
            "Always 1; the version of ogfd and of Python.",
            ("version", "python"),
            registry=registry,
        )
        self.build_info.labels(__version__, platform.python_version()).set(1)
        self.plugin_info = Gauge(
            "ogfd_plugin_info",
            "Always 1; a plugin that is loaded.",
            ("plugin", "distribution", "version"),
            registry=registry,
        )

    def _runs(self, registry: CollectorRegistry) -> None:
        source = ("connector", "provider")
        self.ingestion_success = Counter(
            "ogfd_ingestion_success", "Runs that succeeded.", source, registry=registry
        )
        self.ingestion_failure = Counter(
            "ogfd_ingestion_failure",
            "Runs that failed, wholly or in part, by the class of the error.",
            (*source, "error_class"),
            registry=registry,
        )
        self.ingestion_items = Counter(
            "ogfd_ingestion_items", "Activities committed by runs.", source, registry=registry
        )
        self.ingestion_latency = Histogram(
            "ogfd_ingestion_latency_seconds",
            "How long runs took.",
            source,
            buckets=_RUN_SECONDS,
            registry=registry,
        )
        self.last_success = Gauge(
            "ogfd_last_success_timestamp_seconds",
            "When a run of the connector last succeeded.",
            source,
            registry=registry,
        )

    def _slices(self, registry: CollectorRegistry) -> None:
        self.slices = Counter(
            "ogfd_slices",
            "Slices that runs went through, by outcome.",
            ("connector", "provider", "stream", "outcome"),
            registry=registry,
        )
        self.rows = Counter(
            "ogfd_rows",
            "Source rows that were read, by what became of them.",
            ("connector", "stream", "fate"),
            registry=registry,
        )
        self.data_end = Gauge(
            "ogfd_data_end_timestamp_seconds",
            "End of the newest activity that a stream has delivered.",
            ("connector", "stream"),
            registry=registry,
        )
        self.slices_held = Gauge(
            "ogfd_slices_held",
            "Slices that wait for approve or reject.",
            ("connector", "stream"),
            registry=registry,
        )
        self.reconciliation_drift = Gauge(
            "ogfd_reconciliation_drift",
            "Largest share by which a month is off the provider's totals; absent if unverified.",
            ("connector", "provider", "stream"),
            registry=registry,
        )
        self.unknown_values = Gauge(
            "ogfd_unknown_values",
            "Regions, services and other values that no table of the connector knows.",
            ("connector", "stream"),
            registry=registry,
        )

    def _requests(self, registry: CollectorRegistry) -> None:
        self.requests = Counter(
            "ogfd_requests",
            "Attempts of provider requests, by result: ok or the class of the error.",
            ("connector", "operation", "result"),
            registry=registry,
        )
        self.request_duration = Histogram(
            "ogfd_request_duration_seconds",
            "How long attempts of provider requests took.",
            ("connector", "operation"),
            buckets=_REQUEST_SECONDS,
            registry=registry,
        )
        self.retries = Counter(
            "ogfd_retries",
            "Attempts that were repeated, by the class of the error.",
            ("connector", "error_class"),
            registry=registry,
        )
        self.limiter_wait = Counter(
            "ogfd_limiter_wait_seconds",
            "Time that requests waited for a token or a breaker.",
            ("connector",),
            registry=registry,
        )
        self.quota_remaining = Gauge(
            "ogfd_quota_remaining",
            "What is left of a quota of the provider, as its last answer said.",
            ("connector", "operation"),
            registry=registry,
        )
        priced = ("connector", "provider", "operation")
        self.paid_requests = Counter(
            "ogfd_paid_requests",
            "Attempts of requests that the provider charges for.",
            priced,
            registry=registry,
        )
        self.paid_usd = Counter(
            "ogfd_paid_requests_usd",
            "What those attempts cost by list price, in US dollars.",
            priced,
            registry=registry,
        )

    def _store(self, registry: CollectorRegistry) -> None:
        self.package_bytes = Gauge(
            "ogfd_package_bytes", "Size of the sealed packages on disk.", registry=registry
        )
        self.commit_duration = Histogram(
            "ogfd_commit_duration_seconds",
            "How long a sink took to commit a slice.",
            ("sink",),
            buckets=_COMMIT_SECONDS,
            registry=registry,
        )

    def connector(self, connector: str, provider: str, streams: Iterable[str]) -> None:
        """Start the connector's counters at 0, so that a rate over the first event is seen."""
        self.ingestion_success.labels(connector, provider)
        self.ingestion_failure.labels(connector, provider, "unknown")
        self.ingestion_items.labels(connector, provider)
        self.limiter_wait.labels(connector)
        for stream in streams:
            self.slices.labels(connector, provider, stream, "committed")
            self.slices_held.labels(connector, stream)

    def plugin(self, plugin: str, distribution: str, version: str) -> None:
        """Record that a plugin was loaded."""
        self.plugin_info.labels(plugin, distribution, version).set(1)

    def attempt(self, *, connector: str, operation: str, result: str, seconds: float) -> None:
        """Record one attempt of a provider request; *result* is ``ok`` or the error's class."""
        self.requests.labels(connector, operation, result).inc()
        self.request_duration.labels(connector, operation).observe(seconds)

    def retry(self, *, connector: str, error_class: str) -> None:
        """Record that an attempt failed and is repeated."""
        self.retries.labels(connector, error_class).inc()

    def waited(self, *, connector: str, seconds: float) -> None:
        """Record how long a request waited for its token, and for breakers."""
        self.limiter_wait.labels(connector).inc(seconds)

    def quota(self, *, connector: str, operation: str, remaining: float) -> None:
        """Record what is left of a quota; *operation* is a group of operations and its name."""
        self.quota_remaining.labels(connector, operation).set(remaining)

    def priced(self, *, connector: str, provider: str, operation: str) -> None:
        """Start the counters of an operation that costs money at 0."""
        self.paid(connector=connector, provider=provider, operation=operation, usd=0, requests=0)

    def paid(
        self, *, connector: str, provider: str, operation: str, usd: float, requests: int = 1
    ) -> None:
        """Record attempts that cost money: how many, and how much in all."""
        self.paid_requests.labels(connector, provider, operation).inc(requests)
        self.paid_usd.labels(connector, provider, operation).inc(usd)

    def limiters(self, read: Callable[[], Iterable[Limiter]]) -> None:
        """Read the limiters and breakers of all connectors at each scrape; to be called once."""
        self._registry.register(Limiters(read))

    def slice_done(
        self,
        *,
        connector: str,
        provider: str,
        stream: str,
        outcome: str,
        fates: Mapping[str, int] | None = None,
        data_end: datetime | None = None,
    ) -> None:
        """
        Record that a run is through with a slice.

        Args:
            connector: its name.
            provider: such as ``aws``.
            stream: such as ``cost``.
            outcome: of the slice, in the design's words.
            fates: source rows by fate: accepted, rejected, filtered. None if nothing was read.
            data_end: end of the newest activity (UTC); never moves the metric back.
        """
        self.slices.labels(connector, provider, stream, outcome).inc()
        for fate, rows in (fates or {}).items():
            self.rows.labels(connector, stream, fate).inc(rows)
        if data_end is not None:
            self.reached(connector=connector, stream=stream, data_end=data_end)

    def reached(self, *, connector: str, stream: str, data_end: datetime) -> None:
        """Record the end of the newest activity (UTC); an earlier one changes nothing."""
        gauge = self.data_end.labels(connector, stream)
        [sample] = (s for metric in gauge.collect() for s in metric.samples)
        gauge.set(max(sample.value, data_end.timestamp()))

    def held(self, *, connector: str, stream: str, slices: int) -> None:
        """Record how many slices of a stream wait for a verdict."""
        self.slices_held.labels(connector, stream).set(slices)

    def unknown(self, *, connector: str, stream: str, values: int) -> None:
        """Record how many values of a stream no table of the connector knows."""
        self.unknown_values.labels(connector, stream).set(values)

    def reconciled(
        self, *, connector: str, provider: str, stream: str, drift: float | None
    ) -> None:
        """Record the largest drift of a stream's months; None if none could be verified."""
        if drift is None:
            with suppress(KeyError):  # older libraries raise it if there is nothing to remove
                self.reconciliation_drift.remove(connector, provider, stream)
        else:
            self.reconciliation_drift.labels(connector, provider, stream).set(drift)

    def run_done(
        self,
        *,
        connector: str,
        provider: str,
        error_class: str | None,
        seconds: float,
        items: int,
        ended_at: datetime,
    ) -> None:
        """
        Record a run.

        Args:
            connector: its name.
            provider: such as ``aws``.
            error_class: None if the run succeeded, else the class of its (first) error.
            seconds: how long it took.
            items: activities that it committed.
            ended_at: in UTC.
        """
        if error_class is None:
            self.ingestion_success.labels(connector, provider).inc()
            self.last_success.labels(connector, provider).set(ended_at.timestamp())
        else:
            self.ingestion_failure.labels(connector, provider, error_class).inc()
        self.ingestion_items.labels(connector, provider).inc(items)
        self.ingestion_latency.labels(connector, provider).observe(seconds)

    def committed(self, *, sink: str, seconds: float) -> None:
        """Record a commit."""
        self.commit_duration.labels(sink).observe(seconds)

    def packages(self, *, size_bytes: int) -> None:
        """Record what the sealed packages take on disk."""
        self.package_bytes.set(size_bytes)

    def exposition(self, accept: str) -> tuple[bytes, str]:
        """
        Render all metrics; takes a few milliseconds per thousand series.

        Args:
            accept: the request's Accept header; ``application/openmetrics-text`` gets that.

        Returns:
            The body and its content type.
        """
        encode, content_type = choose_encoder(accept)
        return encode(WithoutCreated(self._registry)), content_type


def process_registry() -> CollectorRegistry:
    """Return a new registry that has the metrics of the process (``process_*``) and of Python."""
    registry = CollectorRegistry(auto_describe=True)
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    return registry
