"""The real daemon over the billing API, on a clock that steps where something would wait."""

from __future__ import annotations

import asyncio
import functools
import os
import shutil
import socket
from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import anyio.lowlevel
import pytest
from faults.certificate import certificate
from faults.connector import BillingConfig, billing
from faults.server import OPERATIONS, BillingApi

import ogfd.runs.doors
from ogfd.config import AccountFilter, ConnectorTable, load
from ogfd.daemon import open_app
from ogfd.plugin import Wanted
from ogfd.registry import Bound, BoundConnector, BoundStream, Registry, bind
from ogfd.runs import RunOutcome, RunRequest, RunResult, Trigger
from ogfd.runs.due import dues
from ogfd.traffic import Lanes

START = datetime(2026, 10, 20, tzinfo=UTC)
ASKED = {"discover": "Partitions", "page": "Page2", "download": "Object"}
LINKED = {"discover": "Page1", "page": "Page2", "download": "Object"}


class SteppingLoop(asyncio.SelectorEventLoop):
    """A loop whose clock can be put forward: what waits for a timer gets on with it."""

    ahead = 0.0

    def time(self):
        return super().time() + self.ahead


@pytest.fixture
def anyio_backend():
    return "asyncio", {"loop_factory": SteppingLoop}


class Clock:
    """
    The loop's clock. A pause of the policy is written down and stepped over.

    Attributes:
        pauses: their seconds.
        meanwhile: is awaited in the first pause.
    """

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._began = self._loop.time()
        self.pauses: list[float] = []
        self.meanwhile: Callable[[], Awaitable[None]] | None = None

    def monotonic(self) -> float:
        return self._loop.time()

    def now(self) -> datetime:
        return START + timedelta(seconds=self._loop.time() - self._began)

    def step(self, seconds: float) -> None:
        self._loop.ahead += seconds

    async def sleep(self, seconds: float) -> None:
        if seconds:
            self.pauses.append(seconds)
        self.step(seconds)
        meanwhile, self.meanwhile = self.meanwhile, None
        if meanwhile is not None:
            await meanwhile()
        await anyio.lowlevel.checkpoint()


class Attempts:
    """An observer that remembers how each attempt of each operation ended."""

    def __init__(self) -> None:
        self.results: dict[str, list[str]] = {}

    def attempt(self, operation, *, result, **_):
        self.results.setdefault(operation.removeprefix("billing:"), []).append(result)

    def __getattr__(self, name):
        return lambda *_, **__: None


class Way:
    """The way to one endpoint: what is wrong with it, if *kind* says so, and how to clear it."""

    def __init__(self, api, operation, kind, trusted, strange, unresolvable) -> None:
        self.kind = kind
        self._endpoint = api.endpoints[operation]
        self._name = f"{operation}.test"
        self._contexts = trusted, strange
        self._unresolvable = unresolvable
        if kind == "unresolvable":
            api.urls[operation] = f"http://{self._name}:{self._endpoint.port}"
        elif kind in {"cut_handshake", "untrusted"}:
            api.urls[operation] = f"https://127.0.0.1:{self._endpoint.port}"

    async def spoil(self) -> None:
        match self.kind:
            case "unresolvable":
                self._unresolvable.add(self._name)
            case "refused":
                self._endpoint.refuse()
            case "cut_handshake":
                await self._endpoint.serve(cut=True)
            case "untrusted":
                await self._endpoint.serve(tls=self._contexts[1])

    async def clear(self) -> None:
        match self.kind:
            case "unresolvable":
                self._unresolvable.clear()
            case "refused":
                await self._endpoint.serve()
            case "cut_handshake" | "untrusted":
                await self._endpoint.serve(tls=self._contexts[0])


class World:
    """A daemon with one sink and one connector, ``b``, and the API that it reads."""

    def __init__(self, api, app, clock, attempts, way) -> None:
        self.api = api
        self.clock = clock
        self.attempts = attempts
        self._way = way
        self._app = app

    async def strike(self, fault, operation, *, lasting) -> None:
        """Let the fault come over the operation, once or until it is healed."""
        own = fault.own.get(operation, fault.acts)
        if own:
            self.api.plans[operation] = list(own)
        if lasting:
            self.api.lasting.add(operation)
        else:
            self.clock.meanwhile = self._way.clear
        if fault.link:
            self.api.links[operation] = fault.link
        await self._way.spoil()

    async def heal(self) -> None:
        self.api.heal()
        await self._way.clear()

    async def run(self, trigger: Trigger = Trigger.SCHEDULE) -> RunResult:
        self.attempts.results.clear()
        self.clock.pauses.clear()
        self.api.requests.clear()
        request = RunRequest(connector="b", trigger=trigger)
        return await self._app.runner.run(request, lambda event: None)

    def results(self, operation: str, *, linked: bool) -> list[str]:
        return self.attempts.results.get((LINKED if linked else ASKED)[operation], [])

    async def due_seconds(self) -> float | None:
        """Return in how many seconds what failed is tried again; None if nothing asks for it."""
        state = self._app.runner.state
        found = dues(await state.streams("b"), (await state.slices("b")).values())
        return (found["cost"] - self.clock.now()).total_seconds() if found else None

    def unblock(self) -> None:
        """Let the wait that the server asked for be over; the next run would wait for its end."""
        until = [each.until for each in self._app.runner.brakes.readings() if each.until]
        if until:
            self.clock.step((max(until) - self.clock.now()).total_seconds())

    async def held(self) -> tuple[int, dict[str, int]]:
        """Return the generation in the sink and the cost by service; none is there twice."""
        found: dict[str, int] = {}
        generations: set[int] = set()
        columns = ["service", "billed_cost", "generation"]
        async with self._app.runner.sinks["main"].scan("activities", columns) as batches:
            async for batch in batches:
                services, costs, counts = (column.to_pylist() for column in batch.columns)
                assert not found.keys() & set(services)
                found |= dict(zip(services, costs, strict=True))
                assert len(services) == len(set(services))
                generations.update(counts)
        (generation,) = generations
        return generation, found


