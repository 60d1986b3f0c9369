"""
The composition root: builds every object, once, and passes it on.

`open_app` is what a single command and the daemon have in common; `run` adds the clock, the
listeners, the signals and the service manager, and imports the first two itself: a command needs
neither.
"""

from __future__ import annotations

import fcntl
import logging
import os
import signal
from collections.abc import AsyncGenerator, Generator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

import anyio
from anyio import to_thread

from ogfd.config import DaemonConfig, Settings
from ogfd.control.operations import LocalOperations
from ogfd.control.protocol import EX_CONFIG, EX_UNAVAILABLE, OperationError
from ogfd.control.socket import socket_path
from ogfd.control.standing import Standing
from ogfd.packages import Archive, ByteBudget, Keep, PackageStore, spare_memory
from ogfd.plugin import OgfdError, Secret, Sink, SinkContext, single_error
from ogfd.registry import Bound
from ogfd.runs import (
    Blueprint,
    Brakes,
    Dispatcher,
    Doors,
    Meter,
    Reconciler,
    Runner,
    blueprint,
    scheduled,
    warn_of_conflict,
)
from ogfd.slices import Deliverer, Engine, Failpoints, Holdings, Recompute
from ogfd.state import Identities, Spending, StateStore
from ogfd.telemetry.logs import NamedLog
from ogfd.telemetry.metrics import Metrics, process_registry
from ogfd.telemetry.notify import Notifier, watchdog_interval
from ogfd.traffic import Lanes, Network, Spool, shared

if TYPE_CHECKING:
    from ogfd.runs.scheduler import Scheduler

log = logging.getLogger(__name__)

_NAP: Final = timedelta(seconds=1)


class StateLocked(OgfdError):  # noqa: N818 - says how the state is
    """Another process, most likely the daemon, works with this state directory."""


@dataclass(frozen=True, slots=True, kw_only=True)
class App:
    """What a command or the daemon works with."""

    operations: LocalOperations
    runner: Runner
    metrics: Metrics


def utc_now() -> datetime:
    """Return the time in UTC: the one wall clock of the program."""
    return datetime.now(UTC)  # noqa: TID251 - everything else gets this function passed in


@asynccontextmanager
async def open_app(bound: Bound, *, scheduler: Scheduler | None = None) -> AsyncGenerator[App]:
    """
    Lock the state, open and migrate the sinks, sweep what a dead process left, build the rest.

    Args:
        bound: the configuration with its plugins.
        scheduler: the daemon's; a single command has none.

    Raises:
        StateLocked: if another process holds the state directory.
        OperationError: if the state directory or a sink cannot be used.
    """
    settings = bound.settings
    spare_memory()
    async with AsyncExitStack() as stack:
        stack.enter_context(_locked(settings.daemon.state_dir))
        network = await _network(stack, settings.daemon)
        sinks = {name: await _sink(stack, bound, name) for name in bound.sinks}
        state = await StateStore.open(settings.daemon.state_dir / "state.db")
        stack.push_async_callback(state.close)
        await state.sweep(utc_now())
        metrics = Metrics(process_registry())
        runner = await _runner(bound, sinks, state, metrics, network)
        await runner.tell_unknown()
        standing = Standing(
            running=scheduler is not None,
            started_at=utc_now(),
            next_run=scheduler.next_run if scheduler else _never,
        )
        yield App(
            operations=LocalOperations(bound, runner, sinks, standing),
            runner=runner,
            metrics=metrics,
        )


async def run(bound: Bound) -> int:
    """
    Run the daemon until SIGTERM or SIGINT; return its exit code.

    Commits under way end before it stops; everything else is cancelled and found again at the
    next start.

    Raises:
        StateLocked: if another process holds the state directory.
        ConfigError: if an address may not be listened on.
        OperationError: if a sink, an address or the state directory cannot be used.
    """
    with single_error():  # out of the task group: its kind decides about the exit code
        await _serve(bound)
    return 0


