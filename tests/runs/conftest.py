"""A connector that writes a diary, in the real composition."""

from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from making import batch_of, row
from runs.bookkeeping import NOW, Books, changed
from runs.clockwork import Site

from ogfd.config import AccountFilter, ConnectorTable, load
from ogfd.plugin import (
    ConnectorSpec,
    FatalError,
    Kind,
    Partition,
    Period,
    PluginConfig,
    StreamSpec,
    Wanted,
)
from ogfd.registry import Bound, BoundConnector, BoundStream, Registry, bind


class DiaryConfig(PluginConfig):
    cost: PluginConfig | None = None


class Diary:
    """Two months; a month is broken by the error that is set for it."""

    name = "cost"

    def __init__(self) -> None:
        self.entries: list[str] = []
        self.months = ["2026-09", "2026-10"]
        self.broken: dict[str, Exception] = {}
        self.meanwhile = None
        self.version = "v1"
        self.rows = 1

    def break_(self, month: str) -> None:
        self.broken[month] = FatalError("the file is cut")

    async def partitions(self, window):
        self.entries.append("listed")
        return [
            Partition(key=month, period=Period.month(month), version=self.version)
            for month in self.months
        ]

    async def read(self, partition, out):
        self.entries.append(f"read {partition.key}")
        if self.meanwhile is not None:
            await self.meanwhile(partition.key)
        if partition.key in self.broken:
            raise self.broken[partition.key]
        await out.write(batch_of([row(billing_period=partition.key)] * self.rows))


@pytest.fixture
def diary() -> Diary:
    """Return the stream of connector ``d``."""
    return Diary()


@pytest.fixture(scope="session")
def known(tmp_path_factory) -> Bound:
    """Return a configuration with one sink, ``main``, and no connector."""
    directory = tmp_path_factory.mktemp("known")
    path = directory / "ogfd.toml"
    path.write_text(
        f'[daemon]\nstate_dir = "{directory}/state"\nslices = 1\n'
        f'[sinks.main]\ntype = "sqlite"\npath = "{directory}/ogfd.db"\n'
    )
    settings, _ = load(path, {})
    return bind(settings, Registry())


@pytest.fixture
def bound(tmp_path, diary, known) -> Bound:
    """Return that configuration, in a directory of its own, with one connector, ``d``."""

    @asynccontextmanager
    async def opened(config, ctx):
        yield {"cost": diary}

    spec = ConnectorSpec(
        name="diary",
        provider="diary",
        config=DiaryConfig,
        streams={"cost": StreamSpec(config=PluginConfig, kind=Kind.COST)},
        open=opened,
        mapping_version=1,
    )
    sink = known.sinks["main"]
    config = sink.config.model_copy(update={"path": tmp_path / "ogfd.db"})
    daemon = replace(known.settings.daemon, state_dir=tmp_path / "state")
    stream = BoundStream(
        name="cost", spec=spec.streams["cost"], schedule="6h", start="2026-09", wanted=Wanted()
    )
    table = ConnectorTable(name="d", type="diary", accounts=AccountFilter())
    connector = BoundConnector(
        name="d", table=table, spec=spec, config=DiaryConfig(), streams={"cost": stream}
    )
    return Bound(
        settings=replace(known.settings, daemon=daemon, connectors={"d": table}),
        connectors={"d": connector},
        sinks={"main": replace(sink, config=config)},
        problems={},
    )


@pytest.fixture
async def site(bound, monkeypatch):
    """Return a daemon with nothing but connector ``d``, on a clock that the test moves."""
    made = Site(bound)
    monkeypatch.setattr("ogfd.daemon.utc_now", made.now)
    await made.start()
    yield made
    await made.stop()


@pytest.fixture
def books(diary, monkeypatch):
    """Return the provider's own totals of the diary, on a clock that stands still."""
    monkeypatch.setattr("ogfd.daemon.utc_now", lambda: NOW)
    diary.totals = Books()
    return diary.totals


@pytest.fixture
def by_hand(bound) -> Bound:
    """Return the configuration without checks that nobody asked for."""
    return changed(bound, spec={"reconcile": False})
