"""A day of a billing export in a stand-in of BigQuery, read under the policy."""

from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager
from decimal import Decimal
from functools import cache
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from ogfd_gcp import ogfd_connector
from ogfd_gcp.config import GcpConfig
from ogfd_sandbox.bigquery.bill import BillSettings, Month, assemble, put, vanish
from ogfd_sandbox.bigquery.server import BigQueryServer
from ogfd_sandbox.bigquery.tables import PROJECT
from traffic.gcp.running import WINDOW, Bench, Ctx, SteppingLoop

from ogfd.plugin import Secret, Stream
from ogfd.traffic import Spool


@pytest.fixture(scope="module")
def anyio_backend() -> Any:
    return "asyncio", {"loop_factory": SteppingLoop}


@pytest.fixture(scope="session")
def served() -> Iterator[Any]:
    """A bill of one day of export, and who serves it."""
    bill = assemble(BillSettings(seed=7, first=Month(2026, 8), months=1, rows=200))
    for day in bill.partitions[1:]:
        bill = vanish(bill, day)
    with BigQueryServer() as server:
        yield server, bill


@pytest.fixture(scope="module")
def bigquery(served: Any) -> Iterator[BigQueryServer]:
    """The stand-in with the bill; its key is in the environment, and nobody waits long."""
    server, bill = served
    server.reset()
    put(server, bill)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OGFD_TEST_KEY", server.credentials_json())
        # Its primes are tested each time, for longer than most tests take.
        patch.setattr(serialization, "load_pem_private_key", cache(load_pem_private_key))
        patch.setattr("ogfd_gcp.jobs._PAUSES", (0.0,))
        patch.setattr("ogfd_gcp.jobs._POLLS", (0.0,))
        for name in ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy"):
            patch.delenv(name, raising=False)
        yield server


@pytest.fixture(scope="module")
def opened(bigquery: BigQueryServer, served: Any, tmp_path_factory: Any) -> Any:
    """Opens the stream under the policy, as the runner does; gives it with its context."""
    [account] = served[1].accounts
    table = f"{PROJECT}.billing.gcp_billing_export_v1_{account.id.replace('-', '_')}"
    spool = Spool(tmp_path_factory.mktemp("spool"), 1 << 20)

    @asynccontextmanager
    async def open_stream(**keys: Any) -> AsyncGenerator[tuple[Stream, Ctx]]:
        known = {
            "job_project": PROJECT,
            "credentials": Secret("env:OGFD_TEST_KEY"),
            "endpoint": bigquery.url,
            "cost": {"table": table},
        }
        ctx = Ctx(spool)
        try:
            async with ogfd_connector().open(GcpConfig(**{**known, **keys}), ctx) as streams:
                yield streams["cost"], ctx
        finally:
            await ctx.aclose()

    return open_stream


@pytest.fixture(scope="module")
async def bench(bigquery: BigQueryServer, opened: Any) -> Any:
    async with opened() as (stream, ctx):
        [partition] = await stream.partitions(WINDOW)
        yield Bench(bigquery, stream, ctx, partition)


@pytest.fixture(scope="module")
def truth(served: Any) -> Decimal:
    return sum(served[1].truth.by("net").values(), Decimal())
