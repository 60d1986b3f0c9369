"""Opens a connector's context: the shared policy, under the connector's own limits."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final

import anyio
from pydantic import BaseModel

from ogfd.plugin import Context
from ogfd.registry import BoundConnector
from ogfd.runs.brakes import Brakes
from ogfd.runs.context import report_page, report_progress
from ogfd.state import Identities, StateError
from ogfd.telemetry.legible import legible
from ogfd.telemetry.logs import NamedLog
from ogfd.telemetry.metrics import Metrics
from ogfd.telemetry.requests import RequestMetrics
from ogfd.traffic import Network, Purse, RetrySettings, Spool, Traffic, TrafficSettings

log = logging.getLogger(__name__)

_ATTEMPT_TIMEOUTS: Final = {
    "aws": timedelta(seconds=30),
    "azure": timedelta(seconds=45),
    "gcp": timedelta(seconds=60),
}
_ATTEMPT_TIMEOUT: Final = timedelta(seconds=30)
_GOODBYE_SECONDS: Final = 5.0  # to record what a run that is stopped said


class ConnectorContext(Traffic):
    """What a connector gets of the daemon for one run; see `ogfd.plugin.Context`."""

    def __init__(
        self,
        settings: TrafficSettings,
        *,
        selects: Callable[[str], bool] = lambda _account: True,
        starts: Mapping[str, str | None] | None = None,
        say: Callable[[str], None] = lambda _identity: None,
        **parts: Any,
    ) -> None:
        super().__init__(settings, on_page=report_page, **parts)
        self._selects = selects
        self._starts = starts or {}
        self._say = say
        self.connector = settings.connector
        self.log: logging.LoggerAdapter[Any] = parts["log"]
        self._clock: Callable[[], datetime] = parts["now"]

    def now(self) -> datetime:
        """Return the time in UTC."""
        return self._clock()

    def selects(self, account: str) -> bool:
        """Tell whether the operator wants the rows of *account*."""
        return self._selects(account)

    def start(self, stream: str) -> str | None:
        """Return the month from which on the operator wants *stream*; None if none is set."""
        return self._starts.get(stream)

    def signed_in(self, identity: str) -> None:
        """Say as whom the connector is signed in."""
        if text := legible(identity):
            self._say(text)

    def progress(self, done: int, total: int | None, unit: str) -> None:
        """Report how far the read of the current slice has come."""
        report_progress(done, total, unit)


@dataclass(frozen=True, slots=True, kw_only=True)
class Doors:
    """Opens contexts; the lanes, the spool, the purse and the identities are those of all."""

    network: Network
    brakes: Brakes
    spool: Spool
    purse: Purse
    identities: Identities
    metrics: Metrics
    now: Callable[[], datetime]

    def announce(self, connector: BoundConnector) -> None:
        """Make the limits and prices of *connector* known before its first request."""
        try:
            settings = self._settings(connector)
            self.brakes.announce(settings)
        except Exception:  # the border of plugin loading: the runs say the same
            log.exception("a connector's limits are unusable", extra={"connector": connector.name})
            return
        for operation in settings.prices:
            self.metrics.priced(
                connector=connector.name, provider=settings.provider, operation=operation
            )

    @asynccontextmanager
    async def open(
        self, connector: BoundConnector, *, asked: bool = False
    ) -> AsyncGenerator[Context]:
        """
        Open the context of *connector* for one run.

        Args:
            connector: whose context.
            asked: whether an operator wants the run: what a breaker stops is then probed at once.
        """
        if asked:
            self.brakes.release(connector.name)
        named = NamedLog(
            logging.getLogger(f"ogfd.connectors.{connector.name}"), {"connector": connector.name}
        )
        async with ConnectorContext(
            self._settings(connector),
            selects=connector.table.accounts.keeps,
            starts={name: stream.start for name, stream in connector.streams.items()},
            say=partial(self.identities.say, connector.name),
            lanes=self.brakes.lanes,
            spool=self.spool,
            purse=self.purse,
            log=named,
            now=self.now,
            observer=RequestMetrics(self.metrics, connector.name, connector.spec.provider),
        ) as context:
            try:
                yield context
            finally:
                await self._keep_identity(connector.name)

    async def _keep_identity(self, connector: str) -> None:
        """Put on record as whom *connector* is signed in; never in the way of what it was for."""
        with anyio.move_on_after(_GOODBYE_SECONDS, shield=True):
            try:
                await self.identities.keep(connector)
            except StateError as exc:
                log.warning(
                    "as whom a connector is signed in stays unrecorded",
                    extra={"connector": connector, "reason": str(exc)},
                )

    def _settings(self, connector: BoundConnector) -> TrafficSettings:
        spec, table = connector.spec, connector.table
        principal = spec.principal(connector.config) if spec.principal else connector.name
        hosts = spec.allowed_hosts
        return TrafficSettings(
            connector=connector.name,
            provider=spec.provider,
            principal=principal,
            limits=spec.limits,
            rate=table.rate,
            burst=table.burst,
            prices=connector.prices,
            quotas=spec.quotas,
            classify=spec.classify,
            overrides=table.retry.classify,
            allowed_hosts=hosts(connector.config) if callable(hosts) else hosts,
            allowed_origins=list(_urls(connector.config)),
            attempt_timeout=_ATTEMPT_TIMEOUTS.get(spec.provider, _ATTEMPT_TIMEOUT),
            retry=RetrySettings(retries=table.retry.retries),
            network=self.network,
        )


def _urls(value: Any) -> Iterator[str]:
    """Find the endpoints that the operator named in a connector's configuration."""
    if isinstance(value, str):
        if value.startswith(("http://", "https://")):
            yield value
    elif isinstance(value, BaseModel):
        for name in type(value).model_fields:
            yield from _urls(getattr(value, name))
    elif isinstance(value, Mapping):
        for each in value.values():
            yield from _urls(each)
    elif isinstance(value, Sequence):
        for each in value:
            yield from _urls(each)