@pytest.fixture(scope="session")
def certificates(tmp_path_factory):
    """One that the daemon trusts, and one that it does not."""
    directory = tmp_path_factory.mktemp("certificates")
    return certificate(directory / "trusted.pem"), certificate(directory / "strange.pem")


@pytest.fixture
async def api():
    async with BillingApi() as api:
        yield api


@pytest.fixture
def unresolvable(monkeypatch):
    """Names end in ``.test``; those in this set have no address, no other may be asked for."""
    names: set[str] = set()
    real = socket.getaddrinfo

    def resolved(host, *arguments, **options):
        if host in names:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        assert host in {"127.0.0.1", "inside.test", *(f"{each}.test" for each in OPERATIONS)}
        return real("127.0.0.1", *arguments, **options)

    monkeypatch.setattr(socket, "getaddrinfo", resolved)
    return names


@pytest.fixture(scope="session")
def memory():
    """A directory that is no disk where there is such a thing: what is synced here is not at issue."""
    where = Path("/dev/shm")
    with TemporaryDirectory(dir=where if os.access(where, os.W_OK) else None) as path:
        yield Path(path)


@pytest.fixture(scope="session")
def known(tmp_path_factory):
    """A configuration with one sink, ``main``."""
    directory = tmp_path_factory.mktemp("known")
    path = directory / "ogfd.toml"
    path.write_text(
        f'[daemon]\nstate_dir = "{directory}/state"\n'
        f'[sinks.main]\ntype = "sqlite"\npath = "{directory}/ogfd.db"\n'
    )
    settings, _ = load(path, {})
    return bind(settings, Registry())


@pytest.fixture(scope="session")
def first(memory):
    """Where the state and the sink are once the first version is committed."""
    directory = memory / "first"
    directory.mkdir()
    return directory


@pytest.fixture
def home(memory):
    """Where the state and the sink of one test are."""
    with TemporaryDirectory(dir=memory) as path:
        yield Path(path)


@pytest.fixture
def opened(home, monkeypatch, api, certificates, unresolvable, known, first):
    """Opens a world that holds the first version, and in which a fault may come over an operation."""
    trusted, strange = certificates
    monkeypatch.setenv("SSL_CERT_FILE", str(trusted.path))
    monkeypatch.setenv("SSL_CERT_DIR", str(home))
    for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)

    @asynccontextmanager
    async def opening(fault=None, operation="page"):
        clock, attempts = Clock(), Attempts()
        kind = None if fault is None else fault.way
        way = Way(api, operation, kind, trusted.context, strange.context, unresolvable)
        await way.clear()
        api.step = clock.step
        with monkeypatch.context() as patch:
            _patch(patch, clock, attempts)
            async with open_app(_bound(known, home, api)) as app:
                yield World(api, app, clock, attempts, way)

    @asynccontextmanager
    async def holding(fault, operation):
        if not list(first.iterdir()):
            async with opening() as world:
                assert RunOutcome.SUCCEEDED is (await world.run()).outcome
            _copy(home, first)
        _copy(first, home)
        async with opening(fault, operation) as world:
            yield world

    return holding


def _copy(source, target) -> None:
    shutil.copytree(source / "state", target / "state", dirs_exist_ok=True)
    shutil.copy(source / "ogfd.db", target)


def _patch(monkeypatch, clock, attempts) -> None:
    """Let all times be the clock's, and the jitter its longest; the rest stays as it is."""
    kind = ogfd.runs.doors.ConnectorContext

    def context(settings, **parts):
        seams = {"observer": attempts, "monotonic": clock.monotonic, "sleep": clock.sleep}
        return kind(settings, **parts | seams | {"rng": lambda: 1.0})

    monkeypatch.setattr("ogfd.runs.doors.ConnectorContext", context)
    monkeypatch.setattr("ogfd.daemon.Lanes", functools.partial(Lanes, clock.monotonic))
    monkeypatch.setattr("ogfd.daemon.utc_now", clock.now)


def _bound(known, directory, api) -> Bound:
    """Return the configuration for state and sink in *directory*, with one connector, ``b``."""
    daemon = replace(known.settings.daemon, state_dir=directory / "state")
    main = known.sinks["main"]
    sink = replace(main, config=main.config.model_copy(update={"path": directory / "ogfd.db"}))
    spec = billing(lambda: api.token)
    stream = BoundStream(
        name="cost", spec=spec.streams["cost"], schedule="6h", start="2026-10", wanted=Wanted()
    )
    connector = BoundConnector(
        name="b",
        table=ConnectorTable(name="b", type="billing", accounts=AccountFilter()),
        spec=spec,
        config=BillingConfig(**api.urls),
        streams={"cost": stream},
    )
    return Bound(
        settings=replace(known.settings, daemon=daemon),
        connectors={"b": connector},
        sinks={"main": sink},
        problems={},
    )
