"""
All that a plugin may import of ogfd. Nothing else is promised to stay as it is.

A connector is a module with one hook that announces a `ConnectorSpec`; its streams list
partitions and push Arrow batches into an `Output`. A sink announces a `SinkSpec` and commits
sealed packages. See docs/plugins.md for a tour.

What describes rows is imported when it is first named: it needs Arrow, and to announce a plugin,
or to ask a running daemon, takes none.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from ogfd.plugin.config import SHAPES_ROWS, PluginConfig, Secret
from ogfd.plugin.connector import (
    API_VERSION,
    Classify,
    ConnectorSpec,
    Finding,
    FindingLevel,
    Kind,
    Limit,
    Money,
    Partition,
    PartitionState,
    Price,
    Quotas,
    Stream,
    StreamSpec,
    TotallingStream,
    Totals,
)
from ogfd.plugin.context import (
    Auth,
    Context,
    HttpError,
    Listing,
    OpenAt,
    Position,
    Refresh,
    Response,
)
from ogfd.plugin.errors import (
    AuthError,
    BadRequestError,
    ErrorClass,
    FatalError,
    Fault,
    NotFoundError,
    NotPublished,
    OgfdError,
    OverlapError,
    Parked,
    SinkError,
    SourceChanged,
    SourceError,
    Throttled,
    TransientError,
    UnknownError,
    error_of,
)
from ogfd.plugin.hooks import ConnectorHooks, SinkHooks, hookimpl, hookspec
from ogfd.plugin.output import Grain, Output, Wanted
from ogfd.plugin.period import Period
from ogfd.plugin.sink import (
    Claim,
    Committed,
    Guarantee,
    HistoryEntry,
    LedgerEntry,
    Package,
    PackageInfo,
    ReadableSink,
    Sink,
    SinkContext,
    SinkSpec,
    SumRow,
    Superseded,
    is_readable,
)
from ogfd.plugin.tasks import single_error
from ogfd.plugin.waits import retry_after

if TYPE_CHECKING:
    from ogfd.plugin.activity import (
        ACTIVITY_SCHEMA,
        AMOUNT,
        CHARGE_CATEGORIES,
        ENGINE_COLUMNS,
        INSTANT,
        KEY_COLUMNS,
        LABELS,
        MEASURES,
        MONEY,
    )
    from ogfd.plugin.builder import ActivityBuilder

__all__ = [
    "ACTIVITY_SCHEMA",
    "AMOUNT",
    "API_VERSION",
    "CHARGE_CATEGORIES",
    "ENGINE_COLUMNS",
    "INSTANT",
    "KEY_COLUMNS",
    "LABELS",
    "MEASURES",
    "MONEY",
    "SHAPES_ROWS",
    "ActivityBuilder",
    "Auth",
    "AuthError",
    "BadRequestError",
    "Claim",
    "Classify",
    "Committed",
    "ConnectorHooks",
    "ConnectorSpec",
    "Context",
    "ErrorClass",
    "FatalError",
    "Fault",
    "Finding",
    "FindingLevel",
    "Grain",
    "Guarantee",
    "HistoryEntry",
    "HttpError",
    "Kind",
    "LedgerEntry",
    "Limit",
    "Listing",
    "Money",
    "NotFoundError",
    "NotPublished",
    "OgfdError",
    "OpenAt",
    "Output",
    "OverlapError",
    "Package",
    "PackageInfo",
    "Parked",
    "Partition",
    "PartitionState",
    "Period",
    "PluginConfig",
    "Position",
    "Price",
    "Quotas",
    "ReadableSink",
    "Refresh",
    "Response",
    "Secret",
    "Sink",
    "SinkContext",
    "SinkError",
    "SinkHooks",
    "SinkSpec",
    "SourceChanged",
    "SourceError",
    "Stream",
    "StreamSpec",
    "SumRow",
    "Superseded",
    "Throttled",
    "TotallingStream",
    "Totals",
    "TransientError",
    "UnknownError",
    "Wanted",
    "error_of",
    "hookimpl",
    "hookspec",
    "is_readable",
    "retry_after",
    "single_error",
]

_OF_ROWS = {
    "ACTIVITY_SCHEMA": "activity",
    "AMOUNT": "activity",
    "CHARGE_CATEGORIES": "activity",
    "ENGINE_COLUMNS": "activity",
    "INSTANT": "activity",
    "KEY_COLUMNS": "activity",
    "LABELS": "activity",
    "MEASURES": "activity",
    "MONEY": "activity",
    "ActivityBuilder": "builder",
}

if not TYPE_CHECKING:  # or every name would pass for one of this package

    def __getattr__(name: str) -> Any:
        if name not in _OF_ROWS:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = getattr(import_module(f"{__name__}.{_OF_ROWS[name]}"), name)
        globals()[name] = value
        return value
