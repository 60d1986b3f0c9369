"""The tables and views of the file, and how older files are brought to them."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Final

from anyio import to_thread

from ogfd.plugin import ErrorClass, SinkError
from ogfd.sinks.sqlite.connection import DRIVER_ERRORS, Connection, is_busy, sink_error

APPLICATION_ID: Final = 0x6F676664  # "ogfd", kept in the header of the file
_NEVER: Final = threading.Event()  # to wait for in a worker thread
_WAL_PAUSE_SECONDS: Final = 0.02
_PAGE_BYTES: Final = 8192  # big slices commit a sixth faster than on 4 KiB pages

_COST_COLUMNS: Final = (
    "slice, generation, activity_id, org_id, provider, connector, stream, partition, source, "
    "billing_account_id, account_id, account_name, billing_period, invoice_id, service, category, "
    "region, location, country, sku, operation, machine_type, resource_group, resource_id, "
    "charge_category, substr(period_start, 1, 10) AS usage_date, period_start, period_end, "
    "quantity, unit, billed_cost, effective_cost, currency, tags, metadata, line_count"
)

_EMISSIONS_COLUMNS: Final = (
    "slice, generation, activity_id, org_id, provider, connector, stream, partition, source, "
    "billing_account_id, account_id, account_name, billing_period, service, category, region, "
    "location, country, charge_category, period_start, period_end, energy_kwh, location_based_kg, "
    "market_based_kg, scope1_kg, scope2_location_kg, scope2_market_kg, scope3_kg, ghg_scope, "
    "ghg_category, method, data_quality, model_version, tags, metadata, line_count"
)

# A slice's rows lie together, in the order they are fed: faster to write, to replace and to read
# back than a rowid table with an index.
_ACTIVITIES: Final = """
CREATE TABLE activities (
    slice TEXT NOT NULL,
    generation INTEGER NOT NULL,
    activity_id TEXT NOT NULL,
    org_id TEXT,
    provider TEXT,
    connector TEXT,
    stream TEXT,
    partition TEXT,
    source TEXT,
    billing_account_id TEXT,
    account_id TEXT,
    account_name TEXT,
    billing_period TEXT,
    invoice_id TEXT,
    service TEXT,
    category TEXT,
    region TEXT,
    location TEXT,
    country TEXT,
    sku TEXT,
    operation TEXT,
    machine_type TEXT,
    resource_group TEXT,
    resource_id TEXT,
    charge_category TEXT,
    period_start TEXT,
    period_end TEXT,
    quantity REAL,
    unit TEXT,
    billed_cost REAL,
    effective_cost REAL,
    currency TEXT,
    energy_kwh REAL,
    location_based_kg REAL,
    market_based_kg REAL,
    scope1_kg REAL,
    scope2_location_kg REAL,
    scope2_market_kg REAL,
    scope3_kg REAL,
    ghg_scope INTEGER,
    ghg_category INTEGER,
    method TEXT,
    data_quality TEXT,
    model_version TEXT,
    factor_id TEXT,
    tags TEXT,
    metadata TEXT,
    line_count INTEGER,
    PRIMARY KEY (slice, activity_id)
) WITHOUT ROWID
"""

_LEDGER: Final = """
CREATE TABLE ogfd_ledger (
    slice TEXT NOT NULL PRIMARY KEY,
    connector TEXT NOT NULL,
    stream TEXT NOT NULL,
    partition TEXT NOT NULL,
    period_start TEXT NOT NULL,
    period_end TEXT NOT NULL,
    closed INTEGER NOT NULL,
    generation INTEGER NOT NULL,
    target TEXT NOT NULL,
    version TEXT NOT NULL,
    recipe TEXT NOT NULL,
    source TEXT NOT NULL,
    rows INTEGER NOT NULL,
    sums TEXT NOT NULL,
    digest TEXT NOT NULL,
    attempt TEXT NOT NULL,
    committed_at TEXT NOT NULL
) WITHOUT ROWID
"""

_HISTORY: Final = """
CREATE TABLE ogfd_history (
    slice TEXT NOT NULL,
    generation INTEGER NOT NULL,
    target TEXT NOT NULL,
    version TEXT NOT NULL,
    recipe TEXT NOT NULL,
    source TEXT NOT NULL,
    rows INTEGER NOT NULL,
    sums TEXT NOT NULL,
    digest TEXT NOT NULL,
    attempt TEXT NOT NULL,
    committed_at TEXT NOT NULL,
    actor TEXT,
    reason TEXT,
    PRIMARY KEY (slice, generation)
) WITHOUT ROWID
"""

_HISTORY_SUMS: Final = """
CREATE TABLE ogfd_history_sums (
    slice TEXT NOT NULL,
    generation INTEGER NOT NULL,
    account_id TEXT NOT NULL,
    service TEXT NOT NULL,
    measure TEXT NOT NULL,
    unit TEXT NOT NULL,
    amount TEXT NOT NULL,
    PRIMARY KEY (slice, generation, account_id, service, measure, unit)
) WITHOUT ROWID
"""

_CLAIMS: Final = """
CREATE TABLE ogfd_claims (
    provider TEXT NOT NULL,
    billing_account_id TEXT NOT NULL,
    billing_period TEXT NOT NULL,
    kind TEXT NOT NULL,
    slice TEXT NOT NULL,
    stream TEXT NOT NULL,
    PRIMARY KEY (provider, billing_account_id, billing_period, kind, slice)
) WITHOUT ROWID
"""

_RECIPES: Final = """
CREATE TABLE ogfd_recipes (
    recipe TEXT NOT NULL PRIMARY KEY,
    body TEXT NOT NULL,
    first_committed_at TEXT NOT NULL
) WITHOUT ROWID
"""

MIGRATIONS: Final = (
    (
        _ACTIVITIES,
        _LEDGER,
        _HISTORY,
        _HISTORY_SUMS,
        _CLAIMS,
        "CREATE INDEX ogfd_claims_by_slice ON ogfd_claims (slice)",
        _RECIPES,
        (
            f"CREATE VIEW ogfd_cost AS SELECT {_COST_COLUMNS} FROM activities "
            "WHERE billed_cost IS NOT NULL OR effective_cost IS NOT NULL"
        ),
    ),
    (
        (
            f"CREATE VIEW ogfd_emissions_reported AS SELECT {_EMISSIONS_COLUMNS} FROM activities "
            "WHERE method = 'supplier_specific'"
        ),
    ),
)
"""Entry *n* brings a file of schema version *n* to *n* + 1; what has been released stays as it is."""

SCHEMA_VERSION: Final = len(MIGRATIONS)


async def migrate_file(path: Path, busy_timeout: float) -> None:
    """
    Create the file, or bring its tables to `SCHEMA_VERSION`, in one transaction.

    Raises:
        SinkError: if the file is of another program or of a newer ogfd, or cannot be written.
    """
    await to_thread.run_sync(_migrate, path, busy_timeout)


def check_version(connection: Connection, path: Path) -> None:
    """Raise `SinkError` unless the file has exactly this version's tables."""
    found = _version(connection, path)
    if found != SCHEMA_VERSION:
        raise SinkError(
            f"{path} has schema version {found}, not {SCHEMA_VERSION}: it was not migrated",
            error_class=ErrorClass.FATAL,
        )


