"""The installed program on a Cost and Usage Report in a local S3, or on what a local Azure has."""

import gzip
import json
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

import pytest
import starting
from ogfd_sandbox.azure.server import AzureServer
from ogfd_sandbox.configuration import CONNECTOR, environment, ogfd_toml
from ogfd_sandbox.cur import Assembly, CurSettings, Month, Place, assemble, put_report
from ogfd_sandbox.s3 import S3Server
from program import azure

MONTH = Month(2026, 8)
PLACE = Place(bucket="billing", report="acme")
SLICE = f"{CONNECTOR}/cost/{MONTH}"


@dataclass
class Site:
    """A bucket with a report, and ogfd beside it."""

    s3: S3Server
    directory: Path
    place: Place = PLACE
    extra: str = ""
    daemon: str = ""
    connector: str = ""
    endpoint_url: str = ""
    environ: dict[str, str] = field(default_factory=environment)

    def put(self, assembly: Assembly) -> None:
        put_report(self.s3, assembly, self.place)

    @property
    def pointer(self) -> str:
        return self.place.pointer(MONTH)

    def files(self, assembly: Assembly) -> list[str]:
        return self.place.files(assembly)

    def spoil(self, key: str, change) -> None:
        """Change the text of a gzipped file in place; the manifest stays."""
        text = gzip.decompress(self.s3.get(self.place.bucket, key))
        self.s3.put(self.place.bucket, key, gzip.compress(change(text)))

    def run(self, *arguments: str, start=starting.run) -> starting.Ended:
        config = self.directory / "ogfd.toml"
        listen = "127.0.0.1:0"
        text = ogfd_toml(
            endpoint_url=self.endpoint_url or self.s3.url,
            place=self.place,
            directory=self.directory,
            start=MONTH,
            listen=listen,
        )
        for table, keys in (("daemon", self.daemon), (f"connectors.{CONNECTOR}", self.connector)):
            text = text.replace(f"[{table}]\n", f"[{table}]\n{keys}", 1)
        config.write_text(text + self.extra)
        return start("-c", config, *arguments, environ=self.environ)

    def sync(self, *arguments: str, start=starting.run) -> dict:
        """Sync and return what became of the month."""
        done = self.run("sync", "--json", *arguments, start=start)
        assert done.returncode in (0, 1), done.stderr
        document = json.loads(done.stdout)
        [run] = document["runs"]
        [outcome] = run["slices"]
        outcome["exit_code"] = done.returncode
        return outcome

    def query(self, sql: str) -> list[tuple]:
        """Ask the sink as any other program would."""
        with closing(sqlite3.connect(self.directory / "ogfd.db")) as db:
            return db.execute(sql).fetchall()

    def sums(self) -> dict[str, Decimal]:
        [(text,)] = self.query("SELECT sums FROM ogfd_ledger")
        return {name: Decimal(amount) for name, amount in json.loads(text).items()}

    def leftovers(self) -> list[Path]:
        state = self.directory / "state"
        return [*(state / "packages").glob("*.tmp"), *(state / "spool").glob("*")]


@pytest.fixture(scope="session")
def s3() -> Iterator[S3Server]:
    with S3Server() as server:
        yield server


@pytest.fixture
def site(s3, tmp_path):
    """Return a site whose bucket is its own."""
    s3.heal()
    bucket = f"billing-{tmp_path.name[-40:].strip('-_').replace('_', '-').lower()}"
    s3.create_bucket(bucket)
    return Site(s3, tmp_path, Place(bucket=bucket, report="acme"))


@pytest.fixture(scope="session")
def first() -> Assembly:
    """Return the first delivery of the month."""
    return assemble(CurSettings(seed=3, rows=3_000, files=3, accounts=3), MONTH)


@pytest.fixture(scope="session")
def synced(s3, first, tmp_path_factory) -> Site:
    """Return a site that holds the first delivery; copy it, leave it as it is."""
    place = Place(bucket="billing-synced", report="acme")
    s3.create_bucket(place.bucket)
    site = Site(s3, tmp_path_factory.mktemp("synced"), place)
    site.put(first)
    assert "committed" == site.sync(start=starting.run_afresh)["outcome"]
    return site


@pytest.fixture
def loaded(synced, tmp_path) -> Site:
    """Return a copy of the synced site: same bucket, own state and sink."""
    synced.s3.heal()
    shutil.copytree(synced.directory, tmp_path, dirs_exist_ok=True)
    return Site(synced.s3, tmp_path, synced.place)


@pytest.fixture(scope="session")
def azure_server() -> Iterator[AzureServer]:
    with AzureServer() as server:
        yield server


@pytest.fixture
def azure_site(azure_server, tmp_path) -> azure.Site:
    """Return a site whose Azure is empty."""
    azure_server.reset()
    return azure.Site(azure_server, tmp_path)
