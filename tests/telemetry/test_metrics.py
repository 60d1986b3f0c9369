"""The metrics and what docs/metrics.md promises of them."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.openmetrics.parser import text_string_to_metric_families
from prometheus_client.parser import text_string_to_metric_families as parse_text

from ogfd.plugin import ErrorClass
from ogfd.telemetry.metrics import LABELS, Metrics, process_registry
from ogfd.telemetry.requests import RequestMetrics

DOCS = Path(__file__).parents[2] / "docs" / "metrics.md"
NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
SOURCE = {"connector": "aws-prod", "provider": "aws"}


@dataclass
class Held:
    connector: str
    operation: str
    rate: float | None
    is_open: bool


@pytest.fixture
def registry():
    return CollectorRegistry()


@pytest.fixture
def metrics(registry):
    return Metrics(registry)


def recorded(metrics):
    """Record everything once, so that every metric has a sample."""
    metrics.connector("aws-prod", "aws", ["cost"])
    metrics.plugin("aws", "ogfd-aws", "1.0")
    metrics.attempt(connector="aws-prod", operation="s3:GetObject", result="ok", seconds=0.2)
    metrics.retry(connector="aws-prod", error_class="transient")
    metrics.waited(connector="aws-prod", seconds=1.5)
    metrics.paid(**SOURCE, operation="ce:GetCostAndUsage", usd=0.01)
    metrics.quota(connector="aws-prod", operation="ce:tenant", remaining=7)
    metrics.limiters(lambda: [Held("aws-prod", "s3", rate=25, is_open=False)])
    metrics.slice_done(
        **SOURCE,
        stream="cost",
        outcome="committed",
        fates={"accepted": 10, "rejected": 1, "filtered": 2},
        data_end=NOON,
    )
    metrics.held(connector="aws-prod", stream="cost", slices=3)
    metrics.unknown(connector="aws-prod", stream="cost", values=2)
    metrics.reconciled(**SOURCE, stream="cost", drift=0.01)
    metrics.run_done(**SOURCE, error_class=None, seconds=4, items=10, ended_at=NOON)
    metrics.run_done(**SOURCE, error_class="auth", seconds=4, items=0, ended_at=NOON)
    metrics.committed(sink="main", seconds=0.3)
    metrics.packages(size_bytes=1000)
    return metrics


def documented():
    rows = re.findall(r"^\| `(ogfd_\w+)` \| (\w+) \| ([^|]*)\|", DOCS.read_text(), re.MULTILINE)
    return {name: (kind, frozenset(re.findall(r"`(\w+)`", labels))) for name, kind, labels in rows}


def exposed(metrics):
    """Return name -> (type, labels) as the documentation writes them."""
    body, _ = recorded(metrics).exposition("")
    found = {}
    for family in parse_text(body.decode()):
        name = f"{family.name}_total" if family.type == "counter" else family.name
        labels = {label for sample in family.samples for label in sample.labels} - {"le"}
        found[name] = (family.type, frozenset(labels))
    return found


def test_every_metric_is_documented_and_every_documented_metric_exists(metrics):
    """docs/metrics.md lists exactly the metrics there are, with type and labels."""
    assert documented() == exposed(metrics)


def test_labels_are_the_promised_ones_and_never_instance(metrics):
    """Only info metrics, which exist for their labels, may have others."""
    used = set()
    for name, (_, labels) in exposed(metrics).items():
        if not name.endswith("_info"):
            used |= labels

    assert used <= LABELS
    assert "instance" not in used


def test_counters_end_in_total_and_nothing_else_does(metrics):
    """As OpenMetrics wants it."""
    for name, (kind, _) in exposed(metrics).items():
        assert (kind == "counter") == name.endswith("_total"), name


def test_openmetrics_is_served_to_those_who_accept_it(metrics):
    """The strict parser reads it, it ends with its mark, and the content type says so."""
    body, content_type = recorded(metrics).exposition(
        "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5"
    )

    assert content_type.startswith("application/openmetrics-text; version=1.0.0")
    assert body.endswith(b"# EOF\n")
    assert len(documented()) == len(list(text_string_to_metric_families(body.decode())))


def test_the_older_format_is_served_to_everybody_else(metrics):
    """A browser or curl gets plain text."""
    body, content_type = metrics.exposition("*/*")

    assert content_type.startswith("text/plain")
    assert b"# EOF" not in body


def test_there_are_no_created_series(metrics):
    """They would double the number of series."""
    recorded(metrics)
    for accept in ("", "application/openmetrics-text"):
        assert b"_created" not in metrics.exposition(accept)[0]


def test_a_successful_run_counts_items_and_moves_the_time_of_the_last_success(metrics, registry):
    """A failed one does not."""
    later = datetime(2026, 11, 22, tzinfo=UTC)
    metrics.run_done(**SOURCE, error_class=None, seconds=4, items=10, ended_at=NOON)
    metrics.run_done(**SOURCE, error_class="auth", seconds=4, items=5, ended_at=later)

    value = registry.get_sample_value
    assert 1 == value("ogfd_ingestion_success_total", SOURCE)
    assert 1 == value("ogfd_ingestion_failure_total", {**SOURCE, "error_class": "auth"})
    assert 15 == value("ogfd_ingestion_items_total", SOURCE)
    assert 2 == value("ogfd_ingestion_latency_seconds_count", SOURCE)
    assert NOON.timestamp() == value("ogfd_last_success_timestamp_seconds", SOURCE)


def test_the_end_of_the_data_never_moves_back(metrics, registry):
    """Slices are read newest first; an older one must not hide that newer data is there."""
    for day in (20, 5):
        metrics.slice_done(
            **SOURCE,
            stream="cost",
            outcome="committed",
            data_end=datetime(2026, 11, day, tzinfo=UTC),
        )

    labels = {"connector": "aws-prod", "stream": "cost"}
    expected = datetime(2026, 11, 20, tzinfo=UTC).timestamp()
    assert expected == registry.get_sample_value("ogfd_data_end_timestamp_seconds", labels)


def test_rows_are_counted_by_fate(metrics, registry):
    """Source rows = accepted + rejected + filtered."""
    for _ in range(2):
        metrics.slice_done(
            **SOURCE, stream="cost", outcome="committed", fates={"accepted": 3, "filtered": 2}
        )

    labels = {"connector": "aws-prod", "stream": "cost"}
    assert 6 == registry.get_sample_value("ogfd_rows_total", {**labels, "fate": "accepted"})
    assert 4 == registry.get_sample_value("ogfd_rows_total", {**labels, "fate": "filtered"})


def test_counters_of_a_configured_connector_start_at_zero(metrics, registry):
    """Otherwise the first event would be no increase."""
    metrics.connector("aws-prod", "aws", ["cost"])
    metrics.priced(**SOURCE, operation="ce:GetCostAndUsage")

    paid = {**SOURCE, "operation": "ce:GetCostAndUsage"}
    assert 0 == registry.get_sample_value("ogfd_paid_requests_total", paid)
    assert 0 == registry.get_sample_value("ogfd_paid_requests_usd_total", paid)
    labels = {**SOURCE, "stream": "cost", "outcome": "committed"}
    assert 0 == registry.get_sample_value("ogfd_slices_total", labels)
    assert 0 == registry.get_sample_value("ogfd_ingestion_success_total", SOURCE)


def test_attempts_are_counted_as_the_traffic_reports_them(metrics, registry):
    """One connector's observer feeds requests, durations, waits and retries."""
    observer = RequestMetrics(metrics, "aws-prod", "aws")
    observer.attempt("s3:GetObject", result="ok", error_class=None, seconds=0.1, wait_seconds=0.5)
    observer.attempt(
        "s3:GetObject",
        result="transient",
        error_class=ErrorClass.TRANSIENT,
        seconds=0.1,
        wait_seconds=1,
    )
    observer.retry("s3:GetObject", error_class=ErrorClass.TRANSIENT, wait_seconds=2)
    for _ in range(2):
        observer.paid("ce:GetCostAndUsage", usd=Decimal("0.01"))
    for left in (9.0, 7.0):
        observer.quota("cost_query:tenant", remaining=left)

    value = registry.get_sample_value
    call = {"connector": "aws-prod", "operation": "s3:GetObject"}
    only = {"connector": "aws-prod"}
    assert 1 == value("ogfd_requests_total", {**call, "result": "ok"})
    assert 1 == value("ogfd_requests_total", {**call, "result": "transient"})
    assert 2 == value("ogfd_request_duration_seconds_count", call)
    assert 1.5 == value("ogfd_limiter_wait_seconds_total", only)
    assert 1 == value("ogfd_retries_total", {**only, "error_class": "transient"})
    paid = {**SOURCE, "operation": "ce:GetCostAndUsage"}
    assert 2 == value("ogfd_paid_requests_total", paid)
    assert 0.02 == value("ogfd_paid_requests_usd_total", paid)
    assert 7 == value("ogfd_quota_remaining", {**only, "operation": "cost_query:tenant"})


