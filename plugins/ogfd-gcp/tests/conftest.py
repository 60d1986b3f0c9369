"""A BigQuery to ask, and exports to put there."""

import json
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import Any

import pyarrow as pa
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from google.cloud import bigquery
from google.oauth2 import service_account
from ogfd_gcp import ogfd_connector
from ogfd_gcp.config import GcpConfig
from ogfd_gcp.faults import classify
from ogfd_sandbox.bigquery.server import BigQueryServer
from ogfd_sandbox.bigquery.tables import LOADED, PROJECT, Partitioning, Table

from ogfd.plugin import Secret, Stream
from ogfd.testing import FakeContext

ACCOUNT = "012345-6789AB-CDEF01"
NOW = datetime(2026, 11, 20, tzinfo=UTC)
TEXT = pa.string()
LABELS = pa.list_(pa.struct([("key", TEXT), ("value", TEXT)]))
INSTANT = pa.timestamp("us", tz="UTC")

CARBON = Table(
    name="carbon_footprint",
    dataset="carbon",
    location="EU",
    partitioning=Partitioning(unit="MONTH", field="usage_month"),
)
BILLING = Table(
    name="gcp_billing_export_v1_012345_6789AB_CDEF01", partitioning=Partitioning(unit="DAY")
)

SCOPE2 = pa.struct([("location_based", pa.float64()), ("market_based", pa.float64())])
CARBON_SCHEMA = pa.schema(
    [
        ("usage_month", pa.date32()),
        ("billing_account_id", TEXT),
        ("project", pa.struct([("id", TEXT), ("number", TEXT)])),
        ("service", pa.struct([("id", TEXT), ("description", TEXT)])),
        ("location", pa.struct([("location", TEXT), ("region", TEXT)])),
        ("carbon_model_version", pa.int64()),
        (
            "carbon_footprint_kgCO2e",
            pa.struct([("scope1", pa.float64()), ("scope2", SCOPE2), ("scope3", pa.float64())]),
        ),
        ("carbon_footprint_total_kgCO2e", SCOPE2),
    ]
)
BILLING_SCHEMA = pa.schema(
    [
        ("billing_account_id", TEXT),
        ("service", pa.struct([("id", TEXT), ("description", TEXT)])),
        ("sku", pa.struct([("id", TEXT), ("description", TEXT)])),
        ("usage_start_time", INSTANT),
        ("usage_end_time", INSTANT),
        (
            "project",
            pa.struct([("id", TEXT), ("number", TEXT), ("name", TEXT), ("labels", LABELS)]),
        ),
        ("labels", LABELS),
        ("system_labels", LABELS),
        ("location", pa.struct([(k, TEXT) for k in ("location", "country", "region", "zone")])),
        ("export_time", INSTANT),
        ("cost", pa.float64()),
        ("currency", TEXT),
        ("currency_conversion_rate", pa.float64()),
        ("usage", pa.struct([("amount", pa.float64()), ("unit", TEXT)])),
        (
            "credits",
            pa.list_(pa.struct([("name", TEXT), ("amount", pa.float64()), ("type", TEXT)])),
        ),
        ("invoice", pa.struct([("month", TEXT)])),
        ("cost_type", TEXT),
        ("tags", LABELS),
        ("seller_name", TEXT),
        ("resource", pa.struct([("name", TEXT), ("global_name", TEXT)])),
        (LOADED, INSTANT),
    ]
)


def footprint(
    month: str = "2026-09",
    *,
    kg: float = 0.1,
    market: float | None = 0.05,
    project: tuple[str | None, str] = ("shop", "1001"),
    region: str | None = "europe-west3",
    account: str = ACCOUNT,
    service: tuple[str, str] = ("6F81-5844-456A", "Compute Engine"),
    model: int = 14,
) -> dict[str, Any]:
    """A row of the carbon export: scope 1 and 3 of *kg* each, scope 2 of twice that."""
    half = None if market is None else market
    whole = None if market is None else 2 * kg + market
    return {
        "usage_month": date.fromisoformat(f"{month}-01"),
        "billing_account_id": account,
        "project": {"id": project[0], "number": project[1]},
        "service": {"id": service[0], "description": service[1]},
        "location": {"location": region or "eu", "region": region},
        "carbon_model_version": model,
        "carbon_footprint_kgCO2e": {
            "scope1": kg,
            "scope2": {"location_based": 2 * kg, "market_based": half},
            "scope3": kg,
        },
        "carbon_footprint_total_kgCO2e": {"location_based": 4 * kg, "market_based": whole},
    }


