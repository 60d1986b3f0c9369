"""The tables: made once, checked at opening, never taken from somebody else."""

import sqlite3
from decimal import Decimal

import anyio
import pytest

from ogfd.plugin import ACTIVITY_SCHEMA, ErrorClass, SinkError
from ogfd.sinks.sqlite import SqliteConfig, ogfd_sink
from ogfd.sinks.sqlite.columns import KEPT_SCHEMA
from ogfd.sinks.sqlite.schema import SCHEMA_VERSION
from ogfd.testing import make_package
from ogfd.testing.samples import cost_row, cost_rows


def _outside(path, sql):
    """Look at the file with another SQLite; no sink of this process has it open."""
    db = sqlite3.connect(path)
    try:
        rows = db.execute(sql).fetchall()
        db.commit()
        return rows
    finally:
        db.close()


async def _migrate(config, ctx):
    migrate = ogfd_sink().migrate
    assert migrate is not None
    await migrate(config, ctx)


async def test_the_table_has_every_column_of_the_activity_schema(opened, config):
    """A column added to the schema needs a migration here."""
    async with opened():
        pass
    names = [row[1] for row in _outside(config.path, "PRAGMA table_info(activities)")]

    assert ["slice", "generation", *ACTIVITY_SCHEMA.names] == names
    assert names == KEPT_SCHEMA.names


async def test_the_file_is_durable_and_readable_beside_the_writer(opened, config):
    """The log is a write-ahead log, the file is marked as ours."""
    async with opened() as sink:
        await sink.commit(make_package(cost_rows(3)), 0, "a")
        assert [(2,)] == sink._writer.query("PRAGMA synchronous")

    assert [("wal",)] == _outside(config.path, "PRAGMA journal_mode")
    assert [(SCHEMA_VERSION,)] == _outside(config.path, "PRAGMA user_version")
    assert [("ok",)] == _outside(config.path, "PRAGMA integrity_check")


async def test_the_cost_view_has_a_date_and_only_rows_with_cost(opened, config):
    """BI tools read ogfd_cost; rows that carry no cost are not in it."""
    rows = [*cost_rows(2), {**cost_rows(3)[2], "billed_cost": None, "effective_cost": None}]
    async with opened() as sink:
        await sink.commit(make_package(rows), 0, "a")
    found = _outside(config.path, "SELECT usage_date, billed_cost FROM ogfd_cost ORDER BY 1")

    assert [("2026-10-01", 0.0), ("2026-10-02", 0.1)] == found


async def test_the_view_of_reported_emissions_has_what_providers_report(opened, config):
    """An emission that is null stays null; cost is not in it."""
    carbon = {"method": "supplier_specific", "billed_cost": None, "effective_cost": None}
    rows = [
        *cost_rows(2),
        cost_row(3, **carbon, location_based_kg=Decimal("1.5"), market_based_kg=None),
    ]
    async with opened() as sink:
        await sink.commit(make_package(rows), 0, "a")
    sql = "SELECT location_based_kg, market_based_kg FROM ogfd_emissions_reported"

    assert [(1.5, None)] == _outside(config.path, sql)


async def test_a_file_of_the_first_version_gets_the_later_views(config, ctx):
    """Its rows stay."""
    await _migrate(config, ctx)
    _outside(config.path, "DROP VIEW ogfd_emissions_reported")
    _outside(config.path, "PRAGMA user_version = 1")
    await _migrate(config, ctx)

    assert [] == _outside(config.path, "SELECT * FROM ogfd_emissions_reported")


async def test_migrating_again_or_at_once_does_no_harm(config, ctx):
    """Two daemons may start on one new file."""
    patient = SqliteConfig(path=config.path, busy_timeout=20)
    async with anyio.create_task_group() as group:
        for _ in range(4):
            group.start_soon(_migrate, patient, ctx)
    await _migrate(config, ctx)

    assert [(SCHEMA_VERSION,)] == _outside(config.path, "PRAGMA user_version")


async def test_a_newer_schema_is_refused(opened, config):
    """A file of a later ogfd is not touched."""
    async with opened():
        pass
    _outside(config.path, f"PRAGMA user_version = {SCHEMA_VERSION + 1}")

    with pytest.raises(SinkError, match="newer ogfd: schema version") as caught:
        async with opened():
            pass
    assert ErrorClass.FATAL is caught.value.error_class
    assert [(SCHEMA_VERSION + 1,)] == _outside(config.path, "PRAGMA user_version")


async def test_a_database_of_another_program_is_refused(opened, config):
    """A path that names somebody else's database is a mistake."""
    _outside(config.path, "CREATE TABLE theirs (a)")

    with pytest.raises(SinkError, match="another program"):
        async with opened():
            pass
    assert [("theirs",)] == _outside(config.path, "SELECT name FROM sqlite_master")


async def test_a_file_that_is_no_database_is_refused(opened, config):
    """Text is no database."""
    config.path.write_text("no database, but long enough to be looked at\n" * 100)

    with pytest.raises(SinkError, match="no SQLite database") as caught:
        async with opened():
            pass
    assert ErrorClass.FATAL is caught.value.error_class


@pytest.mark.parametrize(
    ("place", "reason"), [("none/ogfd.db", "there is no directory"), ("", "this is a directory")]
)
async def test_a_path_that_cannot_be_a_file_is_refused(tmp_path, ctx, place, reason):
    """The message names the path and what is wrong with it."""
    with pytest.raises(SinkError, match=reason) as caught:
        await _migrate(SqliteConfig(path=tmp_path / place), ctx)
    assert str(tmp_path) in str(caught.value)


async def test_opening_makes_no_file(config, ctx):
    """Only migrate creates; a command that opens a wrong path leaves nothing behind."""
    with pytest.raises(SinkError, match="no such file"):
        async with ogfd_sink().open(config, ctx):
            pass
    assert not config.path.exists()
