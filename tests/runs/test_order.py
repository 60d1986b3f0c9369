"""A run of a whole connector through the real composition, with a stream that writes a diary."""

from contextlib import asynccontextmanager

from making import batch_of, row

from ogfd.config import AccountFilter, ConnectorTable, load
from ogfd.daemon import open_app
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
from ogfd.runs import RunOutcome, RunRequest, Trigger


class DiaryConfig(PluginConfig):
    cost: PluginConfig | None = None


class Diary:
    """Two months; the first one to be read is broken if it is told so."""

    name = "cost"

    def __init__(self, entries: list[str], broken: str = "") -> None:
        self.entries = entries
        self.broken = broken

    async def partitions(self, window):
        self.entries.append("listed")
        return [
            Partition(key=month, period=Period.month(month), version="v1")
            for month in ("2026-09", "2026-10")
        ]

    async def read(self, partition, out):
        self.entries.append(f"read {partition.key}")
        if partition.key == self.broken:
            raise FatalError("the file is cut")
        await out.write(batch_of([row(billing_period=partition.key)]))


def bound(tmp_path, diary) -> Bound:
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
    path = tmp_path / "ogfd.toml"
    path.write_text(
        f'[daemon]\nstate_dir = "{tmp_path}/state"\n'
        f'[sinks.main]\ntype = "sqlite"\npath = "{tmp_path}/ogfd.db"\n'
    )
    settings, _ = load(path, {})
    known = bind(settings, Registry())
    stream = BoundStream(
        name="cost", spec=spec.streams["cost"], schedule="6h", start="2026-09", wanted=Wanted()
    )
    table = ConnectorTable(name="d", type="diary", accounts=AccountFilter())
    connector = BoundConnector(
        name="d", table=table, spec=spec, config=DiaryConfig(), streams={"cost": stream}
    )
    return Bound(settings=settings, connectors={"d": connector}, sinks=known.sinks, problems={})


async def run(app, entries):
    sink = app.runner.sinks["main"]
    ledger = sink.ledger

    async def told(slices=None):
        entries.append("ledger")
        return await ledger(slices)

    sink.ledger = told
    request = RunRequest(connector="d", trigger=Trigger.CLI)
    return await app.runner.run(request, lambda event: None)


async def test_the_ledger_is_read_before_the_source_is_listed(tmp_path):
    """The base of the compare-and-swap is older than the version that it guards; newest first."""
    entries: list[str] = []
    async with open_app(bound(tmp_path, Diary(entries))) as app:
        result = await run(app, entries)

    assert RunOutcome.SUCCEEDED is result.outcome
    assert ["ledger", "listed", "read 2026-10", "read 2026-09"] == entries


async def test_one_broken_slice_makes_the_run_partial(tmp_path):
    """The other slice is committed, the run says that it was not all."""
    entries: list[str] = []
    async with open_app(bound(tmp_path, Diary(entries, broken="2026-10"))) as app:
        result = await run(app, entries)

    assert RunOutcome.PARTIAL is result.outcome
    outcomes = {each.slice: str(each.outcome) for each in result.slices}
    assert {"d/cost/2026-09": "committed", "d/cost/2026-10": "failed"} == outcomes
