"""What a connector plugin announces and implements."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any, Final, Protocol

from ogfd.plugin.config import PluginConfig
from ogfd.plugin.context import Context
from ogfd.plugin.errors import ErrorClass, Fault
from ogfd.plugin.output import Output
from ogfd.plugin.period import Period

API_VERSION: Final = 1
"""Version of the contract in this package. A spec of another version is reported, not loaded."""


class Kind(StrEnum):
    """What a stream counts. No two streams count the same kind for the same payer and month."""

    COST = "cost"
    CARBON = "carbon"


class PartitionState(StrEnum):
    """How final the provider calls a partition."""

    OPEN = "open"
    CLOSING = "closing"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Money:
    """An amount of money; *currency* is an ISO 4217 code."""

    amount: Decimal
    currency: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """
    What the provider charges for a request.

    Attributes:
        usd: for each, in US dollars, the currency of the price lists of AWS, Azure and GCP.
        monthly_budget_usd: a request that would take the connector's spending on the operation
            in a calendar month (UTC) above this is not made; None for no limit.

    Raises:
        ValueError: if either is below 0 or no number.
    """

    usd: Decimal
    monthly_budget_usd: Decimal | None = None

    def __post_init__(self) -> None:
        for amount in (self.usd, self.monthly_budget_usd):
            if amount is not None and not (amount.is_finite() and amount >= 0):
                raise ValueError(f"a price or budget must be 0 or more US dollars, not {amount}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Partition:
    """
    One replaceable piece of a stream, as the provider has it now.

    Attributes:
        key: stable for ever, such as ``2026-10``; no control characters, at most 200 characters.
        period: only selects the partition by ``start``, ``--from`` and ``--to``; rows may lie
            outside of it.
        version: fingerprint of the content, cheap to get; must change when the content does.
            None if the source has none: the rows are then read and digested each time.
        state: ``closed`` once the provider calls the partition final.
        source: what the partition is read from, such as ``s3://bucket/prefix/report``. A slice
            belongs to one source: another one is held until it is read with force. Empty if the
            connector has but one possible source.
        size_bytes: how much a read downloads, if known.
        requests: how many requests a read makes, if known.
        price: what a read costs at the provider, if it does.
    """

    key: str
    period: Period
    version: str | None
    state: PartitionState = PartitionState.OPEN
    source: str = ""
    size_bytes: int | None = None
    requests: int | None = None
    price: Money | None = None


class Stream(Protocol):
    """One series of a connector. ``open`` makes it; it lives as long as the run."""

    name: str

    async def partitions(self, window: Period) -> Sequence[Partition]:
        """
        List the partitions that may hold rows of *window*, with their versions.

        Must be cheap, and must know nothing of earlier runs. May be cancelled and called again.

        Raises:
            SourceError: if the provider could not be asked.
        """
        ...

    async def read(self, partition: Partition, out: Output) -> None:
        """
        Read the whole partition in the version that *partition* names into *out*.

        May be cancelled at any await and called again with a new *out*.

        Raises:
            SourceChanged: if the source no longer holds that version; must be checked before
                returning. The engine lists the partitions again and starts over.
            NotPublished: if there is nothing to read yet.
            SourceError: if the provider could not be asked or its answer cannot be used.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """
    The provider's own sums of one billing period.

    Attributes:
        origin: where the sums come from, such as ``Cost Explorer GetCostAndUsage``.
        independent: whether that is another path than the one the rows were read by.
        sums: measure and unit, such as ``billed_cost:USD``, to the exact sum.
        selected: whether accounts that the operator leaves out are left out of them too. If not,
            a difference may come from those.
    """

    origin: str
    independent: bool
    sums: Mapping[str, Decimal]
    selected: bool = False