def charge(
    loaded: str = "2026-10-02",
    *,
    cost: float = 1.5,
    hour: str | None = None,
    credits: Iterable[float] = (),
    month: str = "202610",
    labels: Mapping[str, str] | None = None,
    **changes: Any,
) -> dict[str, Any]:
    """A row of a billing export that was loaded on a day: an hour of a machine."""
    day = datetime.fromisoformat(loaded).replace(tzinfo=UTC)
    start = datetime.fromisoformat(hour or f"{loaded}T03:00").replace(tzinfo=UTC)
    return {
        LOADED: day,
        "billing_account_id": ACCOUNT,
        "service": {"id": "6F81-5844-456A", "description": "Compute Engine"},
        "sku": {"id": "AAAA-BBBB-CCCC", "description": "N2 Instance Core running in Frankfurt"},
        "usage_start_time": start,
        "usage_end_time": start + timedelta(hours=1),
        "project": {"id": "shop", "number": "1001", "name": "Shop", "labels": []},
        "labels": _labels(labels or {}),
        "system_labels": _labels({"compute.googleapis.com/machine_spec": "n2-standard-4"}),
        "location": {
            "location": "europe-west3",
            "country": "DE",
            "region": "europe-west3",
            "zone": "europe-west3-a",
        },
        "export_time": day + timedelta(hours=6),
        "cost": cost,
        "currency": "EUR",
        "currency_conversion_rate": 0.92,
        "usage": {"amount": 3600.0, "unit": "seconds"},
        "credits": [
            {"name": "Sustained", "amount": each, "type": "SUSTAINED_USAGE_DISCOUNT"}
            for each in credits
        ],
        "invoice": {"month": month},
        "cost_type": "regular",
        "tags": [],
        "seller_name": "Google",
        "resource": {"name": "vm-1", "global_name": "//compute.googleapis.com/vm-1"},
        **changes,
    }


def _labels(pairs: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"key": key, "value": value} for key, value in pairs.items()]


class Cloud:
    """A BigQuery of its own, and what a test needs to fill and read it."""

    def __init__(self, server: BigQueryServer) -> None:
        self.server = server

    def put_carbon(self, *rows: dict[str, Any], table: Table = CARBON, **options: Any) -> None:
        self.server.set_table(table, pa.Table.from_pylist(list(rows), CARBON_SCHEMA), **options)

    def put_old_carbon(self, *rows: dict[str, Any], table: Table) -> None:
        """Put a carbon export with the columns that the first row has."""
        found = pa.Table.from_pylist(list(rows))
        month = found.schema.get_field_index("usage_month")
        self.server.set_table(table, found.set_column(month, "usage_month", found["usage_month"]))

    def put_bill(
        self,
        *rows: dict[str, Any],
        table: Table = BILLING,
        without: Iterable[str] = (),
        **options: Any,
    ) -> None:
        """Put an export; *without* columns of it."""
        found = pa.Table.from_pylist(list(rows), BILLING_SCHEMA).drop_columns(list(without))
        self.server.set_table(table, found, **options)

    def table(self, name: str) -> Table:
        """Return a billing export of another name."""
        return replace(BILLING, name=name)

    def config(
        self, *, carbon: Any = None, cost: Any = None, reference: Any = None, **keys: Any
    ) -> GcpConfig:
        tables = {
            name: {"table": table.path}
            for name, table in (("carbon", carbon), ("cost", cost))
            if table is not None
        }
        if reference is not None:
            tables["cost"]["reference"] = reference.path
        known = {
            "credentials": Secret("env:OGFD_TEST_KEY"),
            "job_project": PROJECT,
            "endpoint": self.server.url,
        }
        return GcpConfig(**{**known, **tables, **keys})

    def context(self, **options: Any) -> FakeContext:
        return FakeContext(**{"now": NOW, "classify": classify, **options})

    @asynccontextmanager
    async def stream(
        self, name: str, ctx: FakeContext | None = None, table: Table | None = None, **keys: Any
    ) -> AsyncIterator[Stream]:
        """Open a connector for one run, as the daemon does, and give its stream *name*."""
        found = table or {"carbon": CARBON, "cost": BILLING}[name]
        config = self.config(**{name: found}, **keys)
        async with ogfd_connector().open(config, ctx or self.context()) as streams:
            yield streams[name]

    def truth(self, sql: str) -> Any:
        """Return the one cell of a query of the test's own."""
        settings = bigquery.QueryJobConfig(use_legacy_sql=False)
        key = json.loads(self.server.credentials_json())
        known = service_account.Credentials.from_service_account_info(key)
        client = bigquery.Client(
            project=PROJECT, credentials=known, client_options={"api_endpoint": self.server.url}
        )
        found = client.query(sql, job_config=settings, location="US").result()
        client.close()
        return next(iter(found))[0]

    def queries(self, purpose: str) -> list[Any]:
        """Return the jobs that were made for *purpose*."""
        return [job for job in self.server.jobs() if job.labels.get("ogfd") == purpose]


@pytest.fixture(scope="session")
def server() -> Iterator[BigQueryServer]:
    with BigQueryServer() as running, pytest.MonkeyPatch.context() as patch:
        patch.setenv("OGFD_TEST_KEY", running.credentials_json())
        # Its primes are tested each time, for longer than most tests take.
        patch.setattr(serialization, "load_pem_private_key", cache(load_pem_private_key))
        yield running


@pytest.fixture
def cloud(server: BigQueryServer, monkeypatch: pytest.MonkeyPatch) -> Cloud:
    """An empty BigQuery."""
    server.reset()
    for name in ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy"):
        monkeypatch.delenv(name, raising=False)
    return Cloud(server)


Row = Callable[..., dict[str, Any]]


@pytest.fixture
def charged() -> Row:
    """Make a row of a billing export."""
    return charge


@pytest.fixture
def emitted() -> Row:
    """Make a row of the carbon export."""
    return footprint
