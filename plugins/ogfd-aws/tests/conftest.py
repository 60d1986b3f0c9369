"""An S3 store to read from, and reports to put there."""

import csv
import functools
import gzip
import io
import json
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

import anyio
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from ogfd_aws import ogfd_connector
from ogfd_aws.config import AwsConfig
from ogfd_aws.cur.columns import choose
from ogfd_aws.cur.fields import canonical
from ogfd_aws.cur.mapping import Mapper
from ogfd_aws.cur.reports import Layout
from ogfd_aws.cur.stream import SOURCES
from ogfd_aws.faults import classify
from ogfd_sandbox.carbon import Footprint, footprint, publish
from ogfd_sandbox.cur import CurSettings, Month
from ogfd_sandbox.s3 import S3Server

from ogfd.plugin import Partition, Period, Secret, Stream, Wanted
from ogfd.plugin.tabular import feed
from ogfd.testing import Collected, FakeContext

MONTH = "20261001-20261101"
EVER = Period.months("2022-01", "2026-11")
BASIC = {
    "identity/LineItemId": "abc",
    "bill/PayerAccountId": "111122223333",
    "bill/BillingPeriodStartDate": "2026-10-01T00:00:00Z",
    "lineItem/UsageAccountId": "012345678901",
    "lineItem/LineItemType": "Usage",
    "lineItem/UsageStartDate": "2026-10-02T03:00:00Z",
    "lineItem/UsageEndDate": "2026-10-02T04:00:00Z",
    "lineItem/ProductCode": "AmazonEC2",
    "lineItem/UsageType": "USE2-BoxUsage:m5.large",
    "lineItem/Operation": "RunInstances",
    "lineItem/UsageAmount": "1.5",
    "lineItem/CurrencyCode": "USD",
    "lineItem/UnblendedCost": "0.25",
}


def csv_gz(rows: Sequence[dict[str, str]], headers: Sequence[str] | None = None) -> bytes:
    """Write rows as a report file; each row is BASIC with changes."""
    whole = [{**BASIC, **row} for row in rows]
    names = headers if headers is not None else list(dict.fromkeys(k for row in whole for k in row))
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(names)
    writer.writerows([row.get(name, "") for name in names] for row in whole)
    return gzip.compress(text.getvalue().encode("utf-8", "surrogateescape"))


def parquet(count: int = 1, *, group: int | None = None, **columns: Any) -> bytes:
    """Write rows like BASIC, in the spelling of CUR 2.0, with *columns* in place of some."""
    table = {canonical(name): pa.array([cell] * count) for name, cell in BASIC.items()}
    table |= {name: pa.array(cells) for name, cells in columns.items()}
    out = io.BytesIO()
    pq.write_table(pa.table(table), out, row_group_size=group, store_schema=False)
    return out.getvalue()


def read_file(path: Path, content: bytes, wanted: Wanted | None = None) -> Collected:
    """Read one file the way a slice does."""
    path.write_bytes(content)
    wanted = wanted or Wanted()
    out = Collected(wanted)
    mapper = Mapper(SOURCES[Layout.REPORT], wanted.tags)

    async def drain() -> None:
        await feed(
            path,
            "f.csv.gz",
            out,
            choose=lambda headers, name: choose(headers, wanted, name),
            map=mapper.map,
        )

    anyio.run(drain)
    out.check()
    return out