class TotallingStream(Stream, Protocol):
    """A stream whose provider can be asked for totals, for reconciliation."""

    async def totals(self, billing_period: str) -> Totals | None:
        """Return the sums of *billing_period* (``YYYY-MM``); None if not published."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """
    A provider's limit on a group of operations.

    Attributes:
        rate: requests per second in the long run; more than 0.
        burst: how many may go at once after a pause; at least 1.
        window: if given, no span of this length sees more than rate * window requests (at least
            1), as a provider wants it that counts per minute or hour. Otherwise a span of t
            seconds sees at most rate * t + burst.
        scoped: whether each ``scope`` that a request names has this limit of its own, such as
            each subscription, rather than all of them together.
    """

    rate: float
    burst: float
    window: timedelta | None = None
    scoped: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamSpec:
    """
    What a connector announces about a stream.

    Attributes:
        config: model of the stream's table; the stream is on when the table is there.
        kind: what the stream counts.
        history: how far back the provider goes when the operator sets no ``start``; None means
            from January of last year.
        publish_lag: how long after the end of a month its first data may take.
        schedule: default schedule; None means the connector's.
        refresh: least time between two reads of a partition without a version.
        reconcile: whether totals are asked for by themselves after a commit; False where that
            costs money.
    """

    config: type[PluginConfig]
    kind: Kind
    history: timedelta | None = None
    publish_lag: timedelta = timedelta(0)
    schedule: str | None = None
    refresh: timedelta = timedelta(hours=24)
    reconcile: bool = True


class FindingLevel(StrEnum):
    """How bad a finding of ``ogfd check`` is."""

    OK = "ok"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """
    One result of ``ogfd check``.

    Attributes:
        level: ``error`` makes the command fail.
        subject: what was probed, such as ``s3:ListBucket my-bucket``.
        message: what was found.
        grant: the exact permission to add, ready to paste.
        suggestion: keys and tables to add to the connector's table in ``ogfd.toml``, such as
            ``{"cost": {"bucket": "my-bucket", "prefix": "cur"}}``.
        error_class: the class of the error behind it, if any; decides the exit code.
    """

    level: FindingLevel
    subject: str
    message: str
    grant: str | None = None
    suggestion: Mapping[str, Any] | None = None
    error_class: ErrorClass | None = None


Classify = Callable[[BaseException], Fault | ErrorClass | None]
"""Translates an exception of the connector's SDK; None leaves it to the engine's own tables."""

Quotas = Callable[[Mapping[str, str]], Mapping[str, float]]
"""
Reads the headers of an answer: name of a quota to what is left of it, nothing if they say nothing.

Names are few and fixed, such as ``tenant`` or ``queries_per_min``: they become part of a label.
"""

Open = Callable[[Any, Context], AbstractAsyncContextManager[Mapping[str, Stream]]]
"""``open(config, ctx)``: makes the streams whose tables are in the config, for one run."""


@dataclass(frozen=True, kw_only=True)
class ConnectorSpec:
    """
    What a connector plugin announces through the hook ``ogfd_connector``.

    Attributes:
        name: the ``type`` in the configuration; must be the name of the entry point.
        provider: the provider of the rows, such as ``aws``.
        config: model of the connector's table, without the stream tables and the keys that the
            engine reserves. ``open`` gets an instance of it; each stream table hangs on it under
            the stream's name: declare ``cost: CostConfig | None = None``.
        streams: every stream the connector knows, by name.
        open: opens clients for one run. Must give back all resources when left, also when
            cancelled.
        mapping_version: raise it when the same source gives other rows; part of the recipe.
        api_version: `API_VERSION` of the package the plugin was written for.
        limits: requests per operation group; the group of ``s3:GetObject`` is ``s3``. The group
            ``""`` stands for all others. A group with several limits keeps them all: a request
            takes a token of each at once or waits.
        principal: whose limit it is: account, subscription or billing account. Connectors with
            the same provider, principal and group share a bucket. Default: the connector's name.
        allowed_hosts: hosts that ``ctx.request`` may reach: names, ``*.example.com`` patterns, or
            a function of the config that returns them.
        classify: translates exceptions of the SDK; called before the engine's own tables.
        check: probes permissions for ``ogfd check``; must not change anything.
        discover: finds what could be configured, for ``ogfd check --discover``, as findings with
            a ``suggestion``; must not change anything.
        prices: the operations that the provider charges for, by the name that requests give; a
            mapping, or a function of the config that returns one. Every attempt that is sent
            counts, before it is sent, and survives a crash.
        quotas: reads out of every answer to ``ctx.request`` what is left of the provider's quotas,
            for the metric ``ogfd_quota_remaining``; the limiter goes by ``limits`` and by what the
            provider refuses.
        environment: predecessor environment variable to dotted key, such as
            ``{"OFFGRIDFLOW_AWS_REGION": "region"}``.
        summary: one line for ``ogfd plugins``.
    """

    name: str
    provider: str
    config: type[PluginConfig]
    streams: Mapping[str, StreamSpec]
    open: Open
    mapping_version: int
    api_version: int = API_VERSION
    limits: Mapping[str, Limit | Sequence[Limit]] = field(default_factory=dict)
    principal: Callable[[Any], str] | None = None
    allowed_hosts: Sequence[str] | Callable[[Any], Sequence[str]] = ()
    classify: Classify | None = None
    check: Callable[[Any, Context], Awaitable[Sequence[Finding]]] | None = None
    discover: Callable[[Any, Context], Awaitable[Sequence[Finding]]] | None = None
    prices: Mapping[str, Price] | Callable[[Any], Mapping[str, Price]] = field(default_factory=dict)
    quotas: Quotas | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    summary: str = ""
