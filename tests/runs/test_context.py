"""What a connector reports as progress belongs to the slice that its task works for."""

import logging
from datetime import UTC, datetime

import anyio

from ogfd.config import AccountFilter
from ogfd.runs.context import report_page, report_progress, slice_scope
from ogfd.runs.doors import ConnectorContext
from ogfd.traffic import Lanes, Spool, TrafficSettings


def _progress(slice, done, unit, total=None):
    return {"event": "progress", "slice": slice, "done": done, "total": total, "unit": unit}


async def test_reports_go_to_the_slice_of_the_task_that_makes_them():
    """Slices are read side by side; a task that one starts reports for it."""
    events = []

    async def read(slice, files):
        with slice_scope(slice, events.append):
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(anyio.lowlevel.checkpoint)
                for number in range(1, files + 1):
                    report_progress(number, files, "files")
                    await anyio.lowlevel.checkpoint()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(read, "a/cost/1", 2)
        tasks.start_soon(read, "a/cost/2", 1)

    assert [
        _progress("a/cost/1", 1, "files", 2),
        _progress("a/cost/1", 2, "files", 2),
        _progress("a/cost/2", 1, "files", 1),
    ] == sorted(events, key=lambda event: (event["slice"], event["done"]))


async def test_pages_are_counted_over_all_listings_of_a_slice():
    """Two listings side by side, each at its first page, have read two pages; a new slice none."""
    events = []
    for name in ("a/cost/1", "a/cost/2"):
        with slice_scope(name, events.append):
            async with anyio.create_task_group() as tasks:
                for _ in range(2):
                    tasks.start_soon(_list_one_page)

    assert [
        _progress("a/cost/1", 1, "pages"),
        _progress("a/cost/1", 2, "pages"),
        _progress("a/cost/2", 1, "pages"),
        _progress("a/cost/2", 2, "pages"),
    ] == events


async def _list_one_page():
    await anyio.lowlevel.checkpoint()
    report_page(1)


def test_reports_outside_of_a_slice_go_nowhere():
    """A listing for discovery has no slice yet."""
    events = []
    report_page(1)
    with slice_scope("a/cost/1", events.append):
        pass
    report_progress(1, None, "files")

    assert [] == events


async def test_a_connectors_pages_are_reported_without_its_doing(tmp_path):
    """Beside what it reports itself."""
    events = []

    async def page(offset):
        return "abc"[offset : offset + 2]

    async with ConnectorContext(
        TrafficSettings(connector="a", provider="p", principal="1"),
        lanes=Lanes(),
        spool=Spool(tmp_path / "spool", 1 << 20),
        log=logging.LoggerAdapter(logging.getLogger("tests.runs"), {}),
        now=lambda: datetime(2026, 10, 1, tzinfo=UTC),
    ) as ctx:
        with slice_scope("a/cost/1", events.append):
            async for rows in ctx.pages(page, offset=len):
                ctx.progress(len(rows), None, "rows")

    assert [
        _progress("a/cost/1", 1, "pages"),
        _progress("a/cost/1", 2, "rows"),
        _progress("a/cost/1", 2, "pages"),
        _progress("a/cost/1", 1, "rows"),
        _progress("a/cost/1", 3, "pages"),
        _progress("a/cost/1", 0, "rows"),
    ] == events


async def test_a_connector_may_ask_which_accounts_are_wanted(tmp_path):
    """By the patterns of its table; without any, all are."""
    parts = {
        "lanes": Lanes(),
        "spool": Spool(tmp_path / "spool", 1 << 20),
        "log": logging.LoggerAdapter(logging.getLogger("tests.runs"), {}),
        "now": lambda: datetime(2026, 10, 1, tzinfo=UTC),
    }
    settings = TrafficSettings(connector="a", provider="p", principal="1")
    accounts = AccountFilter(include=("1*", "2"), exclude=("13*",))
    async with ConnectorContext(settings, selects=accounts.keeps, **parts) as ctx:
        assert {"12": True, "2": True, "21": False, "130": False} == {
            account: ctx.selects(account) for account in ("12", "2", "21", "130")
        }
    async with ConnectorContext(settings, **parts) as ctx:
        assert ctx.selects("21")


async def test_a_connector_may_ask_from_when_on_a_stream_is_wanted(tmp_path):
    """As its table says, or nobody."""
    parts = {
        "lanes": Lanes(),
        "spool": Spool(tmp_path / "spool", 1 << 20),
        "log": logging.LoggerAdapter(logging.getLogger("tests.runs"), {}),
        "now": lambda: datetime(2026, 10, 1, tzinfo=UTC),
    }
    settings = TrafficSettings(connector="a", provider="p", principal="1")
    starts = {"cost": "2025-01", "carbon": None}
    async with ConnectorContext(settings, starts=starts, **parts) as ctx:
        assert ["2025-01", None, None] == [ctx.start(n) for n in ("cost", "carbon", "other")]
