"""What a sink plugin announces and implements."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from logging import LoggerAdapter
from typing import TYPE_CHECKING, Any, Protocol, TypeGuard

from ogfd.plugin.config import PluginConfig
from ogfd.plugin.connector import API_VERSION, Kind
from ogfd.plugin.period import Period

if TYPE_CHECKING:
    import pyarrow as pa


class Guarantee(StrEnum):
    """What a sink promises about a package that is committed again after a crash."""

    EXACTLY_ONCE = "exactly_once"
    IDEMPOTENT = "idempotent"
    AT_LEAST_ONCE = "at_least_once"


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Claim:
    """
    What a slice counts for; in a sink, slices of at most one stream hold a claim.

    Attributes:
        provider: such as ``aws``.
        billing_account_id: the payer.
        billing_period: ``YYYY-MM``.
        kind: cost or carbon.
    """

    provider: str
    billing_account_id: str
    billing_period: str
    kind: Kind


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class SumRow:
    """One exact sum of a package; *amount* is a decimal in plain notation."""

    account_id: str
    service: str
    measure: str
    unit: str
    amount: str


@dataclass(frozen=True, kw_only=True)
class PackageInfo:
    """
    What is known of a package besides its rows.

    Attributes:
        slice: ``connector/stream/partition``.
        provider: such as ``aws``.
        connector: name of the connector.
        stream: name of the stream.
        partition: key of the partition.
        kind: cost or carbon.
        period: the partition's period.
        closed: whether the provider calls the partition final.
        source: what it was read from; empty if the connector has but one source.
        version: the provider's fingerprint, or the digest of the rows if it has none.
        recipe: hash of all else that shaped the rows.
        recipe_body: what the recipe is a hash of, as JSON-ready values without secrets.
        target: hash of version and recipe.
        rows: number of activities.
        line_count: number of source rows in them.
        sums: ``measure`` or ``measure:unit`` to the exact sum, a decimal in plain notation.
        breakdown: sums by account, service and measure, for the history.
        digest: order-independent digest of the rows; equal rows give an equal digest.
        claims: what the package counts for.
        billing_periods: those that its rows are of, sorted; None if nobody looked.
        days: the first and the last day (``YYYY-MM-DD``, UTC) of the period that it has rows of, not
            counting rows longer than a day; None if there are none.
        actor: who approved the package, if it was held.
        reason: why it was approved.
    """

    slice: str
    provider: str
    connector: str
    stream: str
    partition: str
    kind: Kind
    period: Period
    closed: bool
    source: str
    version: str
    recipe: str
    recipe_body: Mapping[str, Any]
    target: str
    rows: int
    line_count: int
    sums: Mapping[str, str]
    breakdown: Sequence[SumRow] = field(default=(), repr=False)
    digest: str
    claims: Sequence[Claim] = ()
    billing_periods: tuple[str, ...] | None = None
    days: tuple[str, str] | None = None
    actor: str | None = None
    reason: str | None = None


class Package(Protocol):
    """The normalised rows of one slice, sealed on local disk and verified."""

    @property
    def info(self) -> PackageInfo:
        """Return what the package is."""
        ...

    def batches(self) -> Iterator[pa.RecordBatch]:
        """
        Yield the rows as ``ACTIVITY_SCHEMA``, sorted by ``activity_id``, at most 64k a batch.

        Reads files: call it in a worker thread. May be called again.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerEntry:
    """What a sink holds of a slice. *committed_at* is in UTC; *sums* are as in `PackageInfo`."""

    slice: str
    connector: str
    stream: str
    partition: str
    period: Period
    closed: bool
    generation: int
    target: str
    version: str
    recipe: str
    source: str
    rows: int
    sums: Mapping[str, str]
    digest: str
    attempt: str
    committed_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryEntry:
    """One commit of a slice, kept for ever. *committed_at* is in UTC."""

    slice: str
    generation: int
    target: str
    version: str
    recipe: str
    rows: int
    sums: Mapping[str, str]
    digest: str
    attempt: str
    committed_at: datetime
    actor: str | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Committed:
    """The sink now holds the package as *generation*."""

    generation: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Superseded:
    """Another writer committed *generation* first; the sink was left as it is."""

    generation: int


class Sink(Protocol):
    """
    Keeps the rows of slices. Made by `SinkSpec.open`; methods may be called from several tasks.
    """

    guarantee: Guarantee

    async def ledger(self, slices: Sequence[str] | None = None) -> Mapping[str, LedgerEntry] | None:
        """
        Return what the sink holds of *slices* (of all, if None); a slice it has not is left out.

        A sink without a ledger returns None; the state store then keeps one for it.

        Raises:
            SinkError: if the sink cannot be asked.
        """
        ...

    async def commit(
        self, package: Package, base_generation: int, attempt: str
    ) -> Committed | Superseded:
        """
        Make the sink hold exactly the rows of *package* for its slice.

        Must happen in one atomic step together with the ledger entry and the history, and only if
        the ledger's generation still is *base_generation* (0: no entry). If the ledger already
        holds this *attempt*, the answer to an earlier call was lost: return `Committed`.

        Once begun it may not be cancelled; the engine shields it.

        Raises:
            OverlapError: if a slice of another stream holds one of the package's claims.
            SinkError: if nothing was changed, for whatever reason.
        """
        ...


class ReadableSink(Sink, Protocol):
    """A sink that answers reports; nothing opens its store behind its back."""

    def scan(
        self,
        view: str,
        columns: Sequence[str],
        where: Mapping[str, Sequence[str]] | None = None,
        period: Period | None = None,
    ) -> AbstractAsyncContextManager[AsyncIterator[pa.RecordBatch]]:
        """
        Read a consistent snapshot of *view*.

        Args:
            view: ``activities``; ``ogfd_cost``, the rows with a cost; ``ogfd_emissions_reported``,
                those whose method is ``supplier_specific``; or another view that the sink has.
            columns: which columns, in this order.
            where: column to the values it may have; all must hold.
            period: only rows whose ``period_start`` lies in it.

        Raises:
            SinkError: if the view or a column does not exist or the sink cannot be read.
        """
        ...

    async def history(self, slice: str) -> Sequence[HistoryEntry]:
        """Return the commits of *slice*, oldest first."""
        ...

    async def breakdown(self, slice: str, generation: int) -> Sequence[SumRow]:
        """Return the sums by account, service and measure that a commit recorded."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class SinkContext:
    """What a sink gets of the daemon: its *name* in the configuration, a log and a UTC clock."""

    name: str
    log: LoggerAdapter[Any]
    now: Callable[[], datetime]


@dataclass(frozen=True, kw_only=True)
class SinkSpec:
    """
    What a sink plugin announces through the hook ``ogfd_sink``.

    Attributes:
        name: the ``type`` in the configuration; must be the name of the entry point.
        config: model of the sink's table.
        open: opens the sink for as long as the daemon or command runs.
        migrate: brings the store's tables to this version; called before `open`; must do nothing
            if they are. None if there is nothing to bring.
        api_version: `API_VERSION` of the package the plugin was written for.
        summary: one line for ``ogfd plugins``.
    """

    name: str
    config: type[PluginConfig]
    open: Callable[[Any, SinkContext], AbstractAsyncContextManager[Sink]]
    migrate: Callable[[Any, SinkContext], Awaitable[None]] | None = None
    api_version: int = API_VERSION
    summary: str = ""


def is_readable(sink: Sink) -> TypeGuard[ReadableSink]:
    """Tell whether *sink* answers reports, which is up to each sink."""
    return callable(getattr(sink, "scan", None))