async def _serve(bound: Bound) -> None:
    from ogfd.control.serve import Doors as Listeners  # noqa: PLC0415 - see above
    from ogfd.control.serve import serve  # noqa: PLC0415
    from ogfd.runs.scheduler import Scheduler, first_fire  # noqa: PLC0415

    notifier = Notifier(os.environ)
    daemon = bound.settings.daemon
    scheduler = Scheduler(daemon.timezone, utc_now)
    async with open_app(bound, scheduler=scheduler) as app, anyio.create_task_group() as tasks:
        listeners = Listeners(
            listen=daemon.listen or None,
            metrics_listen=daemon.metrics_listen,
            socket=socket_path(bound.settings),
        )

        async def listen(*, task_status: anyio.abc.TaskStatus[object]) -> None:
            await serve(
                listeners,
                exposition=app.metrics.exposition,
                not_ready=lambda: _not_ready(bound),
                operations=app.operations,
                task_status=task_status,
            )

        await tasks.start(listen)
        dispatcher = Dispatcher(app.runner, scheduler)
        for name, blueprints in app.runner.blueprints.items():
            scheduler.add(
                name,
                blueprints,
                lambda each, streams: _fire(dispatcher, each, streams),
                after=first_fire(name, len(app.runner.blueprints)),
            )
        scheduler.start()
        tasks.start_soon(dispatcher.serve)
        tasks.start_soon(_feed_watchdog, notifier)
        for problem in bound.problems.values():
            log.error("a plugin cannot be used", extra={"reason": str(problem)})
        notifier.ready()
        notifier.status(f"{len(app.runner.connectors)} connectors, {len(bound.sinks)} sinks")
        log.info("ready", extra={"connectors": len(app.runner.connectors)})
        with anyio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
            async for received in signals:
                log.info("stopping", extra={"signal": received.name})
                break
        notifier.stopping()
        scheduler.stop()
        tasks.cancel_scope.cancel()


def _never(_connector: str) -> datetime | None:
    """Return when a connector runs next where there is no schedule."""
    return None


def _fire(dispatcher: Dispatcher, connector: str, streams: frozenset[str]) -> None:
    dispatcher.submit(scheduled(connector, streams))


def _not_ready(bound: Bound) -> list[str]:
    """Return why the daemon is not ready; one connector's trouble does not make it so."""
    return [] if bound.sinks else ["no sink is configured"]


async def _feed_watchdog(notifier: Notifier) -> None:
    """Tell systemd that the event loop lives; a hung loop does not, and is restarted."""
    interval = watchdog_interval(os.environ)
    pause = interval or timedelta(hours=1)
    while True:
        notifier.watchdog()
        await anyio.sleep(pause.total_seconds())