def test_limiters_and_breakers_are_read_when_prometheus_asks(metrics, registry):
    """They change by the mere passing of time, and by what other connectors do."""
    held = [Held("a", "s3", rate=12.5, is_open=False), Held("a", "credentials", None, is_open=True)]
    metrics.limiters(lambda: held)
    value = registry.get_sample_value
    s3, credentials = (
        {"connector": "a", "operation": operation} for operation in ("s3", "credentials")
    )

    assert 12.5 == value("ogfd_limiter_rate", s3)
    assert value("ogfd_limiter_rate", credentials) is None
    assert (0, 1) == (value("ogfd_breaker_open", s3), value("ogfd_breaker_open", credentials))

    held[:] = [
        Held("a", "s3", rate=6, is_open=True),
        Held("a", "s3", rate=None, is_open=False),  # the same operation about something else
    ]

    assert (6, 1) == (value("ogfd_limiter_rate", s3), value("ogfd_breaker_open", s3))
    assert value("ogfd_breaker_open", credentials) is None


def test_the_registry_of_the_process_has_its_memory_and_takes_the_metrics():
    """Operators watch the daemon's memory."""
    registry = process_registry()
    body, _ = Metrics(registry).exposition("")

    assert b"process_resident_memory_bytes" in body
    assert b"ogfd_build_info" in body