def _migrate(path: Path, busy_timeout: float) -> None:
    try:
        connection = Connection(path, busy_timeout, create=True)
        try:
            _bring_up(connection, path, busy_timeout)
        finally:
            connection.close()
    except DRIVER_ERRORS as exc:
        raise sink_error(exc, path, "cannot prepare the tables") from exc


def _bring_up(connection: Connection, path: Path, busy_timeout: float) -> None:
    if _version(connection, path) == SCHEMA_VERSION:
        return
    connection.query(f"PRAGMA page_size = {_PAGE_BYTES}")
    _use_wal(connection, busy_timeout)
    connection.query("BEGIN IMMEDIATE")
    try:
        # Another process may have migrated while this one waited for the lock.
        for statements in MIGRATIONS[_version(connection, path) :]:
            for statement in statements:
                connection.query(statement)
        connection.query(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.query(f"PRAGMA user_version = {SCHEMA_VERSION}")
        connection.query("COMMIT")
    except BaseException:
        connection.abandon()
        raise


def _use_wal(connection: Connection, busy_timeout: float) -> None:
    """Switch to WAL; when two do so at once, SQLite refuses one of them without waiting."""
    deadline = time.monotonic() + busy_timeout
    while True:
        try:
            connection.query("PRAGMA journal_mode = WAL")
        except DRIVER_ERRORS as exc:
            if not is_busy(exc) or time.monotonic() > deadline:
                raise
            _NEVER.wait(_WAL_PAUSE_SECONDS)
        else:
            return


def _version(connection: Connection, path: Path) -> int:
    # One statement, so that a migration by another process cannot fall in between.
    [(owner, version, objects)] = connection.query(
        "SELECT application_id, user_version, (SELECT count(*) FROM sqlite_master) "
        "FROM pragma_application_id, pragma_user_version"
    )
    if owner != APPLICATION_ID and (version or objects):
        raise SinkError(
            f"{path} is the database of another program",
            error_class=ErrorClass.FATAL,
            hint="give the sink a path of its own",
        )
    if version > SCHEMA_VERSION:
        raise SinkError(
            f"{path} was written by a newer ogfd: schema version {version}, "
            f"this one knows {SCHEMA_VERSION}",
            error_class=ErrorClass.FATAL,
            hint="run that version of ogfd, or give the sink another path",
        )
    return int(version)