async def _runner(
    bound: Bound,
    sinks: Mapping[str, Sink],
    state: StateStore,
    metrics: Metrics,
    network: Network,
) -> Runner:
    settings = bound.settings
    daemon = settings.daemon
    meter = Meter(metrics)
    failpoints = Failpoints(os.environ)
    packages = await to_thread.run_sync(PackageStore, daemon.state_dir / "packages")
    swept = await to_thread.run_sync(packages.sweep)
    spool = Spool(daemon.state_dir / "spool", daemon.spool_quota)
    await to_thread.run_sync(spool.sweep)
    engine = Engine(
        deliverer=Deliverer(
            sinks=sinks, state=state, failpoints=failpoints, watcher=meter, now=utc_now
        ),
        state=state,
        packages=packages,
        archive=_archive(settings),
        budget=ByteBudget(daemon.memory // 2),
        slice_memory_bytes=daemon.memory // 2 // daemon.slices,
        failpoints=failpoints,
        now=utc_now,
        waiting={package.info.slice: package for package in swept},
    )
    brakes = Brakes(lanes=Lanes(on_conflict=warn_of_conflict), now=utc_now)
    identities = Identities(state, utc_now)
    await identities.restore(settings.connectors)
    doors = Doors(
        network=network,
        brakes=brakes,
        spool=spool,
        purse=Spending(state),
        identities=identities,
        metrics=metrics,
        now=utc_now,
    )
    connectors = {
        name: connector for name, connector in bound.connectors.items() if connector.table.enabled
    }
    for name, connector in connectors.items():
        metrics.connector(name, connector.spec.provider, connector.streams)
        doors.announce(connector)
    metrics.limiters(brakes.readings)
    blueprints = {name: _blueprints(bound, name) for name in connectors}
    reconciler = Reconciler(
        state=state,
        sinks=sinks,
        holdings=Holdings(engine.archive, engine.waiting),
        watcher=meter,
        now=utc_now,
    )
    await reconciler.restore(blueprints)
    return Runner(
        engine=engine,
        state=state,
        connectors=connectors,
        blueprints=blueprints,
        sinks=sinks,
        contexts=doors.open,
        brakes=brakes,
        identities=identities,
        slots=anyio.CapacityLimiter(daemon.slices),
        spool=spool,
        watcher=meter,
        now=utc_now,
        recompute=Recompute(daemon.recompute),
        reconciler=reconciler,
    )


def _blueprints(bound: Bound, name: str) -> dict[str, Blueprint]:
    connector = bound.connectors[name]
    sinks = connector.table.sinks
    return {
        stream.name: blueprint(
            connector,
            stream,
            org_id=bound.settings.daemon.org_id,
            sinks=tuple(bound.sinks) if sinks is None else sinks,
        )
        for stream in connector.streams.values()
    }


def _archive(settings: Settings) -> Archive:
    path = settings.archive.path or settings.daemon.state_dir / "archive"
    return Archive(path, Keep(settings.archive.keep), settings.archive.quota)


async def _network(stack: AsyncExitStack, daemon: DaemonConfig) -> Network:
    """Have all SDKs of the process use the proxy and the certificates of the configuration."""
    try:
        proxy = Secret(daemon.proxy).reveal() if daemon.proxy else None
        network = Network(
            proxies={} if proxy is None else {"http": proxy, "https": proxy},
            no_proxy=daemon.no_proxy.split(",") if daemon.no_proxy else (),
            ca_file=daemon.ca_file,
            private_networks=daemon.private_networks,
        )
        return await stack.enter_async_context(shared(network, daemon.state_dir))
    except (OgfdError, OSError, ValueError) as exc:
        raise OperationError(f"the network cannot be set up: {exc}", EX_CONFIG) from exc


async def _sink(stack: AsyncExitStack, bound: Bound, name: str) -> Sink:
    sink = bound.sinks[name]
    context = SinkContext(
        name=name,
        log=NamedLog(logging.getLogger(f"ogfd.sinks.{name}"), {"sink": name}),
        now=utc_now,
    )
    try:
        if sink.spec.migrate is not None:
            await sink.spec.migrate(sink.config, context)
        return await stack.enter_async_context(sink.spec.open(sink.config, context))
    except OgfdError as exc:
        raise OperationError(f"sink {name} cannot be opened: {exc}", EX_UNAVAILABLE) from exc


@contextmanager
def _locked(state_dir: Path) -> Generator[None]:
    """Hold the state directory; the kernel lets go of it when the process dies."""
    try:
        state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle = os.open(state_dir / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as exc:
        raise OperationError(
            f"the state directory {state_dir} cannot be used: {exc.strerror}",
            EX_UNAVAILABLE,
            hint="set [daemon] state_dir to a directory that this user may write",
        ) from exc
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        raise StateLocked(
            f"another process works with the state directory {state_dir}",
            hint="stop it, or give this one another [daemon] state_dir",
        ) from None
    try:
        yield
    finally:
        os.close(handle)
