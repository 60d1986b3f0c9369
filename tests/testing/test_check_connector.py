"""The kit for connectors lets a right connector pass and names what is wrong with a wrong one."""

import asyncio
import json
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from itertools import count

import anyio
import pyarrow as pa
import pytest

from ogfd.plugin import (
    ActivityBuilder,
    ConnectorSpec,
    FatalError,
    Kind,
    Partition,
    Period,
    PluginConfig,
    Response,
    SourceError,
    StreamSpec,
)
from ogfd.testing import FakeContext, NotConformant, check_connector

_OCTOBER = Period.month("2026-10")
_counter = count()


class _Config(PluginConfig):
    cost: PluginConfig | None = PluginConfig()


class _Stream:
    """Lists one month and reads three pages, wrong in the way that *flaw* says."""

    name = "cost"

    def __init__(self, ctx, flaw, background):
        self._ctx, self._flaw, self._background = ctx, flaw, background

    async def partitions(self, window):
        await self._get("list")
        secret = self._flaw == "tells a secret"
        self._ctx.signed_in("Bearer sesame" if secret else "ogfd@acme.example")
        version = f"v{next(_counter)}" if self._flaw == "versions change" else "v1"
        partition = Partition(key="2026-10", period=_OCTOBER, version=version)
        return [partition, partition] if self._flaw == "doubled partition" else [partition]

    async def read(self, partition, out):
        if self._flaw == "leaks a task":
            self._background.start_soon(anyio.sleep_forever)
        async with ActivityBuilder(out) as builder:
            for page in range(3):
                for row in await self._page(page):
                    await builder.add(row)
        if self._flaw == "no fate":
            await out.write(_batch(1), source_rows=2)
        if self._flaw == "unknown column":
            await out.write(_batch(1).rename_columns(["servise", "period_start", "period_end"]))
        if self._flaw == "other rows each time":
            await out.write(_batch(next(_counter) + 2))

    async def _page(self, page):
        try:
            answer = await self._get(f"page{page}")
        except SourceError as exc:
            if self._flaw == "swallows errors":
                return []
            if self._flaw == "errors become fatal":
                raise FatalError("gone") from exc
            if self._flaw == "errors are wrapped":
                raise RuntimeError("gone") from exc
            raise
        except anyio.get_cancelled_exc_class():
            if self._flaw == "swallows cancellation":
                return []
            raise
        return [_row(name) for name in answer.json()]

    async def _get(self, what):
        return await self._ctx.request("GET", f"https://x.test/{what}", operation=f"x:{what}")


def _row(service):
    start = datetime(2026, 10, 1, tzinfo=UTC)
    return {"service": service, "period_start": start, "period_end": start + timedelta(days=1)}


def _batch(rows):
    return pa.RecordBatch.from_pylist([_row("extra")] * rows)


def _spec(flaw=""):
    @asynccontextmanager
    async def open_it(config, ctx):
        if flaw != "leaks a task":
            yield {"cost": _Stream(ctx, flaw, None)}
            return
        group = _Leaky()
        yield {"cost": _Stream(ctx, flaw, group)}

    return ConnectorSpec(
        name="x",
        provider="x",
        config=_Config,
        streams={"cost": StreamSpec(config=PluginConfig, kind=Kind.COST)},
        open=open_it,
        mapping_version=1,
    )


class _Leaky:
    """Starts tasks that nobody waits for, as a careless connector does."""

    def start_soon(self, func):
        task = asyncio.get_running_loop().create_task(func())
        _leaked.append(task)


_leaked: list[asyncio.Task[None]] = []


@pytest.fixture(autouse=True)
async def _no_leaks():
    yield
    for task in _leaked:
        task.cancel()
    _leaked.clear()


def _context():
    def respond(request):
        body = json.dumps([f"service {n}" for n in range(4)]).encode()
        return Response(status=200, headers={}, body=body, url=request.url)

    return FakeContext(respond=respond)


async def test_a_right_connector_passes():
    """Nothing is asked for that the contract does not promise."""
    await check_connector(_spec(), _Config(), window=_OCTOBER, context=_context)


@pytest.mark.parametrize(
    ("flaw", "finding"),
    [
        ("versions change", "listed twice"),
        ("doubled partition", "comes twice"),
        ("leaks a task", "leaves a task behind"),
        ("no fate", "source_rows is given in some writes"),
        ("unknown column", "'servise' is not a column"),
        ("other rows each time", "read twice"),
        ("tells a secret", "signed_in: .* looks like a secret"),
        ("swallows errors", r"call 2 \(x:page0\) is swallowed"),
        ("errors become fatal", "surfaces as FatalError"),
        ("errors are wrapped", "surfaces as RuntimeError"),
        ("swallows cancellation", r"a cancellation at call 2 \(x:page0\) is swallowed"),
    ],
)
async def test_a_wrong_connector_is_caught(flaw, finding):
    """Each flaw is found and named."""
    with pytest.raises(NotConformant, match=finding):
        await check_connector(_spec(flaw), _Config(), window=_OCTOBER, context=_context)


async def test_a_connector_without_partitions_is_not_checked_in_silence():
    """A window in which nothing is listed would let everything pass."""

    @asynccontextmanager
    async def nothing(config, ctx):
        yield {}

    empty = ConnectorSpec(
        name="x", provider="x", config=_Config, streams={}, open=nothing, mapping_version=1
    )
    with pytest.raises(NotConformant, match="nothing to check"):
        await check_connector(empty, _Config(), window=_OCTOBER, context=_context)