class Shop:
    """A bucket of its own, and what a test needs to fill and read it."""

    def __init__(self, server: S3Server, spool: Path) -> None:
        self.server = server
        self.spool = spool
        self.logged: list[tuple[str, dict[str, Any]]] = []

    @functools.cached_property
    def bucket(self) -> str:
        """The name of the bucket, which is made for those who ask."""
        name = f"bucket-{next(_buckets)}"
        self.server.create_bucket(name)
        return name

    def put(self, key: str, body: bytes) -> None:
        self.server.put(self.bucket, key, body)

    def put_month(
        self,
        files: dict[str, bytes],
        *,
        root: str = "cur/acme/",
        days: str = MONTH,
        folder: str = "assembly-1/",
        **changes: Any,
    ) -> str:
        """Deliver a month, in overwrite mode if *folder* is empty; return the manifest's key."""
        report = root.rstrip("/").rpartition("/")[2]
        keys = {f"{root}{days}/{folder}{name}": body for name, body in files.items()}
        for key, body in keys.items():
            self.put(key, body)
        start, end = days.split("-")
        content = {
            "assemblyId": "assembly-1",
            "reportName": report,
            "bucket": self.bucket,
            "charset": "UTF-8",
            "compression": "GZIP",
            "contentType": "text/csv",
            "billingPeriod": {"start": f"{start}T000000.000Z", "end": f"{end}T000000.000Z"},
            "reportKeys": list(keys),
            "columns": [],
            "additionalArtifactKeys": [],
        } | changes
        manifest = f"{root}{days}/{report}-Manifest.json"
        self.put(manifest, json.dumps(content).encode())
        return manifest

    def config(self, **cost: Any) -> AwsConfig:
        return AwsConfig(
            endpoint_url=self.server.url,
            access_key_id="test",
            secret_access_key=Secret("test"),
            cost={"bucket": self.bucket, "prefix": "cur"} | cost,
        )

    def carbon(self, **keys: Any) -> AwsConfig:
        """Return the settings of a connector with the stream carbon alone."""
        static = {"access_key_id": "test", "secret_access_key": Secret("test")}
        return AwsConfig(**{"endpoint_url": self.server.url, "carbon": {}} | static | keys)

    def carbon_export(self, **export: Any) -> AwsConfig:
        """Return the settings of a connector with the stream carbon_export alone."""
        told = {"bucket": self.bucket, "prefix": "exports"} | export
        return self.carbon(carbon=None, carbon_export=told)

    def context(self, **options: Any) -> FakeContext:
        options = {"now": datetime(2026, 11, 20, tzinfo=UTC)} | options
        return FakeContext(spool=self.spool, classify=classify, **options)

    @asynccontextmanager
    async def stream(self, ctx: FakeContext | None = None, **cost: Any) -> AsyncIterator[Stream]:
        spec = ogfd_connector()
        async with spec.open(self.config(**cost), ctx or self.context()) as streams:
            yield streams["cost"]

    @asynccontextmanager
    async def emissions(self, ctx: FakeContext | None = None) -> AsyncIterator[Stream]:
        spec = ogfd_connector()
        async with spec.open(self.carbon(), ctx or self.context()) as streams:
            yield streams["carbon"]

    async def emission_months(
        self, window: Period = EVER, ctx: FakeContext | None = None
    ) -> dict[str, Partition]:
        """List the months of the stream carbon, by key."""
        async with self.emissions(ctx) as stream:
            return {each.key: each for each in await stream.partitions(window)}

    async def emitted(
        self,
        month: object = "2026-08",
        ctx: FakeContext | None = None,
        between: Callable[[], None] | None = None,
    ) -> Collected:
        """List all months, then read one; *between* happens after the listing."""
        out = Collected()
        async with self.emissions(ctx) as stream:
            found = {each.key: each for each in await stream.partitions(EVER)}
            if between is not None:
                between()
            await stream.read(found[str(month)], out)
        out.check()
        return out

    @asynccontextmanager
    async def delivered(
        self, ctx: FakeContext | None = None, **export: Any
    ) -> AsyncIterator[Stream]:
        spec = ogfd_connector()
        async with spec.open(self.carbon_export(**export), ctx or self.context()) as streams:
            yield streams["carbon_export"]


WriteFile = Callable[..., bytes]
ReadFile = Callable[..., Collected]


@pytest.fixture
def write() -> WriteFile:
    """Make the content of a report file."""
    return csv_gz


@pytest.fixture
def parquet_of() -> WriteFile:
    """Make the content of a Parquet file."""
    return parquet


@pytest.fixture
def read(tmp_path: Path) -> ReadFile:
    """Read rows, or the content of a file, as a slice would."""

    def run(content: Any, wanted: Wanted | None = None) -> Collected:
        body = content if isinstance(content, bytes) else csv_gz(content)
        return read_file(tmp_path / "f.csv.gz", body, wanted)

    return run


@pytest.fixture(scope="session")
def server() -> Iterator[S3Server]:
    with S3Server() as running:
        yield running


_buckets = count(1)


@pytest.fixture
def shop(server: S3Server, tmp_path: Path) -> Shop:
    server.heal()
    spool = tmp_path / "spool"
    spool.mkdir()
    return Shop(server, spool)


@pytest.fixture
def aws_config(monkeypatch, tmp_path):
    """Write the files of the SDK; nothing else says anything about credentials."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))

    def write(text):
        (tmp_path / "config").write_text(text)

    return write


@pytest.fixture
def made(shop: Shop) -> list[Footprint]:
    """Publish emissions of two months, of an account in no organisation; return them."""
    settings = CurSettings(seed=2, rows=200)
    found = [footprint(settings, Month(2026, month)) for month in (8, 9)]
    publish(shop.server, found)
    shop.server.set_billing()
    return found
